import { address, ipKey, type PeerAddress } from '../base/address.ts'
import { after, type Time } from '../base/time.ts'
import type { Allocation } from './allocation.ts'
import type { Command } from './command.ts'
import type { Reach } from './environment.ts'
import type { RelayState } from './relay-state.ts'

/** Seconds between two events of the kind `withheld`. */
const WITHHELD_EVERY = 60

/** Decides whether an allocation may exchange datagrams with a peer: by the peer policy, and by whose it is. */
export function reachOf(
  { environment, config: { confined } }: Pick<RelayState, 'environment' | 'config'>,
  { identity }: Pick<Allocation, 'identity'>,
  peer: PeerAddress,
): Reach {
  const verdict = environment.reach(peer)
  if (verdict === 'no' || confined?.tenant !== identity.owner.tenant) return verdict
  const key = ipKey(peer.ip)
  return confined.ips.some(ip => ipKey(ip) === key) ? 'local' : 'no'
}

/**
 * Tells that a client wanted to reach a program of this machine and may not.
 * Clients see silence, or an error that browsers do not show, so it is the
 * operator who has to learn of it. Nothing where the peer is somewhere else.
 */
export function withheld(
  state: RelayState,
  { id, identity }: Allocation,
  peer: PeerAddress,
  now: Time,
): Command[] {
  if (now < state.withheldUntil) return []
  const key = state.environment.host?.keyFor(peer)
  if (!key) return []
  state.withheldUntil = after(now, WITHHELD_EVERY)
  const { owner } = identity
  // The address may be a view into the batch, and the event outlives that.
  const copy = address(Uint8Array.from(peer.ip), peer.port)
  return [{ kind: 'tell', event: { kind: 'withheld', at: now, allocation: id, owner, peer: copy, key } }]
}
