import type { Address } from '../../base/address.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import type { LifetimeId, RouteId, SocketId } from '../../base/ids.ts'
import type { Lifetimes } from '../../base/lifetimes.ts'
import { type Carried, nothingCarried, type Route } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import { viaNumber } from '../../base/via.ts'
import type { Meters } from '../../limits/meters.ts'
import { KernelBuckets } from './kernel-buckets.ts'
import { type KernelClient, KernelClients } from './kernel-clients.ts'
import type { KernelTable } from './kernel-table.ts'
import { flowKey, KIND, MOST_METERS, namedPeerKey } from './layout.ts'
import { isInside, type RouteEnds, RouteMemory } from './route-memory.ts'

/** Routes that are counted in one turn of the event loop, well below a millisecond. */
const TURN = 256

/** What routes refer to. */
export interface KernelSurroundings {
  readonly counters: Counters
  readonly meters: Meters
  readonly lifetimes: Lifetimes
  /** What a socket is bound to. */
  readonly boundTo: (socket: SocketId) => Address | undefined
}

/** A route in the kernel. */
export interface HeldRoute {
  readonly place: number
  readonly client: KernelClient
  readonly peer: Uint8Array
  route: Route
  flows: readonly Uint8Array[]
  /** What of its figures is in the counters already. */
  counted: Carried
}

/** The routes of one shard that are in the kernel, in one set of its maps. */
export class KernelOffload {
  readonly #table: KernelTable
  readonly #around: KernelSurroundings
  readonly #routes: RouteMemory
  readonly #buckets: KernelBuckets
  readonly #clients: KernelClients
  readonly #held = new Map<RouteId, HeldRoute>()
  readonly #byLifetime = new Map<LifetimeId, Set<HeldRoute>>()

  constructor(table: KernelTable, around: KernelSurroundings) {
    this.#table = table
    this.#around = around
    this.#routes = new RouteMemory(table)
    this.#buckets = new KernelBuckets(table, around.meters)
    this.#clients = new KernelClients(table)
  }

  /** Routes that are in the kernel. */
  get size(): number {
    return this.#held.size
  }

  ids(): IterableIterator<RouteId> {
    return this.#held.keys()
  }

  /**
   * Enters a route, or gives the one with its id another channel or lifetime,
   * where the kernel can carry it. False if the one with its id has to be
   * withdrawn first, as it goes another way.
   */
  enter(route: Route, now: Time): boolean {
    const ends = this.#endsOf(route)
    const before = this.#held.get(route.id)
    if (before)
      return ends !== undefined && isSamePath(before.route, route) && this.#change(before, route, ends)
    if (!ends) return true
    const buckets = this.#buckets.retain(route.meters, now)
    if (!buckets) return true
    const place = this.#routes.take()
    const client = place === undefined ? undefined : this.#clients.retain(route, ends)
    if (place === undefined || !client) {
      this.#buckets.release(route.meters)
      if (place !== undefined) this.#routes.give(place)
      return true
    }
    const peer = namedPeerKey(client.number, route.peer)
    const held = { place, client, peer, route, flows: flowsOf(route, ends), counted: nothingCarried() }
    this.#routes.write(place, route, ends, buckets)
    this.#held.set(route.id, held)
    this.#follow(held)
    const isIn =
      held.flows.every(key => this.#table.setFlow(key, place)) && this.#table.setNamedPeer(peer, place)
    if (isIn) this.#renewRoute(held)
    else this.settle(this.withdraw(route.id)!)
    return true
  }

  /**
   * Stops a route in the kernel: nothing leads to it any more, and it is over.
   * What the program has in hand may still be counted; see `settle`.
   */
  withdraw(id: RouteId): HeldRoute | undefined {
    const held = this.#held.get(id)
    if (!held) return undefined
    this.#routes.stop(held.place)
    for (const key of held.flows) this.#table.deleteFlow(key)
    this.#table.deleteNamedPeer(held.peer)
    this.#unfollow(held)
    this.#buckets.release(held.route.meters)
    this.#clients.release(held.client)
    this.#held.delete(id)
    return held
  }

  /** Has the kernel relay none of the routes; they are to be withdrawn. Ten thousand take less than a millisecond. */
  stop(): void {
    for (const { place } of this.#held.values()) this.#routes.stop(place)
  }

  /** Returns the figures of a route that was withdrawn a while ago, and frees its place. */
  settle(held: HeldRoute): Carried {
    const carried = this.#count(held)
    this.#routes.give(held.place)
    return carried
  }

  /** What a route has carried in the kernel; undefined if it is not there. */
  carried(id: RouteId): Carried | undefined {
    const held = this.#held.get(id)
    return held && this.#routes.carried(held.place)
  }

  /** Brings counters and token buckets up to date, and yields after some of them. */
  *poll(now: () => Time): Generator<undefined, void> {
    let left = TURN
    for (const held of this.#held.values()) {
      this.#count(held)
      if (--left > 0) continue
      yield undefined
      left = TURN
    }
    yield* this.#buckets.settle(now)
  }

  /** Takes over a lifetime that has changed. */
  renew(id: LifetimeId): void {
    for (const held of this.#byLifetime.get(id) ?? []) this.#renewRoute(held)
  }

  #change(held: HeldRoute, route: Route, ends: RouteEnds): boolean {
    const flows = flowsOf(route, ends)
    const kept = new Set(flows.map(String))
    for (const key of held.flows) if (!kept.has(String(key))) this.#table.deleteFlow(key)
    this.#unfollow(held)
    held.route = route
    held.flows = flows
    this.#follow(held)
    this.#routes.setChannel(held.place, route.channel)
    this.#renewRoute(held)
    return flows.every(key => this.#table.setFlow(key, held.place))
  }

  /** What the ends are bound to; undefined where the kernel cannot carry the route. */
  #endsOf(route: Route): RouteEnds | undefined {
    if (route.via !== 'udp' || route.meters.length > MOST_METERS) return undefined
    const server = this.#around.boundTo(route.clientSocket)
    const relay = this.#around.boundTo(route.relaySocket)
    if (!server || !relay) return undefined
    // What comes by a wire and says it is from this machine is forged: the kernel drops it, after the program.
    if ([route.client, server, relay, route.peer].some(isOfOneMachine)) return undefined
    return { server, relay }
  }

  #follow(held: HeldRoute): void {
    for (const id of [held.route.relayedLifetime, held.route.peerLifetime]) {
      const routes = this.#byLifetime.get(id)
      if (routes) routes.add(held)
      else this.#byLifetime.set(id, new Set([held]))
    }
  }

  #unfollow(held: HeldRoute): void {
    for (const id of [held.route.relayedLifetime, held.route.peerLifetime]) {
      const routes = this.#byLifetime.get(id)
      if (routes?.delete(held) && routes.size === 0) this.#byLifetime.delete(id)
    }
  }

  #renewRoute({ place, route }: HeldRoute): void {
    const { lifetimes } = this.#around
    this.#routes.setUntil(
      place,
      this.#table.nanoseconds(lifetimes.until(route.relayedLifetime)),
      this.#table.nanoseconds(lifetimes.until(route.peerLifetime)),
    )
  }

  /** Enters in the counters what a route has carried since. Returns its figures. */
  #count(held: HeldRoute): Carried {
    const { counters } = this.#around
    const { traffic, dropped } = this.#routes.carried(held.place)
    counters.carried(viaNumber(held.route.via), traffic, held.counted.traffic)
    counters.add(Counter.dropRate, dropped - held.counted.dropped)
    const { toPeer, toClient } = held.counted.traffic
    counters.add(Counter.kernelToPeer, traffic.toPeer.packets - toPeer.packets)
    counters.add(Counter.kernelToClient, traffic.toClient.packets - toClient.packets)
    held.counted = { traffic, dropped }
    return held.counted
  }
}

/** Loopback, or no address at all. */
function isOfOneMachine({ ip }: Address): boolean {
  if (ip.length === 4) return ip[0] === 127 || ip[0] === 0
  return ip.every((octet, i) => octet === 0 || (i === 15 && octet === 1))
}

/** What leads to a route: its channel where it has one, and what comes from the other side. */
function flowsOf(route: Route, { server, relay }: RouteEnds): readonly Uint8Array[] {
  const back = isInside(route)
    ? flowKey(route.peer, route.relayed, KIND.local)
    : flowKey(route.peer, relay, KIND.peer)
  return route.channel === 0 ? [back] : [flowKey(route.client, server, route.channel), back]
}

/** Whether two routes differ in channel and lifetimes at most. */
function isSamePath(a: Route, b: Route): boolean {
  return (
    a.clientSocket === b.clientSocket &&
    a.client.key === b.client.key &&
    a.relaySocket === b.relaySocket &&
    a.relayed.key === b.relayed.key &&
    a.peer.key === b.peer.key &&
    isInside(a) === isInside(b) &&
    a.meters.join() === b.meters.join()
  )
}
