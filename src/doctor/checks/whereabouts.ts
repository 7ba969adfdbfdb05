import { ipKey } from '../../base/address.ts'
import { ownAddresses } from '../../net/kernel/machine.ts'
import { scopeOf } from '../../net/ports/relay-addresses.ts'
import type { Facts, TurnEndpoint } from '../facts.ts'
import { relayed } from './relaying-addresses.ts'

/**
 * What an address of a URI is, seen from the relay's machine: this machine, the
 * router in front of it, another machine; `unknown` where no public address of
 * ours is known, so that it may be the router.
 */
export type Whereabouts = 'here' | 'router' | 'elsewhere' | 'unknown'

/**
 * Tells where a URI leads; undefined where we are not on the relay's machine,
 * and for private addresses that are not ours.
 */
export function whereabouts(facts: Facts, { address: at, uri }: TurnEndpoint): Whereabouts | undefined {
  const { config } = facts.subject
  if (!config || !facts.isOnRelay) return undefined
  const key = ipKey(at.ip)
  const own = ownAddresses()
  if (own.some(ip => ipKey(ip) === key)) return 'here'
  const relays = relayed(facts)
  if (relays.some(relay => ipKey(relay.public) === key)) return 'router'
  // The relay follows this name itself, so it stands for the router whatever its address is now.
  const isFollowed = config.settings.relay.addresses.some(
    entry => entry !== 'auto' && entry.public === uri.host,
  )
  if (isFollowed) return 'router'
  // A private address that is not ours may be a wrong DNS record as well as the host of a container.
  if (scopeOf(at.ip) !== 'public') return undefined
  const ours = [...own, ...relays.map(relay => relay.public)]
  const isKnown = ours.some(ip => ip.length === at.ip.length && scopeOf(ip) === 'public')
  return isKnown ? 'elsewhere' : 'unknown'
}

/** The public addresses of this relay, for a reader. */
export function publicAddresses(facts: Facts): readonly Uint8Array[] {
  const ours = [...relayed(facts).map(relay => relay.public), ...ownAddresses()]
  const byKey = new Map(ours.filter(ip => scopeOf(ip) === 'public').map(ip => [ipKey(ip), ip]))
  return [...byKey.values()]
}
