import type { Address } from '../../base/address.ts'
import type { Carried, Route } from '../../base/route.ts'
import type { KernelTable } from './kernel-table.ts'
import { ROUTE_AT, ROUTE_OCTETS, writeIp, writePort } from './layout.ts'

/** Where the ends of a route that are sockets here are bound. */
export interface RouteEnds {
  /** The listener that the client talks to. */
  readonly server: Address
  /** The relay socket, which peers may see under another address (1:1 NAT). */
  readonly relay: Address
}

/** Longer than any machine is up. */
const FOREVER = 2 ** 62

/** The routes of one shard in the memory that the kernel reads. */
export class RouteMemory {
  readonly #first: number
  readonly #count: number
  readonly #octets: Uint8Array
  readonly #halves: Uint16Array
  readonly #words: Uint32Array
  readonly #times: BigUint64Array
  readonly #free: number[] = []
  #used = 0

  constructor({ routes, first, count }: KernelTable) {
    this.#first = first
    this.#count = count
    this.#octets = new Uint8Array(routes)
    this.#halves = new Uint16Array(routes)
    this.#words = new Uint32Array(routes)
    this.#times = new BigUint64Array(routes)
  }

  /** A place for one route more; undefined when all are taken. */
  take(): number | undefined {
    const free = this.#free.pop()
    if (free !== undefined) return free
    return this.#used < this.#count ? this.#first + this.#used++ : undefined
  }

  /** Frees a place. The kernel must have stopped using it a while ago. */
  give(place: number): void {
    this.#octets.fill(0, place * ROUTE_OCTETS, (place + 1) * ROUTE_OCTETS)
    this.#free.push(place)
  }

  /** Writes all but the times and what is counted. */
  write(place: number, route: Route, ends: RouteEnds, buckets: readonly number[]): void {
    const at = place * ROUTE_OCTETS
    const bytes = this.#octets
    bytes.fill(0, at + ROUTE_AT.meters, at + ROUTE_OCTETS)
    for (const [i, bucket] of buckets.entries()) this.#words[(at + ROUTE_AT.meters) / 4 + i] = bucket
    writePort(bytes, at + ROUTE_AT.channel, route.channel)
    bytes[at + ROUTE_AT.is_local] = isInside(route) ? 1 : 0
    const put = (ip: number, port: number, address: Address) => {
      writeIp(bytes, at + ip, address)
      writePort(bytes, at + port, address.port)
    }
    put(ROUTE_AT.client, ROUTE_AT.client_port, route.client)
    put(ROUTE_AT.server, ROUTE_AT.server_port, ends.server)
    put(ROUTE_AT.peer, ROUTE_AT.peer_port, route.peer)
    put(ROUTE_AT.relay, ROUTE_AT.relay_port, ends.relay)
    put(ROUTE_AT.relayed, ROUTE_AT.relayed_port, route.relayed)
  }

  /** In one store, so that the kernel never sees half of it. */
  setChannel(place: number, channel: number): void {
    this.#halves[(place * ROUTE_OCTETS + ROUTE_AT.channel) / 2] = ((channel & 255) << 8) | (channel >> 8)
  }

  /** Says until when datagrams may pass, in nanoseconds of the kernel's clock. */
  setUntil(place: number, relayed: number, peer: number): void {
    const at = (place * ROUTE_OCTETS) / 8
    Atomics.store(this.#times, at + ROUTE_AT.relayed_until / 8, nanoseconds(relayed))
    Atomics.store(this.#times, at + ROUTE_AT.peer_until / 8, nanoseconds(peer))
  }

  /** Stops datagrams at once. */
  stop(place: number): void {
    const at = (place * ROUTE_OCTETS) / 8
    Atomics.store(this.#times, at + ROUTE_AT.relayed_until / 8, 0n)
    Atomics.store(this.#times, at + ROUTE_AT.peer_until / 8, 0n)
  }

  carried(place: number): Carried {
    const at = place * ROUTE_OCTETS
    return {
      traffic: {
        toPeer: {
          packets: this.#count64(at + ROUTE_AT.to_peer_packets),
          bytes: this.#count64(at + ROUTE_AT.to_peer_bytes),
        },
        toClient: {
          packets: this.#count64(at + ROUTE_AT.to_client_packets),
          bytes: this.#count64(at + ROUTE_AT.to_client_bytes),
        },
      },
      dropped: this.#count64(at + ROUTE_AT.dropped),
    }
  }

  /** Reads 64 bits that the kernel may be adding to, without a BigInt. */
  #count64(at: number): number {
    const words = this.#words
    for (;;) {
      const high = words[at / 4 + 1]!
      const low = words[at / 4]!
      if (words[at / 4 + 1] === high) return high * 2 ** 32 + low
    }
  }
}

/** Whether the peer is a relayed address of this server, in whichever shard. */
export function isInside(route: Route): boolean {
  return route.local !== undefined || route.wire !== undefined
}

function nanoseconds(moment: number): bigint {
  return BigInt(Math.max(0, Math.min(FOREVER, Math.floor(moment))))
}
