import { formatAddress } from '../base/address.ts'
import type { GivenShard } from '../relay/hand-over/shard-hand-over.ts'
import type { Given } from './protocol.ts'

/** What is said of a shard that is given: all but its descriptors and its state. `since`: when it stopped reading. */
export function describeGiven(shard: GivenShard, since: bigint) {
  return {
    kind: 'given',
    since: `${since}`,
    udp: shard.udp.map(({ id, purpose, local }) => ({ id, purpose, local: formatAddress(local) })),
    listeners: shard.listeners.map(({ transport, address }) => ({
      transport,
      address: formatAddress(address),
    })),
    connections: shard.connections.map(({ remote, id, tlsOnly, unread, unsent, dropped }) => ({
      remote: formatAddress(remote),
      ...(id !== undefined && { id }),
      tlsOnly,
      unread: Buffer.from(unread).toString('base64'),
      unsent: Buffer.from(unsent).toString('base64'),
      dropped,
    })),
    reserved: shard.reserved.map(({ socket, owner, client }) => ({
      socket,
      owner,
      client: formatAddress(client),
    })),
  }
}

/** Its descriptors, in the order of the description. */
export function descriptorsOf({ udp, listeners, connections }: GivenShard): number[] {
  return [...udp, ...listeners, ...connections].map(({ fd }) => fd)
}

/** How many descriptors go with a description. */
export function countOf({ udp, listeners, connections }: Given): number {
  return udp.length + listeners.length + connections.length
}

/** Puts together again what was given. */
export function restoreGiven(given: Given, snapshot: Buffer, descriptors: readonly number[]): GivenShard {
  const next = descriptors.values()
  const withFd = <T>(one: T) => ({ ...one, fd: next.next().value! })
  return {
    snapshot,
    udp: given.udp.map(withFd),
    listeners: given.listeners.map(withFd),
    connections: given.connections.map(withFd),
    reserved: given.reserved,
  }
}
