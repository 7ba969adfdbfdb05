import { randomFillSync } from 'node:crypto'
import { type Address, address, RECORD, writeRecord } from '../../src/base/address.ts'
import { type Batch, createBatch, HEADROOM, PASS } from '../../src/base/batch.ts'
import { Counters } from '../../src/base/counters.ts'
import type { ChannelNumber, LifetimeId, RouteId, SocketId } from '../../src/base/ids.ts'
import { Lifetimes } from '../../src/base/lifetimes.ts'
import type { Route } from '../../src/base/route.ts'
import type { Random, Time } from '../../src/base/time.ts'
import { RouteTable } from '../../src/forward/route-table.ts'
import { Meters } from '../../src/limits/meters.ts'

export interface Scenario {
  /** `local`: from one client to another of the same server. */
  readonly direction: 'client to peer' | 'peer to client' | 'local'
  readonly form: 'channel' | 'indication'
  readonly family: 4 | 6
  readonly allocations: number
  /** Datagrams in a batch. */
  readonly batch: number
  /** Token buckets that every payload passes. */
  readonly buckets: number
}

export const NOW = 1_800_000_000_000 as Time

/** One Opus frame of 20 ms with its RTP header, about. */
const PAYLOAD = 160
/** Octets of a datagram that a route table may read: the longest header of a Send indication. */
const HEAD = 48
const HEAD_WORDS = HEAD / 4
const RECORD_WORDS = RECORD / 4
const LISTENER = 1 as SocketId
const CHANNEL = 0x4001 as ChannelNumber

/**
 * A route table with so many allocations, each with one peer, and an endless
 * stream of datagrams for it: every allocation in turn, in an order that no
 * cache can guess.
 */
export class Traffic {
  readonly table: RouteTable
  readonly batch: Batch
  /** The slots' octets in words, to fill them fast. */
  readonly #slab: Int32Array
  readonly #headWords: Int32Array
  readonly #remoteWords: Int32Array
  readonly #socket: Int32Array
  readonly #length: Int32Array
  readonly #start: number
  #next = 0

  constructor(scenario: Scenario, random: Random = into => randomFillSync(into)) {
    const { allocations } = scenario
    const meters = new Meters()
    const buckets = Array.from({ length: scenario.buckets }, () => meters.open(Number.MAX_SAFE_INTEGER, NOW))
    const lifetimes = new Lifetimes()
    this.table = new RouteTable(new Counters(), meters, lifetimes, random)
    const lifetime = () => lifetimes.open((NOW + 300_000_000_000) as Time)
    const routes = Array.from({ length: allocations }, (_, i) => ({
      ...routeOf(scenario, i, lifetime),
      meters: buckets,
    }))
    for (const route of routes) this.table.add(route)

    const head = new Uint8Array(allocations * HEAD)
    const remote = new Uint8Array(allocations * RECORD)
    this.#headWords = new Int32Array(head.buffer)
    this.#remoteWords = new Int32Array(remote.buffer)
    this.#socket = new Int32Array(allocations)
    this.#length = new Int32Array(allocations)
    for (const [at, route] of shuffled(routes).entries()) {
      const arrives = scenario.direction === 'peer to client'
      const octets = arrives ? Buffer.alloc(PAYLOAD) : fromClient(scenario, route)
      head.set(octets.subarray(0, HEAD), at * HEAD)
      writeRecord(arrives ? route.peer : route.client, remote, at * RECORD)
      this.#socket[at] = arrives ? route.relaySocket : route.clientSocket
      this.#length[at] = octets.length
    }
    this.batch = createBatch(scenario.batch, PAYLOAD + HEAD)
    this.batch.count = scenario.batch
    this.#slab = new Int32Array(this.batch.bytes.buffer, this.batch.bytes.byteOffset)
    this.#start = HEADROOM
  }

  /** Puts the next datagrams into the batch, as a transport would. */
  fill(): void {
    const { batch } = this
    for (let i = 0; i < batch.count; i++) {
      const from = this.#next
      const start = i * batch.stride + this.#start
      for (let k = 0; k < HEAD_WORDS; k++) {
        this.#slab[(start >> 2) + k] = this.#headWords[from * HEAD_WORDS + k]!
      }
      for (let k = 0; k < RECORD_WORDS; k++) {
        batch.remoteWords[i * RECORD_WORDS + k] = this.#remoteWords[from * RECORD_WORDS + k]!
      }
      batch.start[i] = start
      batch.length[i] = this.#length[from]!
      batch.socket[i] = this.#socket[from]!
      batch.verdict[i] = PASS
      this.#next = from + 1 === this.#length.length ? 0 : from + 1
    }
  }
}

/** In a local scenario, allocations 0 and 1 talk to each other, and 2 and 3, and so on. */
function routeOf(scenario: Scenario, i: number, lifetime: () => LifetimeId): Route {
  const local = scenario.direction === 'local'
  const relay = (n: number) => (2 + n) as SocketId
  const relayed = (n: number) => host(scenario.family, 1, n)
  const neighbour = i ^ 1
  const route = {
    id: i as RouteId,
    channel: scenario.form === 'channel' ? CHANNEL : (0 as const),
    client: host(scenario.family, 2, i),
    clientSocket: LISTENER,
    via: 'udp' as const,
    relayed: relayed(i),
    relaySocket: relay(i),
    peer: local ? relayed(neighbour) : host(scenario.family, 3, i),
    relayedLifetime: lifetime(),
    peerLifetime: lifetime(),
    meters: [],
  }
  return local ? { ...route, local: relay(neighbour) } : route
}

function host(family: 4 | 6, net: number, n: number): Address {
  const low = [n >> 16, (n >> 8) & 255, n & 255]
  const ip = family === 4 ? [net, ...low] : [0x20, 1, 0xd, 0xb8, 0, net, 0, 0, 0, 0, 0, 0, 0, ...low]
  return address(Uint8Array.from(ip), 40000 + (n % 1000))
}

function fromClient(scenario: Scenario, route: Route): Buffer {
  if (scenario.form === 'channel') {
    const octets = Buffer.alloc(4 + PAYLOAD)
    octets.writeUInt16BE(CHANNEL, 0)
    octets.writeUInt16BE(PAYLOAD, 2)
    return octets
  }
  const { ip, port } = route.peer
  const octets = Buffer.alloc(20 + 8 + ip.length + 4 + PAYLOAD)
  octets.writeUInt16BE(0x0016, 0)
  octets.writeUInt16BE(octets.length - 20, 2)
  octets.writeUInt32BE(0x2112a442, 4)
  randomFillSync(octets, 8, 12)
  octets.writeUInt16BE(0x0012, 20)
  octets.writeUInt16BE(4 + ip.length, 22)
  octets.writeUInt16BE(ip.length === 4 ? 1 : 2, 24)
  octets.writeUInt16BE(port ^ 0x2112, 26)
  for (const [i, octet] of ip.entries()) octets[28 + i] = octet ^ octets[4 + i]!
  octets.writeUInt16BE(0x0013, 28 + ip.length)
  octets.writeUInt16BE(PAYLOAD, 30 + ip.length)
  return octets
}

/** A shuffle that is the same every time. */
function shuffled<T>(values: readonly T[]): T[] {
  const order = [...values]
  let seed = 1
  for (let i = order.length - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const j = seed % (i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
