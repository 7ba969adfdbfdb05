import { address, formatAddress } from '../base/address.ts'
import type { AllocationId, SocketId } from '../base/ids.ts'
import { noTraffic } from '../base/route.ts'
import type { RoutesEnded } from '../core/input.ts'
import type { GivenRelay, RelayRest } from '../relay/hand-over/hand-over.ts'
import type { ShardCopy } from '../relay/hand-over/shard-copy.ts'
import { NOT_OPEN } from '../system/descriptors.ts'
import { rest } from '../system/slices.ts'
import { CARRIED_FIGURES, type Copied, type Given, given, type Rest, restGiven } from './protocol.ts'

/** What is said of a relay that is given: all but its descriptors and its state. `since`: when it stopped reading. */
export function describeGiven({ shards, common }: GivenRelay, since: bigint) {
  return {
    kind: 'given',
    since: `${since}`,
    shards: shards.map(describeShard),
    ...(common && {
      common: {
        keys: { nonces: base64(common.keys.nonces), tickets: base64(common.keys.tickets) },
        reserved: common.reserved.map(({ parked, owner, client, expires }) => ({
          token: base64(parked.token),
          local: formatAddress(parked.local),
          owner,
          client: formatAddress(client),
          expires,
        })),
      },
    }),
  }
}

function describeShard(shard: GivenRelay['shards'][number]) {
  const { udp, listeners, connections, reserved, doors, closed } = shard
  return {
    ...(closed && { closed }),
    udp: udp.map(({ id, purpose, local }) => ({ id, purpose, local: formatAddress(local) })),
    listeners: listeners.map(({ transport, address }) => ({ transport, address: formatAddress(address) })),
    connections: connections.map(({ remote, id, tlsOnly, unread, unsent, dropped }) => ({
      remote: formatAddress(remote),
      ...(id !== undefined && { id }),
      tlsOnly,
      unread: base64(unread),
      unsent: base64(unsent),
      dropped,
    })),
    reserved: reserved.map(({ socket, owner, client }) => ({ socket, owner, client: formatAddress(client) })),
    doors,
  }
}

/**
 * Describes a relay that is made up, and puts it together again, until the code is warm for when everybody
 * waits for it.
 */
export async function rehearseGiven(): Promise<void> {
  const nowhere = address(new Uint8Array(4), 1)
  const [id, fd, none] = [1 as SocketId, NOT_OPEN, Buffer.alloc(0)]
  const connection = { fd, remote: nowhere, id, tlsOnly: false, unread: none, unsent: none, dropped: 0 }
  const shard = {
    snapshot: none,
    udp: [{ id, purpose: 'listener' as const, local: nowhere, fd }],
    listeners: [{ transport: 'tcp' as const, address: nowhere, fd }],
    connections: Array.from({ length: MADE_UP }, () => connection),
    reserved: [],
    doors: [],
    closed: [id],
  }
  for (let time = 0; time < TIMES; time++) {
    const said: unknown = JSON.parse(JSON.stringify(describeGiven({ shards: [shard] }, 0n)))
    restoreGiven(given.parse(said), [none], new Array<number>(MADE_UP + 2).fill(fd))
    const end: unknown = JSON.parse(JSON.stringify(describeRest(madeUpRest(), 0n)))
    restoreRest(restGiven.parse(end))
    await rest()
  }
}

function madeUpRest(): RelayRest {
  const [none, count] = [Buffer.alloc(0), Array.from({ length: MADE_UP })]
  const carried = { traffic: noTraffic(), dropped: 0 }
  return [
    {
      connections: count.map(() => ({ id: 1 as SocketId, unread: none, unsent: none, dropped: 0 })),
      carried: count.map(() => ({ allocation: 1 as AllocationId, carried })),
      waiting: [],
    },
  ]
}

/** Connections that are made up, and how often. */
const [MADE_UP, TIMES] = [20, 20]

/** What is said of what has come while a relay was taken over. `since`: when it stopped reading. */
export function describeRest(rest: RelayRest, since: bigint) {
  const shards = rest.map(({ connections, carried, waiting }) => ({
    connections: connections.map(
      one => one && { ...one, unread: base64(one.unread), unsent: base64(one.unsent) },
    ),
    carried: carried.flatMap(({ allocation, carried: { traffic, dropped } }) => [
      allocation,
      ...[traffic.toPeer.packets, traffic.toPeer.bytes],
      ...[traffic.toClient.packets, traffic.toClient.bytes],
      dropped,
    ]),
    waiting: waiting.map(({ via, socket, from, bytes, isReferred }) => ({
      via,
      socket,
      from: formatAddress(from),
      bytes: base64(bytes),
      ...(isReferred && { isReferred }),
    })),
  }))
  // JSON has null where there is nothing.
  return { kind: 'rest', since: `${since}`, shards }
}

/** Puts that together again. */
export function restoreRest({ shards }: Rest): RelayRest {
  return shards.map(({ connections, carried, waiting }) => ({
    connections: connections.map(one => one ?? undefined),
    carried: carriedOf(carried),
    waiting: waiting.map(one => ({ kind: 'datagram' as const, ...one })),
  }))
}

function carriedOf(figures: readonly number[]): RoutesEnded[] {
  const carried: RoutesEnded[] = []
  for (let i = 0; i < figures.length; i += CARRIED_FIGURES) {
    const [allocation, ...counts] = figures.slice(i, i + CARRIED_FIGURES)
    const [up = 0, upBytes = 0, down = 0, downBytes = 0, dropped = 0] = counts
    const toPeer = { packets: up, bytes: upBytes }
    const toClient = { packets: down, bytes: downBytes }
    carried.push({
      allocation: allocation as AllocationId,
      carried: { traffic: { toPeer, toClient }, dropped },
    })
  }
  return carried
}

/** What is said of copies that go ahead: all but their descriptors and the state. */
export function describeCopies(copies: readonly ShardCopy[]) {
  const shards = copies.map(({ isWhole, sockets, closed, changed }) => ({
    isWhole,
    sockets: sockets.map(({ id, local }) => ({ id, local: formatAddress(local) })),
    closed,
    changed,
  }))
  return { kind: 'copied', shards }
}

/** Puts together again what was sent ahead. */
export function restoreCopies(
  { shards }: Copied,
  states: readonly Uint8Array[],
  descriptors: readonly number[],
): ShardCopy[] {
  const next = descriptors.values()
  return shards.map(({ sockets, ...shard }, i) => ({
    ...shard,
    state: states[i]!,
    sockets: sockets.map(socket => ({ ...socket, fd: next.next().value! })),
  }))
}

/** Its descriptors, in the order of the description. */
export function descriptorsOf({ shards, common }: GivenRelay): number[] {
  return [
    ...shards.flatMap(({ udp, listeners, connections }) => [...udp, ...listeners, ...connections]),
    ...(common?.reserved ?? []).map(({ parked }) => parked),
  ].map(({ fd }) => fd)
}

/** How many descriptors go with a description. */
export function countOf({ shards, common }: Given): number {
  const sockets = shards.map(
    ({ udp, listeners, connections }) => [...udp, ...listeners, ...connections].length,
  )
  return sockets.reduce((sum, count) => sum + count, common?.reserved.length ?? 0)
}

/** Puts together again what was given, with the state of each worker. */
export function restoreGiven(
  { shards, common }: Given,
  snapshots: readonly Uint8Array[],
  descriptors: readonly number[],
): GivenRelay {
  const next = descriptors.values()
  const withFd = <T>(one: T) => ({ ...one, fd: next.next().value! })
  return {
    shards: shards.map((shard, i) => ({
      snapshot: snapshots[i]!,
      udp: shard.udp.map(withFd),
      listeners: shard.listeners.map(withFd),
      connections: shard.connections.map(withFd),
      reserved: shard.reserved,
      doors: shard.doors,
      ...(shard.closed && { closed: shard.closed }),
    })),
    ...(common && {
      common: {
        keys: common.keys,
        reserved: common.reserved.map(({ token, local, ...port }) => ({
          ...port,
          parked: withFd({ token, local }),
        })),
      },
    }),
  }
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('base64')
}
