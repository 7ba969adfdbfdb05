import { address, type Family, formatAsked } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { clientHost } from '../homeserver/synapse-lines.ts'
import {
  type AddressSource,
  type ResolvedRelayAddress,
  relayAddresses,
  scopeOf,
} from '../net/ports/relay-addresses.ts'

type Lookups = ReadonlyMap<string, readonly Uint8Array[]>

/** The addresses that a relay with these settings relays from on this machine; names by what was looked up. */
export function relayedFrom(
  { relay }: Pick<Loaded['settings'], 'relay'>,
  lookups: Lookups,
): readonly ResolvedRelayAddress[] {
  const lookUp = (source: AddressSource, family: Family) =>
    lookups
      .get(typeof source === 'string' ? source : formatAsked(source))
      ?.find(ip => address(ip, 0).family === family)
  return relayAddresses(relay.addresses, undefined, lookUp).addresses
}

/** The name clients are to use, as the relay itself says at its start on this machine. */
export function guessedHost(
  loaded: Pick<Loaded, 'settings' | 'defaults'>,
  lookups: Lookups = new Map(),
): string {
  return clientHost(loaded, relayedFrom(loaded.settings, lookups), ip => scopeOf(ip) === 'public')
}
