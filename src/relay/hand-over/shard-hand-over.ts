import { ipKey } from '../../base/address.ts'
import { Counter, type Counters } from '../../base/counters.ts'
import { type FiveTuple, NOWHERE } from '../../base/five-tuple.ts'
import type { AllocationId, SocketId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { isStream } from '../../base/via.ts'
import { type Allocation, type OpenAllocation, tuplesOf } from '../../core/allocation.ts'
import { type Event, openedEvent } from '../../core/event.ts'
import type { Datagram } from '../../core/input.ts'
import type { RelayKeys } from '../../core/relay.ts'
import type { RelayPorts } from '../../net/ports/relay-ports.ts'
import type { GivenConnection } from '../../net/stream/given.ts'
import type { Shard } from '../../shard/shard.ts'
import { completed, inTurns } from '../../system/slices.ts'
import type { Gate } from '../admission.ts'
import type { Door } from '../guests/guest-message.ts'
import type { GivenReservation, GivenShard, GivenUdp, KnownBeside, ShardRest } from './given-shard.ts'
import { Lending, type LendingParts } from './lending.ts'
import { CopyOfShard, type ShardCopy } from './shard-copy.ts'
import { TakenSockets } from './taken-sockets.ts'
import { warmedUp } from './warmed-up.ts'

export type TakenAllocation = Extract<Event, { kind: 'opened' }>

/** Allocations that were taken over, and of them those that relay from an address that is not ours any more. */
export interface TakenOver {
  readonly opened: readonly TakenAllocation[]
  readonly lost: readonly AllocationId[]
}

export interface ShardHandOverParts extends LendingParts {
  readonly shard: Shard
  readonly ports: RelayPorts
  readonly gate: Gate
  readonly takeReserved: (reservation: GivenReservation) => void
  /** Takes a socket of another shard over, by the id that it had here. */
  readonly takeDoor: (socket: SocketId, door: Door) => void
  /** Says where it matters that this client's allocation is here. */
  readonly host: (client: FiveTuple) => void
  /** Whether another shard has this socket. */
  readonly isElsewhere: (socket: SocketId) => boolean
  /** Ends an allocation whose relayed address is not ours any more. */
  readonly end: (allocation: AllocationId) => void
  readonly counters: Counters
  readonly keys: () => RelayKeys
  /** Makes a shard that is the same and has no sockets, to be thrown away. */
  readonly rehearsal: () => Shard
}

/** Milliseconds that requests under way may take to come to their answers before sockets are given. */
const SETTLE = 500

/**
 * One shard's side of a hand-over, in the process that gives and in the one that
 * takes.
 *
 * What is given are plain values: descriptors, octets, a snapshot. So taking
 * them back, where the other process failed, is the same as taking them over.
 * TLS cannot be given (its keys and counters are inside OpenSSL), so an
 * allocation whose client is on TLS stays with all that belongs to it.
 */
export class ShardHandOver {
  readonly #parts: ShardHandOverParts
  /** What the other process has already. */
  #copy: CopyOfShard | undefined
  readonly #taken: TakenSockets
  readonly #lending: Lending

  constructor(parts: ShardHandOverParts) {
    this.#parts = parts
    this.#taken = new TakenSockets(parts.udp, parts.ports)
    this.#lending = new Lending(parts)
  }

  /** Reads nothing from now on; what arrives waits in the sockets. False where that cannot be. */
  hold(): boolean {
    const { udp, streams } = this.#parts
    if (!udp.pause(true)) return false
    streams.pause(true)
    return true
  }

  /** Reads again. */
  go(): void {
    const { udp, streams } = this.#parts
    streams.pause(false)
    udp.pause(false)
  }

  /** Waits until everything that was read has been answered; false where that takes too long. */
  async settle(): Promise<boolean> {
    const until = performance.now() + SETTLE
    while (!this.#parts.shard.isQuiet) {
      if (performance.now() > until) return false
      await new Promise(resolve => setImmediate(resolve))
    }
    return true
  }

  /**
   * The state as it is now, while the shard goes on: for a rehearsal. It is written several times, so that the code is
   * warm when it counts.
   */
  async snapshot(): Promise<Uint8Array> {
    const write = () => inTurns(this.#parts.shard.snapshot(leaves))
    return warmedUp(write, () => true)
  }

  /**
   * Restores a snapshot into a shard that is thrown away: says why that cannot be
   * while the other process still has everything, and has the code warm when it counts.
   */
  rehearse(snapshot: Uint8Array): Promise<Result<number, string>> {
    const restore = async () => completed(this.#parts.rehearsal().restore(snapshot))
    return warmedUp(restore, ({ ok }) => ok)
  }

  /** Copies what can go on elsewhere while it goes on here; from the second time on, what has changed of it. */
  copy(): Promise<ShardCopy> {
    const { shard, udp } = this.#parts
    this.#copy ??= new CopyOfShard()
    return this.#copy.next(shard, udp, leaves, () => this.#relays())
  }

  /** The other process has failed, or has everything: what was copied is of no more use. */
  forgetCopy(): void {
    this.#copy = undefined
  }

  /** Takes over what another process has sent ahead. Nothing of it is read, or answered, before `take`. */
  async receive(copy: ShardCopy): Promise<void> {
    const sockets = await this.#taken.receive(copy)
    const received = sockets.ok ? completed(this.#parts.shard.restore(copy.state, true)) : sockets
    if (!received.ok) throw new Error(received.error)
  }

  /** Gives everything that can go on elsewhere; of what was copied, what has changed. Only while held, and settled. */
  give(): GivenShard {
    const { shard, udp, streams, listeners, reserved } = this.#parts
    const copy = this.#copy
    const snapshot = completed(copy ? shard.difference(leaves, copy.state) : shard.snapshot(leaves))
    const waiting = [...reserved()]
    const relays = this.#relays()
    const closed = copy?.close(udp, relays)
    const sockets = [
      ...Array.from(listeners.keys(), id => ({ id, purpose: 'listener' as const })),
      ...relays.filter(id => !copy?.has(id)).map(id => ({ id, purpose: 'relay' as const })),
    ]
    const given = sockets.flatMap(({ id, purpose }): GivenUdp[] => {
      const local = udp.boundTo(id)
      return local ? [{ id, purpose, local, fd: udp.give(id) }] : []
    })
    return {
      snapshot,
      ...(closed && { closed }),
      udp: given,
      listeners: streams.giveListeners(),
      connections: streams.giveConnections(),
      reserved: waiting,
      doors: [],
    }
  }

  /** Has requests wait, so that what is under way comes to its end; data goes on, until `goOn` or `leave`. */
  quieten(): void {
    this.#parts.shard.quieten()
  }

  /**
   * The same as `give`, while data goes on here: sockets are given by descriptors of their own. Only when quiet, and
   * settled. `giveRest` comes next, or `goOn`.
   */
  async giveAhead(): Promise<GivenShard> {
    const { shard } = this.#parts
    const copy = this.#copy
    shard.standStill()
    const snapshot = await inTurns(copy ? shard.difference(leaves, copy.state) : shard.snapshot(leaves))
    return { snapshot, ...this.#lending.lend(copy, this.#relays()) }
  }

  /** Reads nothing from now on, and gives what has come since `giveAhead`. */
  giveRest(): ShardRest {
    const { shard } = this.#parts
    this.hold()
    const staying = this.#staying()
    const waiting = shard.takeWaiting(({ via, socket }) => via !== 'tls' && !staying.has(socket))
    return {
      connections: this.#lending.giveRest(waiting),
      carried: shard.carriedSince(),
      waiting: few(waiting),
    }
  }

  /** Goes on here, as the other process could not. */
  async goOn(): Promise<void> {
    this.forgetCopy()
    const { connections, waiting } = await this.#lending.takeBack()
    this.connect(connections)
    this.#parts.shard.goOn(waiting)
    this.go()
  }

  /** Takes over what has come while this process took everything else. */
  takeRest({ connections, carried, waiting }: ShardRest): void {
    const { shard, streams } = this.#parts
    shard.enter(carried)
    for (const datagram of waiting) shard.take(datagram)
    streams.takeRest(connections)
  }

  /** Goes on with what was given, as the other process could not. */
  async takeBack(given: GivenShard): Promise<void> {
    const { udp, streams } = this.#parts
    this.forgetCopy()
    for (const { id, purpose, local, fd } of given.udp)
      await udp.bind({ address: local, purpose, fd, socket: id })
    for (const listener of given.listeners) await streams.listen(listener)
    this.connect(given.connections)
    this.go()
  }

  /** Forgets what was given, as the other process goes on with it, and serves only what has stayed. */
  leave(): number {
    const { shard, udp, gate, streams, ports } = this.#parts
    const leaving = Array.from(this.#leaving(), ({ id }) => id)
    // Before anything that has come meanwhile is handled.
    shard.goOn(
      leaving.map(allocation => ({ kind: 'revoke' as const, allocation, reason: 'handed-over' as const })),
    )
    for (const id of leaving) gate.release(id)
    this.#lending.leave()
    // Of those that were copied the other process has a descriptor of its own.
    for (const socket of this.#copy?.sockets ?? []) udp.close(socket)
    this.forgetCopy()
    // Relay sockets that all share have gone, with what those had there who stay.
    const gone = new Set(ports.shared)
    for (const { id, legs } of [...shard.openAllocations()])
      if (legs.some(({ relay }) => gone.has(relay.socket))) this.#parts.end(id)
    streams.dismissStrangers()
    this.go()
    return shard.size
  }

  /**
   * Takes over state and relay sockets of another process; its listeners come by
   * `LocalShard.listen`. Says why where that cannot be.
   */
  async take(given: Omit<GivenShard, 'listeners' | 'connections'>): Promise<Result<TakenOver, string>> {
    const { shard, ports, counters, takeReserved, takeDoor } = this.#parts
    const sockets = await this.#taken.take(given)
    if (!sockets.ok) return sockets
    for (const [socket, door] of given.doors) takeDoor(socket, door)
    const restored = completed(shard.restore(given.snapshot))
    if (!restored.ok) return failed(restored.error)
    for (const reservation of given.reserved) takeReserved(reservation)
    const opened: TakenAllocation[] = []
    const lost: AllocationId[] = []
    for (const allocation of shard.openAllocations()) {
      const { id, legs } = allocation
      opened.push(openedEvent(allocation))
      const isLost = legs.some(({ relay }) => {
        const local = this.#taken.local(relay.socket)
        return !local || !ports.isRelayed(local.ip, ipKey(relay.address.ip))
      })
      if (isLost) lost.push(id)
    }
    counters.add(Counter.allocationOpened, opened.length)
    return succeeded({ opened, lost })
  }

  /** Allocations that were taken over and whose clients speak to a UDP address that is not listened on any more. */
  stranded(): AllocationId[] {
    const { shard, udp, isElsewhere } = this.#parts
    return Array.from(shard.openAllocations())
      .filter(
        ({ client: { via, socket } }) =>
          via === 'udp' && socket !== NOWHERE && !udp.boundTo(socket) && !isElsewhere(socket),
      )
      .map(({ id }) => id)
  }

  /** What a shard that goes on with clients of this one has to know beside the allocations. */
  get known(): KnownBeside {
    return { keys: this.#parts.keys(), shards: [{ listeners: this.#parts.listeners, doors: [] }] }
  }

  /** Connections of clients have ended with the process that had them. Those with a ticket may come back. */
  hangUp(): void {
    const { shard } = this.#parts
    const gone = new Set<SocketId>()
    for (const allocation of shard.openAllocations())
      for (const { socket, via } of tuplesOf(allocation))
        if (isStream(via) && socket !== NOWHERE) gone.add(socket)
    for (const socket of gone) shard.hungUp(socket)
  }

  /** Ends allocations whose addresses are not ours any more. */
  drop(lost: Iterable<AllocationId>): void {
    for (const id of lost) this.#parts.end(id)
  }

  /** Takes connections over: reading them begins at once where the shard is not held. */
  connect(given: readonly GivenConnection[]): void {
    const { shard, streams, host } = this.#parts
    for (const connection of given) streams.adopt(connection)
    for (const allocation of shard.openAllocations()) for (const client of tuplesOf(allocation)) host(client)
  }

  /** The relay sockets that can go on elsewhere. */
  #relays(): SocketId[] {
    // Those that all share go in any case: the other process could not bind them.
    const relays = new Set<SocketId>(this.#parts.ports.shared)
    for (const { legs } of this.#leaving()) for (const { relay } of legs) relays.add(relay.socket)
    for (const { socket } of this.#parts.reserved()) relays.add(socket)
    return [...relays]
  }

  /** Relay sockets of allocations that another process cannot go on with. */
  #staying(): Set<SocketId> {
    const staying = new Set<SocketId>()
    for (const allocation of this.#parts.shard.openAllocations())
      if (!leaves(allocation)) for (const { relay } of allocation.legs) staying.add(relay.socket)
    for (const socket of this.#parts.ports.shared) staying.delete(socket)
    return staying
  }

  *#leaving(): Generator<Readonly<OpenAllocation>> {
    for (const allocation of this.#parts.shard.openAllocations()) if (leaves(allocation)) yield allocation
  }
}

/** Octets of datagrams that are given along at most: everybody waits for them. */
const MOST_WAITING = 512 << 10

/** As many as are given along. Frames first: what comes by UDP is sent again by who misses the answer. */
function few(waiting: readonly Datagram[]): Datagram[] {
  const first = [...waiting.filter(({ via }) => via === 'tcp'), ...waiting.filter(({ via }) => via !== 'tcp')]
  let octets = 0
  return first.filter(({ bytes }) => (octets += bytes.length) <= MOST_WAITING)
}

/** Whether an allocation can go on in another process. */
function leaves({ client }: Pick<Allocation, 'client'>): boolean {
  return client.via !== 'tls'
}
