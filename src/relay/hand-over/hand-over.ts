import type { AllocationId } from '../../base/ids.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Listener } from '../../config/values/listener.ts'
import type { RelayKeys } from '../../core/relay.ts'
import { bindUnread, type ReservedPort } from '../../net/ports/parked-port.ts'
import type { GivenShard, KnownBeside, ShardRest } from './given-shard.ts'
import type { ShardCopy } from './shard-copy.ts'
import type { ShardHandOver, TakenOver } from './shard-hand-over.ts'

/** What a relay hands over: each of its shards, and what those have in common. */
export interface GivenRelay {
  readonly shards: readonly GivenShard[]
  /** Absent where there is one shard, which has all of it in its state. */
  readonly common?: GivenCommon | undefined
}

/** What has come of each shard of a relay while it was taken over; see `ShardRest`. */
export type RelayRest = readonly ShardRest[]

/** What several shards have in common. */
export interface GivenCommon {
  readonly keys: RelayKeys
  readonly reserved: readonly ReservedPort[]
}

/**
 * A relay's side of a hand-over, in the process that gives and in the one that takes, however many shards it has.
 * What is given goes to as many shards as it comes from, each to the one in the same place.
 */
export interface HandOver {
  /** Reads nothing from now on; what arrives waits in the sockets. Where calls are taken, before anything starts. */
  hold(): Promise<void>
  /** Waits until everything that was read has been answered; false where that takes too long. */
  settle(): Promise<boolean>
  /** Reads again. */
  go(): Promise<void>
  /** The state of each shard as it is now, while they go on. */
  snapshots(): Promise<readonly Uint8Array[]>
  /** Restores snapshots into shards that are thrown away; see `ShardHandOver.rehearse`. */
  rehearse(snapshots: readonly Uint8Array[]): Promise<Result<undefined, string>>
  /** What each shard sends ahead while it goes on; see `ShardHandOver.copy`. */
  copies(): Promise<readonly ShardCopy[]>
  /** Nobody goes on with the copies. */
  forgetCopies(): void
  /** Takes over what was sent ahead. Rejects where that cannot be. */
  receive(copies: readonly ShardCopy[]): Promise<void>
  /** Gives everything that can go on elsewhere. Only while held, and settled. Where that fails, nothing is given. */
  give(): Promise<GivenRelay>
  /** Has requests wait, so that what is under way comes to its end; data goes on, until `goOn` or `leave`. */
  quieten(): Promise<void>
  /** The same as `give`, while data goes on. Only when quiet, and settled. Where that fails, nothing is given. */
  giveAhead(): Promise<GivenRelay>
  /** Reads nothing from now on, and gives what has come since `giveAhead`. */
  giveRest(): Promise<RelayRest>
  /** Goes on after any of these, as the other process could not. */
  goOn(): Promise<void>
  /** Takes over what has come while this process took everything else: after `connect`, and before `go`. */
  takeRest(rest: RelayRest): Promise<void>
  /** Goes on with what was given, as the other process could not. */
  takeBack(given: GivenRelay): Promise<void>
  /** Forgets what was given. Returns how many allocations have stayed. */
  leave(): Promise<number>
  /** Takes over state and relay sockets of another process. Says why where that cannot be. */
  take(given: GivenRelay): Promise<Result<TakenOver, string>>
  /** Takes connections over, once listeners are there. */
  connect(given: GivenRelay): Promise<void>
  /** Connections of clients have ended with the process that had them. Those with a ticket may come back. */
  hangUp(): Promise<void>
  /** Allocations that were taken over and whose clients speak to a UDP address that is not listened on any more. */
  stranded(): Promise<readonly AllocationId[]>
  /** Ends allocations whose addresses are not ours any more. */
  drop(lost: Iterable<AllocationId>): Promise<void>
  /** Binds the sockets of a listener that nobody reads yet: one for each shard. */
  bindUnread(at: Listener): Result<readonly number[], NodeJS.ErrnoException>
  /** What a process that goes on from the journals has to know beside them; undefined while not all of it is known. */
  readonly known: KnownBeside | undefined
}

/** The hand-over of a relay with one shard, in this thread. */
export class LocalHandOver implements HandOver {
  readonly #shard: ShardHandOver

  constructor(shard: ShardHandOver) {
    this.#shard = shard
  }

  async hold(): Promise<void> {
    this.#shard.hold()
  }

  settle(): Promise<boolean> {
    return this.#shard.settle()
  }

  async go(): Promise<void> {
    this.#shard.go()
  }

  async snapshots(): Promise<readonly Uint8Array[]> {
    return [await this.#shard.snapshot()]
  }

  async rehearse(snapshots: readonly Uint8Array[]): Promise<Result<undefined, string>> {
    const [only] = snapshots
    if (!only || snapshots.length > 1)
      return failed(`this relay has one worker, and the other ${snapshots.length}`)
    const restored = await this.#shard.rehearse(only)
    return restored.ok ? succeeded(undefined) : restored
  }

  async copies(): Promise<readonly ShardCopy[]> {
    return [await this.#shard.copy()]
  }

  forgetCopies(): void {
    this.#shard.forgetCopy()
  }

  receive([only]: readonly ShardCopy[]): Promise<void> {
    return this.#shard.receive(only!)
  }

  async give(): Promise<GivenRelay> {
    return { shards: [this.#shard.give()] }
  }

  async quieten(): Promise<void> {
    this.#shard.quieten()
  }

  async giveAhead(): Promise<GivenRelay> {
    return { shards: [await this.#shard.giveAhead()] }
  }

  async giveRest(): Promise<RelayRest> {
    return [this.#shard.giveRest()]
  }

  goOn(): Promise<void> {
    return this.#shard.goOn()
  }

  async takeRest([only]: RelayRest): Promise<void> {
    this.#shard.takeRest(only!)
  }

  takeBack({ shards }: GivenRelay): Promise<void> {
    return this.#shard.takeBack(shards[0]!)
  }

  async leave(): Promise<number> {
    return this.#shard.leave()
  }

  async take({ shards }: GivenRelay): Promise<Result<TakenOver, string>> {
    return this.#shard.take(shards[0]!)
  }

  async connect({ shards }: GivenRelay): Promise<void> {
    this.#shard.connect(shards[0]!.connections)
  }

  async hangUp(): Promise<void> {
    this.#shard.hangUp()
  }

  get known(): KnownBeside {
    return this.#shard.known
  }

  async stranded(): Promise<readonly AllocationId[]> {
    return this.#shard.stranded()
  }

  async drop(lost: Iterable<AllocationId>): Promise<void> {
    this.#shard.drop(lost)
  }

  bindUnread(at: Listener): Result<readonly number[], NodeJS.ErrnoException> {
    const bound = bindUnread(at)
    return bound.ok ? succeeded([bound.value]) : bound
  }
}
