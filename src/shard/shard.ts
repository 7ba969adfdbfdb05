import { RECORD, readRecord } from '../base/address.ts'
import { type Batch, PASS } from '../base/batch.ts'
import type { RouteId, SocketId } from '../base/ids.ts'
import { type Result, succeeded } from '../base/result.ts'
import { addCarried, type Carried, nothingCarried } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Allocation, OpenAllocation } from '../core/allocation.ts'
import type { Command } from '../core/command.ts'
import type { Event } from '../core/event.ts'
import type { Datagram, Input, Opened, Refused, RoutesEnded, Unreachable } from '../core/input.ts'
import type { Relay } from '../core/relay.ts'
import type { CopiedState } from '../core/snapshot/difference.ts'
import { readSnapshot } from '../core/snapshot/read.ts'
import { everybody, type Leaves } from '../core/snapshot/record.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { demultiplex } from '../wire/channel.ts'
import { Accounts } from './accounts.ts'
import { Backlog } from './backlog.ts'
import { Forwarders } from './forwarders.ts'
import { CarriedThen } from './standing-still.ts'
import type { Inbox, World } from './world.ts'

/** Milliseconds that requests may take in one turn of the event loop; what is begun is done. */
const TURN = 1

/**
 * One core, its forwarders, and the wires between them. Lives in a process, a
 * worker, or a test. Time is read here and nowhere else: once for each batch
 * and each call, and after each request.
 *
 * Requests of clients have a millisecond of each turn of the event loop. Those for which
 * that is not enough wait in the backlog, from which users are served in turn,
 * so that media, and the requests of others, never wait for one client's.
 */
export class Shard implements Inbox {
  readonly #relay: Relay
  readonly #forwarders: Forwarders
  readonly #world: World
  readonly #accounts = new Accounts()
  readonly #backlog = new Backlog()
  /** Milliseconds that requests have taken in this turn. */
  #spent = 0
  /** Whether `World.continue` has been called and not answered, and whether the core has asked for that. */
  #isTurnAsked = false
  #hasCoreAsked = false
  /** What has come besides datagrams while a snapshot is taken or restored, or the shard stands still. */
  #held: Input[] | undefined
  /** Requests wait in the backlog until it goes on. */
  #isWaiting = false
  /** What allocations had carried when they were written down, while the shard stands still. */
  #carriedThen: CarriedThen | undefined

  /** `forwarders`: the preferred one first; with none the core relays every datagram itself. */
  constructor(relay: Relay, forwarders: readonly Forwarder[], openWorld: (inbox: Inbox) => World) {
    this.#relay = relay
    this.#forwarders = new Forwarders(forwarders)
    this.#world = openWorld(this)
  }

  received(batch: Batch): void {
    const now = this.#world.clock.now()
    const passed = this.#forwarders.forward(batch, now)
    // First what is on its way: a request behind it in the batch may close the socket it leaves by.
    this.#world.sockets.send(batch)
    if (passed === 0) return
    let then = now
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== PASS) continue
      then = this.#arrived(this.#datagram(batch, i), then)
    }
  }

  /** Handles what no forwarder took, at once or in its turn. Returns the time afterwards. */
  #arrived(datagram: Datagram, now: Time): Time {
    if (datagram.via !== 'relay' && !this.#world.serves(datagram.from)) return now
    if (this.#mustWait(datagram, now)) this.#wait(datagram, now)
    else if (isRequest(datagram)) return this.#serve(datagram)
    else this.#run(this.#relay.handle(datagram, now), now)
    return now
  }

  /** Hands one input to the core and does what it commands. Datagrams wait for their turn like all others. */
  take(input: Input): void {
    if (input.kind === 'datagram') {
      this.#arrived(input, this.#world.clock.now())
      return
    }
    if (this.#held) {
      this.#held.push(input)
      return
    }
    const now = this.#world.clock.now()
    this.#run(this.#relay.handle(input, now), now)
  }

  /**
   * Writes down everything the shard knows, figures of its forwarders included,
   * as it is now. Yields about every millisecond. Until it is done, or
   * returned from, the core stands still: forwarders relay, and what else
   * arrives is handled afterwards. `leaves` says which allocations are in it, by default all. What is in it is noted in
   * `copied`, for differences.
   */
  *snapshot(leaves: Leaves = everybody, copied?: CopiedState): Generator<undefined, Buffer> {
    const release = this.#hold()
    try {
      const now = this.#world.clock.now()
      if (copied) yield* this.#relay.noteCopied(copied, leaves)
      return yield* this.#relay.snapshot(now, this.#writeCarried, leaves)
    } finally {
      release()
    }
  }

  /** Writes down what has changed since it was noted in `copied`, in the same way, and notes it. */
  *difference(leaves: Leaves, copied: CopiedState): Generator<undefined, Buffer> {
    const release = this.#hold()
    try {
      const now = this.#world.clock.now()
      return yield* this.#relay.difference(now, this.#writeCarried, leaves, copied)
    } finally {
      release()
    }
  }

  /**
   * Has requests wait from now on, so that what is under way comes to its end; see `isQuiet`. Data goes on. Until
   * `goOn`.
   */
  quieten(): void {
    this.#isWaiting = true
  }

  /** Lets nothing change any more but what forwarders do; what else arrives waits. Until `goOn`. */
  standStill(): void {
    this.#held ??= []
    this.#carriedThen = new CarriedThen()
  }

  /** What each allocation has carried that was written down while the shard stood still, since it was. */
  carriedSince(): RoutesEnded[] {
    const since = this.#carriedThen?.since(this.#relay.openAllocations(), open => this.carried(open))
    return [...(since ?? [])]
  }

  /** Takes the datagrams out that wait and are for somebody else; the others go on waiting. */
  takeWaiting(isOthers: (datagram: Datagram) => boolean): Datagram[] {
    const waiting: Datagram[] = []
    for (let next = this.#backlog.take(); next; next = this.#backlog.take()) waiting.push(next)
    const now = this.#world.clock.now()
    for (const datagram of waiting) if (!isOthers(datagram)) this.#wait(datagram, now)
    return waiting.filter(isOthers)
  }

  /** Adds what forwarders of another shard, whose state this one has, have carried after that state was written. */
  enter(carried: Iterable<RoutesEnded>): void {
    const now = this.#world.clock.now()
    for (const one of carried) this.#run(this.#relay.handle({ kind: 'routes-ended', ...one }, now), now)
  }

  /** Goes on after `quieten` or `standStill`: with `first`, then with what has come meanwhile. */
  goOn(first: readonly Input[] = []): void {
    this.#isWaiting = false
    this.#carriedThen = undefined
    const held = this.#held ?? []
    this.#held = undefined
    for (const input of [...first, ...held]) this.take(input)
    this.#ask()
  }

  /**
   * Takes over the state of another shard into this fresh one, whose sockets
   * have the same ids. Says how many allocations there are, or why the
   * snapshot cannot be read; this shard must not be used then. Yields about every millisecond; what arrives
   * before it is done is handled afterwards. Where `more` follows, which is differences, what arrives waits for the
   * last.
   */
  *restore(snapshot: Uint8Array, more = false): Generator<undefined, Result<number, string>> {
    this.#held ??= []
    try {
      const parts = readSnapshot(snapshot)
      for (;;) {
        const next = parts.next()
        if (next.done) return next.value.ok ? succeeded(this.#relay.size) : next.value
        if (next.value) {
          const now = this.#world.clock.now()
          this.#run(this.#relay.handle({ kind: 'restore', part: next.value }, now), now)
        }
        yield undefined
      }
    } finally {
      if (!more) this.#resume()
    }
  }

  /** Has what arrives wait. Returns what ends that, unless it was so before. */
  #hold(): () => void {
    if (this.#held) return () => {}
    this.#held = []
    return () => this.#resume()
  }

  #resume(): void {
    const held = this.#held
    this.#held = undefined
    for (const input of held ?? []) this.take(input)
    this.#ask()
  }

  opened(opened: Opened): void {
    this.take({ kind: 'opened', ...opened })
  }

  refused(refused: Refused): void {
    this.take({ kind: 'refused', ...refused })
  }

  unreachable(error: Unreachable): void {
    this.take({ kind: 'unreachable', ...error })
  }

  hungUp(socket: SocketId): void {
    this.#backlog.closed(socket)
    this.take({ kind: 'hangup', socket })
  }

  settled(by: Forwarder, route: RouteId, carried: Readonly<Carried>): void {
    const now = this.#world.clock.now()
    const event = this.#accounts.settled(by, route, carried)
    if (event) this.#world.tell(event)
    this.#enter(now)
  }

  tick(): void {
    for (const event of this.#accounts.overdue(this.#world.clock.now())) this.#world.tell(event)
    this.take({ kind: 'tick' })
  }

  continue(): void {
    this.#isTurnAsked = false
    if (this.#held) return
    this.#spent = 0
    try {
      if (this.#hasCoreAsked) {
        this.#hasCoreAsked = false
        this.take({ kind: 'continue' })
      }
      while (this.#spent < TURN && !this.#isWaiting) {
        const datagram = this.#backlog.take()
        if (!datagram) break
        this.#serve(datagram)
      }
    } finally {
      if (!this.#backlog.isEmpty && !this.#isWaiting) this.#ask()
    }
  }

  /** Tells of the ends of allocations that wait for figures of a forwarder, as nothing will be told afterwards. */
  finish(): void {
    for (const event of this.#accounts.overdue()) this.#world.tell(event)
  }

  /** Whether nothing that has come waits for the core or for the world, but for what waits until `goOn`. */
  get isQuiet(): boolean {
    if (this.#held || this.#isTurnAsked || (!this.#backlog.isEmpty && !this.#isWaiting)) return false
    for (const { state } of this.#relay.allocations()) if (state !== 'open') return false
    return true
  }

  allocations(): Iterable<Readonly<Allocation>> {
    return this.#relay.allocations()
  }

  /** How many they are. */
  get size(): number {
    return this.#relay.size
  }

  /** Allocations that are still to be judged by the configuration in force. */
  get unjudged(): number {
    return this.#relay.unjudged
  }

  openAllocations(): Iterable<Readonly<OpenAllocation>> {
    return this.#relay.openAllocations()
  }

  /** When the last relayed address of an allocation ends, if nobody refreshes it. */
  expires(allocation: Readonly<OpenAllocation>): Time {
    return this.#relay.expires(allocation)
  }

  /** What an allocation has carried so far, and its token buckets have dropped, by the core and by its routes. */
  carried(allocation: Readonly<OpenAllocation>): Carried {
    const sum = nothingCarried()
    addCarried(sum, allocation)
    for (const route of this.#relay.routes(allocation)) addCarried(sum, this.#forwarders.read(route))
    return sum
  }

  /** The same for a state that is written down. */
  readonly #writeCarried = (allocation: Readonly<OpenAllocation>): Carried => {
    const carried = this.carried(allocation)
    this.#carriedThen?.note(allocation.id, carried)
    return carried
  }

  #datagram(batch: Batch, i: number): Datagram {
    const socket = batch.socket[i] as SocketId
    const start = batch.start[i]!
    return {
      kind: 'datagram',
      via: this.#world.sockets.via(socket),
      socket,
      from: readRecord(batch.remote, i * RECORD),
      bytes: batch.bytes.subarray(start, start + batch.length[i]!),
    }
  }

  /**
   * Whether a datagram has to wait: requests have had their time, or something of its sender waits already.
   *
   * Of 5-tuples without an allocation only requests wait that bring a nonce made for them, which are dear: they are
   * verified. What a flood of others may cost is bounded by the budgets of strangers, and to keep them would cost
   * more than to judge them: the socket that calls come in by would overflow. From forged addresses none brings one.
   */
  #mustWait(datagram: Datagram, now: Time): boolean {
    if (this.#held) return true
    if (!isRequest(datagram)) {
      if (this.#backlog.isEmpty || datagram.via === 'relay' || !this.#relay.hasAllocation(datagram))
        return false
      return this.#backlog.has(this.#relay.senderOf(datagram))
    }
    if (this.#isWaiting) return true
    if (this.#spent < TURN && this.#backlog.isEmpty) return false
    const relay = this.#relay
    return datagram.isReferred === true || relay.hasAllocation(datagram) || relay.isReturning(datagram, now)
  }

  /** Somebody who forges a client's 5-tuple knows no nonce of it, so what they send does not drive out its requests. */
  #wait(datagram: Datagram, now: Time): void {
    const relay = this.#relay
    const dropped = this.#backlog.add(relay.senderOf(datagram), datagram, relay.isReturning(datagram, now))
    if (dropped > 0) this.#relay.countCrowdedOut(dropped)
    if (!this.#isWaiting) this.#ask()
  }

  /** Handles a request, or what has waited like one, on this turn's account. Returns the time afterwards. */
  #serve(datagram: Datagram): Time {
    const { clock } = this.#world
    this.#ask()
    const began = clock.now()
    this.#run(this.#relay.handle(datagram, began), began)
    const ended = clock.now()
    this.#spent += ended - began
    return ended
  }

  /** Asks for another turn, unless that has been done. */
  #ask(): void {
    if (this.#isTurnAsked) return
    this.#isTurnAsked = true
    this.#world.continue()
  }

  #run(commands: readonly Command[], now: Time): void {
    for (const command of withdrawalsFirst(commands)) {
      switch (command.kind) {
        case 'send':
          this.#world.sockets.sendOne(command.socket, command.to, command.bytes, command.dontFragment)
          break
        case 'open':
          this.#world.open(command.claim)
          break
        case 'close':
          this.#backlog.closed(command.socket)
          this.#world.sockets.close(command.socket)
          break
        case 'route': {
          const { allocation, route } = command
          const before = this.#forwarders.add(route)
          if (before) this.#accounts.take(allocation, route.id, before)
          break
        }
        case 'unroute':
          this.#accounts.take(command.allocation, command.route, this.#forwarders.remove(command.route))
          break
        case 'refer':
          this.#world.refer(command)
          break
        case 'host':
          this.#world.host(command.client, command.on)
          break
        case 'tell':
          this.#tell(command.event, now)
          break
        case 'continue':
          this.#hasCoreAsked = true
          this.#ask()
          break
      }
    }
    this.#relay.done()
    this.#enter(now)
  }

  #tell(event: Event, now: Time): void {
    if (event.kind === 'closed') this.#world.ended(event.allocation, event.owner)
    const told = event.kind === 'closed' ? this.#accounts.complete(event, now) : event
    if (told) this.#world.tell(told)
  }

  /** Enters what routes have carried that are gone while their allocation lives. */
  #enter(now: Time): void {
    if (this.#held) return
    for (const ended of this.#accounts.ended()) this.#relay.handle({ kind: 'routes-ended', ...ended }, now)
  }
}

/** Whether a datagram is a client's STUN message, which may want signatures verified and made: dear beside data. */
function isRequest({ via, bytes }: Datagram): boolean {
  return via !== 'relay' && bytes.length > 0 && demultiplex(bytes[0]!) === 'stun'
}

/**
 * The same commands, with routes withdrawn before anything is sent: the kernel
 * relays while this thread works, and nobody may be told that a way is closed
 * while it still is open.
 */
function withdrawalsFirst(commands: readonly Command[]): readonly Command[] {
  if (commands.length < 2 || !commands.some(({ kind }) => kind === 'unroute')) return commands
  const made = new Set<RouteId>()
  const first: Command[] = []
  const others: Command[] = []
  for (const command of commands) {
    if (command.kind === 'route') made.add(command.route.id)
    const isFirst = command.kind === 'unroute' && !made.has(command.route)
    ;(isFirst ? first : others).push(command)
  }
  return [...first, ...others]
}
