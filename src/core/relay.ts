import { Counter, type Counters } from '../base/counters.ts'
import type { RouteId } from '../base/ids.ts'
import type { Lifetimes } from '../base/lifetimes.ts'
import type { Time } from '../base/time.ts'
import { customerKey } from '../limits/customer.ts'
import { GcraTable } from '../limits/gcra-table.ts'
import type { Meters } from '../limits/meters.ts'
import type { Allocation, OpenAllocation } from './allocation.ts'
import { Book, drawId } from './book.ts'
import { type BucketSource, Buckets, NOBODY_SLOWED, type Slowed, slowedTo } from './buckets.ts'
import { close } from './close.ts'
import type { Command } from './command.ts'
import type { RelayConfig } from './config.ts'
import { fromPeer, fromPeerOfSome, unreachable } from './data.ts'
import type { Decisions, Witness } from './decisions.ts'
import type { Environment } from './environment.ts'
import { fromClient, isReturning } from './from-client.ts'
import type { Datagram, Input } from './input.ts'
import { hungUp } from './mobility/moves.ts'
import { Tickets } from './mobility/tickets.ts'
import { NO_ROUTE } from './peers/peers.ts'
import { routesEnded } from './peers/routes.ts'
import { Scans } from './peers/scans.ts'
import { drop, type RelayState } from './relay-state.ts'
import { opened, refused } from './requests/allocate.ts'
import { RequestPace } from './requests/pace.ts'
import { type CopiedState, noteCopied, writeDifference } from './snapshot/difference.ts'
import type { AllocationJournal } from './snapshot/journal.ts'
import type { CarriedBy, Leaves } from './snapshot/record.ts'
import { restorePart } from './snapshot/restore.ts'
import { writeSnapshot } from './snapshot/write.ts'
import { proceed, sweep } from './sweep.ts'
import { Nonces } from './trust/nonce.ts'
import { Proofs } from './trust/proofs.ts'
import { signerFinder } from './trust/signer.ts'
import { Strangers } from './trust/strangers.ts'

/** Secrets that all shards of a server share, so that what one has made the others know. */
export interface RelayKeys {
  /** 32 octets. */
  readonly nonces: Uint8Array
  /** `TICKET_KEY` octets. */
  readonly tickets: Uint8Array
}

/** What a relay is made of. */
export interface RelayParts {
  readonly config: RelayConfig
  readonly environment: Environment
  readonly counters: Counters
  readonly meters: Meters
  /** When what it holds ends; forwarders read them. */
  readonly lifetimes: Lifetimes
  /** Those of `meters`; its own unless several shards share them. */
  readonly buckets?: BucketSource | undefined
  /** Drawn unless several shards share them. */
  readonly keys?: RelayKeys | undefined
  /** Its own unless several shards share them. */
  readonly debts?: GcraTable | undefined
  /** Who has proved themselves, by keys of `debts`. */
  readonly proofs?: Proofs | undefined
  /** The id of an allocation to count on from; drawn where it is absent. */
  readonly lastId?: number | undefined
  readonly witness?: Witness | undefined
  /** Nothing is kept without one. */
  readonly journal?: AllocationJournal | undefined
}

/**
 * A TURN server without sockets, timers or clocks (RFC 8656).
 *
 * Theory of operation. One input at a time goes in, the commands that follow
 * from it come out, and the state is what all inputs so far have made of it.
 * Three rules hold throughout:
 *
 * - Nothing changes before a request has proved itself. What is unsigned is
 *   answered from the configuration alone and leaves no trace but a count.
 * - The relay is complete without any forwarder. A `route` command only says
 *   "for this client and this peer you need not ask me", and is withdrawn or
 *   renewed before the answer that changes it leaves.
 * - One asynchronous step: an Allocate that passes its checks becomes a claim.
 *   The world settles quota, port and socket together and says `opened` or
 *   `refused`; only then is the client answered.
 *
 * Time lapses on its own: whatever has an `expires` is compared with `now`
 * where it is used, so the sweep once a second only clears away.
 */
export class Relay {
  readonly #state: RelayState
  readonly #witness: Witness | undefined

  constructor(parts: RelayParts) {
    const { config, environment, counters, meters, lifetimes, buckets, debts, proofs, witness } = parts
    const { random } = environment
    const nonces = new Nonces(random, config.nonceLifetime, parts.keys?.nonces)
    const tickets = new Tickets(environment.sealing, random, parts.keys?.tickets)
    const ownDebts = debts ? undefined : new GcraTable(GcraTable.memory(random))
    const ownProofs = proofs ? undefined : new Proofs()
    const strangers = new Strangers(debts ?? ownDebts!, proofs ?? ownProofs!, config.limits)
    const own: Decisions = {
      environment,
      findSigner: signerFinder(environment.authenticate),
      nonces,
      tickets,
      strangers,
      meters,
    }
    const lastId = parts.lastId ?? drawId(random)
    this.#witness = witness
    this.#state = {
      ...(witness?.began(own, config, lastId) ?? own),
      config,
      book: new Book(lastId, lifetimes, random),
      buckets: buckets ?? new Buckets(meters, config.limits),
      counters,
      scans: new Scans(),
      pace: new RequestPace(),
      stores: { nonces, tickets, strangers, debts: ownDebts, proofs: ownProofs },
      draining: false,
      isShortOfMemory: false,
      slowed: NOBODY_SLOWED,
      unconfigured: new Set(),
      journal: parts.journal,
      withheldUntil: 0 as Time,
    }
  }

  /** Takes one input; returns what must now be done, in order. Never throws on network input. */
  handle(input: Input, now: Time): Command[] {
    const commands = this.#handle(input, now)
    this.#witness?.handled(input, now, commands)
    return commands
  }

  #handle(input: Input, now: Time): Command[] {
    const state = this.#state
    state.journal?.serving(input.kind === 'datagram' ? this.#allocationOf(input)?.id : undefined)
    switch (input.kind) {
      case 'datagram':
        state.counters.add(Counter.passed)
        return input.via === 'relay' ? this.#fromPeer(input, now) : fromClient(state, input, now)
      case 'opened':
        return opened(state, input, now)
      case 'refused':
        return refused(state, input)
      case 'unreachable':
        return unreachable(state, input, now)
      case 'routes-ended':
        return routesEnded(state, input)
      case 'hangup':
        return [...state.book.on(input.socket)].flatMap(allocation =>
          hungUp(state, allocation, input.socket, now),
        )
      case 'revoke': {
        const allocation = state.book.byId.get(input.allocation)
        return allocation ? close(state, allocation, input.reason, now) : []
      }
      case 'drain':
        state.draining = input.on
        return []
      case 'memory':
        state.isShortOfMemory = input.isShort
        return []
      case 'configure':
        configure(state, input.config)
        return proceed(state, now)
      case 'slow':
        slow(state, input.slowed)
        return proceed(state, now)
      case 'restore':
        return restorePart(state, input.part, now)
      case 'tick':
        return sweep(state, now)
      case 'continue':
        return proceed(state, now)
    }
  }

  /**
   * Writes down everything the relay knows: its state at one moment, if it is
   * handed no input until the end. Yields about every millisecond, while
   * forwarders go on. The configuration is not in it. It holds secrets, which
   * `withoutSecrets` cuts off for a disk. Of the allocations those are in it that leave, by default all.
   *
   * A fresh relay takes it over by inputs `restore`, a part at a time, as
   * `readSnapshot` gives them.
   */
  snapshot(
    now: Time,
    carried: CarriedBy = allocation => allocation,
    leaves?: Leaves,
  ): Generator<undefined, Buffer> {
    return writeSnapshot(this.#state, carried, now, leaves)
  }

  /** Notes for a difference what a snapshot has that is taken at the same moment; see `noteCopied`. */
  noteCopied(copied: CopiedState, leaves: Leaves): Generator<undefined, void> {
    return noteCopied(this.#state, leaves, copied)
  }

  /** Writes what has changed since a snapshot that another relay has restored; see `writeDifference`. */
  difference(
    now: Time,
    carried: CarriedBy,
    leaves: Leaves,
    copied: CopiedState,
  ): Generator<undefined, Buffer> {
    return writeDifference(this.#state, carried, now, leaves, copied)
  }

  /** Those that are still opening included. */
  allocations(): Iterable<Readonly<Allocation>> {
    return this.#state.book.byId.values()
  }

  /** How many they are. */
  get size(): number {
    return this.#state.book.byId.size
  }

  *openAllocations(): Iterable<Readonly<OpenAllocation>> {
    for (const allocation of this.allocations()) if (allocation.state === 'open') yield allocation
  }

  /** When the last relayed address of an allocation ends, if nobody refreshes it. */
  expires(allocation: Readonly<OpenAllocation>): Time {
    const { lifetimes } = this.#state.book
    return Math.max(...allocation.legs.map(leg => lifetimes.until(leg.lifetime))) as Time
  }

  /** The routes of an allocation. */
  *routes({ peers }: Readonly<OpenAllocation>): Iterable<RouteId> {
    const { book } = this.#state
    for (const row of book.peers.of(peers)) if (book.peers.route(row) !== NO_ROUTE) yield row
  }

  /** Whom a datagram stands for where senders take turns: the user of its allocation, else its network's customer. */
  senderOf(datagram: Datagram): string {
    // The key of a user never begins so.
    return this.#allocationOf(datagram)?.user.key ?? `\0${customerKey(datagram.from.ip)}`
  }

  /** Whether an allocation belongs to the 5-tuple that a datagram came by. */
  hasAllocation({ socket, from }: Datagram): boolean {
    return this.#state.book.of(socket, from) !== undefined
  }

  /** Whether a request brings a nonce that was made for where it comes from, so that its address is not forged. */
  isReturning(request: Datagram, now: Time): boolean {
    return isReturning(this.#state, request, now)
  }

  /** Counts datagrams that had to wait and were dropped for others. */
  countCrowdedOut(count: number): void {
    this.#state.counters.add(Counter.dropBacklog, count)
  }

  /** Secret. With them another relay goes on with the clients of this one. */
  get keys(): RelayKeys {
    const { nonces, tickets } = this.#state.stores
    return { nonces: nonces.key, tickets: tickets.key }
  }

  /** What followed from the last input has been done: nobody is being served. */
  done(): void {
    this.#state.journal?.serving(undefined)
  }

  get draining(): boolean {
    return this.#state.draining
  }

  /** Allocations that are still to be judged by the configuration in force. */
  get unjudged(): number {
    return this.#state.unconfigured.size
  }

  /** How many things are held, by kind. For tests and for the operator's status. */
  sizes(): Readonly<Record<string, number>> {
    return this.#state.book.sizes()
  }

  #allocationOf({ via, socket, from }: Datagram): Allocation | undefined {
    const { book } = this.#state
    return via === 'relay' ? book.bySocket.get(socket)?.allocation : book.of(socket, from)
  }

  #fromPeer(input: Datagram, now: Time): Command[] {
    const { book } = this.#state
    const shared = book.sharedPorts.get(input.socket)
    if (shared) return fromPeerOfSome(this.#state, shared, input.from, input.bytes, now)
    const relayed = book.bySocket.get(input.socket)
    if (!relayed) return drop(this.#state, Counter.dropNoAllocation)
    return fromPeer(this.#state, relayed, input.from, input.bytes, now)
  }
}

/** See `Input`. What allocations hold is judged by the new configuration in turns, see `proceed`. */
function configure(state: RelayState, config: RelayConfig): void {
  state.config = config
  state.nonces.configure(config.nonceLifetime)
  state.buckets.configure(config.limits)
  state.strangers.configure(config.limits)
  state.unconfigured = new Set(state.book.byId.keys())
}

/** See `Input`. Those for whom it changes something get their token buckets in turns. */
function slow(state: RelayState, slowed: Slowed): void {
  const before = state.slowed
  state.slowed = slowed
  state.buckets.slow(slowed)
  for (const { id, identity } of state.book.byId.values()) {
    if (slowedTo(before, identity.owner) !== slowedTo(slowed, identity.owner)) state.unconfigured.add(id)
  }
}
