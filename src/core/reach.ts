import { type Address, ipKey } from '../base/address.ts'
import type { Allocation } from './allocation.ts'
import type { Context } from './context.ts'
import type { Reach } from './environment.ts'

/** Decides whether an allocation may exchange datagrams with a peer: by the peer policy, and by whose it is. */
export function reachOf(
  { environment, config: { confined } }: Pick<Context, 'environment' | 'config'>,
  { identity }: Pick<Allocation, 'identity'>,
  peer: Address,
): Reach {
  const verdict = environment.reach(peer)
  if (verdict === 'no' || confined?.tenant !== identity.owner.tenant) return verdict
  const key = ipKey(peer.ip)
  return confined.ips.some(ip => ipKey(ip) === key) ? 'local' : 'no'
}
