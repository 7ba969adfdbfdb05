import type { Address } from '../base/address.ts'
import type { Allocation } from './allocation.ts'
import type { Reach, RelayConfig } from './config.ts'

/** Decides whether an allocation may exchange datagrams with a peer: by the peer policy, and by whose it is. */
export function reachOf(
  { reach, confined }: Pick<RelayConfig, 'reach' | 'confined'>,
  { identity }: Pick<Allocation, 'identity'>,
  peer: Address,
): Reach {
  const verdict = reach(peer)
  if (verdict === 'no' || confined?.tenant !== identity.owner.tenant) return verdict
  return confined.isOurs(peer.ip) ? 'local' : 'no'
}
