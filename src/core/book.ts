import type { ClientAddress, PeerAddress, WireAddress } from '../base/address.ts'
import { type FiveTuple, NOWHERE } from '../base/five-tuple.ts'
import type { AllocationId, AllocationRow, RouteId, SocketId } from '../base/ids.ts'
import type { Lifetimes } from '../base/lifetimes.ts'
import { after, type Random, type Time } from '../base/time.ts'
import { BoundedMap } from '../limits/bounded-map.ts'
import type { Allocation, Leg, OpenAllocation } from './allocation.ts'
import type { Owner } from './event.ts'
import { SharedPort, type Sharer } from './one-port/shared-port.ts'
import { Peers } from './peers/peers.ts'
import { Permissions } from './peers/permissions.ts'
import { UserHoldings } from './peers/user-holdings.ts'
import type { RelaySocket } from './relay-socket.ts'

/** A relayed address on this server, and whose it is. */
export interface Relayed {
  readonly allocation: OpenAllocation
  readonly leg: Leg
}

/** An odd port that waits for its RESERVATION-TOKEN (RFC 8656 §7.2). */
export interface Reservation {
  readonly relay: RelaySocket
  readonly owner: Owner
  readonly client: ClientAddress
  readonly expires: Time
}

/** Seconds that an unused odd port is held (RFC 8656 §7.2 asks for at least 30). */
export const RESERVATION_LIFETIME = 30

/** The answer to a request that ended its allocation. */
export interface RememberedAnswer {
  readonly socket: SocketId
  readonly client: ClientAddress
  readonly transaction: Buffer
  readonly bytes: Buffer
  readonly until: Time
}

/** Where a route leads that does not go by the network to the peer's own address. */
export interface Link {
  /** The leg of another allocation here that the peer is. */
  readonly leg?: Leg
  /** What the socket is bound to of another shard's allocation that the peer is. */
  readonly wire?: WireAddress
}

/** Seconds that an answer is remembered for a request that comes again (RFC 8489 §6.3.1). */
const MEMORY = 40
/** Answers remembered at most; above it the oldest go, and a repeated release is told 437, which means the same. */
const REMEMBERED = 1024

/** Ids have 16 digits and fit the 53 bits of a number. */
const FIRST_ID = 2 ** 52
const LAST_ID = 2 ** 53 - 1

/**
 * A place between the ids to count from. It is drawn at every start, so two
 * processes, workers or starts give out the same id once in many millions of years,
 * and a log line of last week names one allocation.
 */
export function drawId(random: Random): number {
  const octets = Buffer.alloc(8)
  random(octets)
  return FIRST_ID + Number(octets.readBigUInt64BE() & 0xf_ffff_ffff_ffffn)
}

/** Everything the relay knows, and the ways to find it. */
export class Book {
  readonly byId = new Map<AllocationId, Allocation>()
  /** By relay socket. */
  readonly bySocket = new Map<SocketId, Relayed>()
  /** By relayed address as peers see it. */
  readonly byRelayed = new Map<number | string, Relayed>()
  /** Relayed addresses that many allocations have, by relay socket. */
  readonly sharedPorts = new Map<SocketId, SharedPort>()
  /** The same by relayed address. */
  readonly sharedByRelayed = new Map<number | string, SharedPort>()
  /** Routes to ports at our own relay addresses, by peer address. */
  readonly toHost = new Map<number | string, Set<RouteId>>()
  /** By token, in latin1. */
  readonly reservations = new Map<string, Reservation>()
  readonly lifetimes: Lifetimes
  readonly permissions: Permissions
  readonly peers: Peers
  /** Of all allocations; see `countChannel`. */
  channels = 0
  readonly users = new UserHoldings()
  /** By route; most have none. */
  readonly links = new Map<RouteId, Link>()
  /** Routes that lead to another shard. */
  readonly strays = new Set<RouteId>()
  #strayAt: Iterator<RouteId, unknown> = this.strays.values()
  #straysDue = 0
  /** By row. */
  readonly #rows: (Allocation | undefined)[] = []
  readonly #freeRows: AllocationRow[] = []
  readonly #byClient = new Map<SocketId, Map<number | string, Allocation>>()
  readonly #released = new BoundedMap<string, RememberedAnswer>(REMEMBERED)
  #lastId: number

  /** `lastId` is the id that was given out last, see `drawId`. */
  constructor(lastId: number, lifetimes: Lifetimes, random: Random) {
    this.#lastId = lastId
    this.lifetimes = lifetimes
    this.permissions = new Permissions(lifetimes, random)
    this.peers = new Peers(random)
  }

  /** The open allocation with this number. */
  inRow(row: AllocationRow): OpenAllocation | undefined {
    const allocation = this.#rows[row]
    return allocation?.state === 'open' ? allocation : undefined
  }

  /** Lets `nextStray` give as many of `strays` as `most`, from where it was. */
  beginStrays(most: number): void {
    this.#straysDue = Math.min(most, this.strays.size)
  }

  /** The next of `strays`, going round them; undefined when all that are due have been given. */
  nextStray(): RouteId | undefined {
    if (this.#straysDue === 0) return undefined
    this.#straysDue--
    let next = this.#strayAt.next()
    if (next.done) next = (this.#strayAt = this.strays.values()).next()
    return next.done ? undefined : next.value
  }

  /** A number that no allocation has. */
  newRow(): AllocationRow {
    return this.#freeRows.pop() ?? ((this.#rows.push(undefined) - 1) as AllocationRow)
  }

  /** The id that was given out last. */
  get lastId(): number {
    return this.#lastId
  }

  set lastId(id: number) {
    this.#lastId = id
  }

  /** The allocation of this 5-tuple, opening ones included, and those whose client has arrived here but not spoken. */
  of(socket: SocketId, client: ClientAddress): Allocation | undefined {
    return this.#byClient.get(socket)?.get(client.key)
  }

  /** All allocations of a listener or a stream connection, in the same sense. */
  on(socket: SocketId): Iterable<Allocation> {
    return this.#byClient.get(socket)?.values() ?? []
  }

  /** The next id. Those that live are passed over. */
  newId(): AllocationId {
    do this.#lastId = this.#lastId < LAST_ID ? this.#lastId + 1 : FIRST_ID
    while (this.byId.has(this.#lastId as AllocationId))
    return this.#lastId as AllocationId
  }

  /** Takes an allocation in; one that is open takes the place of the one that was opening. */
  add(allocation: Allocation): void {
    this.enter(allocation, allocation.client)
    const { arrival } = allocation.mobility ?? {}
    if (arrival) this.enter(allocation, arrival.client)
    this.byId.set(allocation.id, allocation)
    this.#rows[allocation.row] = allocation
  }

  /** Has a 5-tuple lead to an allocation. */
  enter(allocation: Allocation, { socket, address }: FiveTuple): void {
    if (socket === NOWHERE) return
    let clients = this.#byClient.get(socket)
    if (!clients) this.#byClient.set(socket, (clients = new Map()))
    clients.set(address.key, allocation)
  }

  /** Forgets a 5-tuple of an allocation, so that a new one may take it. */
  leave(allocation: Allocation, { socket, address }: FiveTuple = allocation.client): void {
    const clients = this.#byClient.get(socket)
    if (clients?.get(address.key) !== allocation) return
    clients.delete(address.key)
    if (clients.size === 0) this.#byClient.delete(socket)
  }

  remove(allocation: Allocation): void {
    this.leave(allocation)
    const { arrival } = allocation.mobility ?? {}
    if (arrival) this.leave(allocation, arrival.client)
    this.users.leave(allocation.user)
    this.byId.delete(allocation.id)
    this.#rows[allocation.row] = undefined
    this.#freeRows.push(allocation.row)
  }

  /** Has a relayed address lead to an allocation: to this one alone, or to it as well. */
  lead(allocation: OpenAllocation, leg: Leg, isShared: boolean): void {
    const { socket, address } = leg.relay
    // What another process shared and this one does not is still shared by those that had it.
    const other = this.bySocket.get(socket)
    if (other) {
      this.bySocket.delete(socket)
      this.byRelayed.delete(address.key)
      this.lead(other.allocation, other.leg, true)
    }
    if (isShared || this.sharedPorts.has(socket)) {
      let port = this.sharedPorts.get(socket)
      if (!port) {
        port = new SharedPort(socket, address)
        this.sharedPorts.set(socket, port)
        this.sharedByRelayed.set(address.key, port)
      }
      port.join(allocation, leg)
      return
    }
    const relayed = { allocation, leg }
    this.bySocket.set(socket, relayed)
    this.byRelayed.set(address.key, relayed)
  }

  /** What an allocation is on the shared port that its leg has, if it has such a one. */
  sharing({ id }: OpenAllocation, { relay }: Leg): Sharer | undefined {
    const port = this.sharedPorts.get(relay.socket)
    const member = port?.members.get(id)
    return port && member && { port, member }
  }

  /** Whether an address is a relayed one of this shard. */
  isRelayed({ key }: PeerAddress): boolean {
    return this.byRelayed.has(key) || this.sharedByRelayed.has(key)
  }

  /** Drops what is known of shared ports and over. */
  forgetShared(now: Time): void {
    for (const [socket, port] of this.sharedPorts) {
      port.forget(now)
      if (port.size > 0) continue
      this.sharedPorts.delete(socket)
      this.sharedByRelayed.delete(port.address.key)
    }
  }

  /** Remembers the answer to a request that ended its allocation. */
  remember(socket: SocketId, client: ClientAddress, transaction: Buffer, bytes: Buffer, now: Time): void {
    this.recall({ socket, client, transaction, bytes, until: after(now, MEMORY) })
  }

  /** Takes over an answer that is remembered already. */
  recall(answer: RememberedAnswer): void {
    const { socket, client, transaction, until } = answer
    this.#released.set(memoryKey(socket, client, transaction), answer, until)
  }

  /** Drops all answers that are remembered. */
  forgetAll(): void {
    this.#released.clear()
  }

  /** The answers that are remembered, oldest first. */
  *answersRemembered(now: Time): Generator<RememberedAnswer> {
    for (const [, answer] of this.#released.entries(now)) yield answer
  }

  remembered(socket: SocketId, client: ClientAddress, transaction: Buffer, now: Time): Buffer | undefined {
    return this.#released.get(memoryKey(socket, client, transaction), now)?.bytes
  }

  /** Drops what is remembered longer than it need be. */
  forget(now: Time): void {
    this.#released.forget(now)
  }

  /** How many things are held, by kind; all zero once every client has gone. */
  sizes(): Readonly<Record<string, number>> {
    return {
      allocations: this.byId.size,
      clients: this.#byClient.size,
      sockets: this.bySocket.size,
      relayed: this.byRelayed.size,
      shared: [...this.sharedPorts.values()].reduce((sum, port) => sum + port.size, 0),
      toHost: this.toHost.size,
      reservations: this.reservations.size,
      lifetimes: this.lifetimes.size,
      permissions: this.permissions.size,
      peers: this.peers.size,
      channels: this.channels,
      users: this.users.size,
      links: this.links.size,
      strays: this.strays.size,
      remembered: this.#released.size,
    }
  }
}

function memoryKey(socket: SocketId, client: ClientAddress, transaction: Buffer): string {
  return `${socket} ${client.key} ${transaction.toString('latin1')}`
}
