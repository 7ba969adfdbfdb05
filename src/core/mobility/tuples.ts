import type { ClientAddress } from '../../base/address.ts'
import { type FiveTuple, NOWHERE } from '../../base/five-tuple.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Allocation } from '../allocation.ts'
import type { Command } from '../command.ts'

/** Whether the client's connection is gone. */
export function isAway({ client }: Pick<Allocation, 'client'>): boolean {
  return client.socket === NOWHERE
}

export function isAt(client: FiveTuple, socket: SocketId, address: ClientAddress): boolean {
  return client.socket === socket && client.address.key === address.key
}

/** What other shards have to know when an allocation ends whose client has not always been where it is. */
export function unhost({ client, mobility }: Allocation): Command[] {
  if (!mobility || mobility.latest === 1) return []
  const tuples = mobility.arrival ? [client, mobility.arrival.client] : [client]
  return tuples.filter(({ socket }) => socket !== NOWHERE).map(leftBy)
}

export function leftBy(client: FiveTuple): Command {
  return { kind: 'host', client, on: false }
}
