import type { AllocationId } from '../base/ids.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { Listener } from '../config/values/listener.ts'
import type { RelayKeys } from '../core/relay.ts'
import { type ReservedPort, releaseSocket } from '../net/ports/parked-port.ts'
import type { PortDirectory } from '../net/ports/port-directory.ts'
import { duplicate, type ListenerGroup } from '../net/udp/native-group.ts'
import type { GivenShard, KnownBeside, KnownShard } from '../relay/hand-over/given-shard.ts'
import type { GivenCommon, GivenRelay, HandOver, RelayRest } from '../relay/hand-over/hand-over.ts'
import type { ShardCopy } from '../relay/hand-over/shard-copy.ts'
import type { TakenAllocation, TakenOver } from '../relay/hand-over/shard-hand-over.ts'
import type { ShardBook } from './shard-book.ts'
import type { WorkerSlot } from './worker-slot.ts'

export interface WorkersHandOverParts {
  readonly slots: readonly Pick<WorkerSlot, 'step' | 'post' | 'alive' | 'doors'>[]
  readonly book: ShardBook
  /** As workers get them that start. */
  readonly keys: RelayKeys
  readonly ports: PortDirectory
  /** Closes our descriptors of the listeners. */
  readonly closeListeners: () => void
  /** The UDP sockets that clients of a worker talk to; undefined until it has said the ids of all. */
  readonly listenersOf: (index: number) => KnownShard['listeners'] | undefined
  /** Opens a group with a socket for each worker. Throws what the kernel says. */
  readonly openGroup: (listener: Listener) => Pick<ListenerGroup, 'at'>
}

/** Milliseconds that a worker may take for a step while everything waits. */
const PATIENCE = 2000

/**
 * The hand-over of a relay with several workers. Each worker gives its state and its sockets as a relay with one
 * would, and the worker in the same place of the other process takes them, under the ids that they had; so the kernel
 * goes on to bring each client to the socket that its worker reads. Keys and reserved ports are the main thread's.
 *
 * While everything waits, no worker may be waited for that is hung: then it fails, and all go on.
 */
export class WorkersHandOver implements HandOver {
  readonly #parts: WorkersHandOverParts
  #isHeld = false

  constructor(parts: WorkersHandOverParts) {
    this.#parts = parts
  }

  /** Whether a worker that starts now has to wait before it reads. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  async hold(): Promise<void> {
    const { slots } = this.#parts
    this.#isHeld = true
    // Before anything has started there is nobody to tell.
    if (slots.every(slot => !slot.alive)) return
    await inTime(slots.map(slot => slot.step('hold')))
  }

  async settle(): Promise<boolean> {
    const settled = await inTime(this.#parts.slots.map(slot => slot.step('settle')))
    return settled.every(Boolean)
  }

  async go(): Promise<void> {
    this.#isHeld = false
    const going = this.#parts.slots.map(slot => slot.step('go'))
    // One that is not there, or not yet, reads when it comes.
    await inTime(going).catch(() => {})
  }

  snapshots(): Promise<readonly Uint8Array[]> {
    return Promise.all(this.#parts.slots.map(slot => slot.step('snapshot')))
  }

  async rehearse(snapshots: readonly Uint8Array[]): Promise<Result<undefined, string>> {
    const { slots } = this.#parts
    if (snapshots.length !== slots.length)
      return failed(`this relay has ${slots.length} workers, and the other ${snapshots.length}`)
    const restored = await Promise.all(slots.map((slot, i) => slot.step('rehearse', snapshots[i]!)))
    for (const one of restored) if (!one.ok) return one
    return succeeded(undefined)
  }

  copies(): Promise<readonly ShardCopy[]> {
    return Promise.all(this.#parts.slots.map(slot => slot.step('copy')))
  }

  forgetCopies(): void {
    for (const slot of this.#parts.slots) void slot.step('forgetCopy').catch(() => {})
  }

  async receive(copies: readonly ShardCopy[]): Promise<void> {
    await Promise.all(this.#parts.slots.map((slot, i) => slot.step('receive', copies[i]!)))
  }

  async give(): Promise<GivenRelay> {
    const { slots } = this.#parts
    const giving = slots.map(slot => slot.step('give'))
    try {
      const given = await inTime(giving)
      const shards = given.map((shard, i) => ({ ...shard, doors: slots[i]!.doors }))
      return { shards, common: this.#giveCommon() }
    } catch (error) {
      for (const [i, one] of giving.entries())
        void one.then(given => this.#takeBack(i, given)).catch(() => {})
      throw error
    }
  }

  async quieten(): Promise<void> {
    await inTime(this.#parts.slots.map(slot => slot.step('quieten')))
  }

  async giveAhead(): Promise<GivenRelay> {
    const { slots } = this.#parts
    const giving = slots.map(slot => slot.step('giveAhead'))
    try {
      const given = await inTime(giving)
      const shards = given.map((shard, i) => ({ ...shard, doors: slots[i]!.doors }))
      return { shards, common: this.#giveCommon() }
    } catch (error) {
      for (const one of giving) void one.then(release).catch(() => {})
      throw error
    }
  }

  /** Each goes on as soon as it can be told. */
  giveRest(): Promise<RelayRest> {
    // A worker that starts now in the place of one that broke has nothing to read.
    this.#isHeld = true
    return inTime(this.#parts.slots.map(slot => slot.step('giveRest')))
  }

  async goOn(): Promise<void> {
    this.#isHeld = false
    const going = this.#parts.slots.map(slot => slot.step('goOn'))
    // One that is not there, or not yet, reads when it comes.
    await inTime(going).catch(() => {})
  }

  async takeRest(rest: RelayRest): Promise<void> {
    const { slots } = this.#parts
    if (rest.length !== slots.length) throw new Error('it has another number of workers')
    await inTime(slots.map((slot, i) => slot.step('takeRest', rest[i]!)))
  }

  async takeBack({ shards, common }: GivenRelay): Promise<void> {
    for (const { parked } of common?.reserved ?? []) releaseSocket(parked.fd)
    await Promise.all(shards.map((shard, i) => this.#takeBack(i, shard)))
    await this.go()
  }

  async leave(): Promise<number> {
    const { slots, book, closeListeners } = this.#parts
    this.#isHeld = false
    closeListeners()
    book.close()
    const left = await Promise.all(slots.map(slot => slot.step('leave').catch(() => 0)))
    return left.reduce((sum, stays) => sum + stays, 0)
  }

  async take({ shards, common }: GivenRelay): Promise<Result<TakenOver, string>> {
    const { slots } = this.#parts
    if (shards.length !== slots.length || !common) return failed('it has another number of workers')
    const taking = slots.map((slot, i) => slot.step('take', shards[i]!))
    const taken = await Promise.all(taking).catch((error: Error) => error)
    if (taken instanceof Error) return failed(taken.message)
    const opened: TakenAllocation[] = []
    const lost: AllocationId[] = []
    for (const [i, one] of taken.entries()) {
      if (!one.ok) return one
      const slot = slots[i]!
      slot.post({ kind: 'resume', holdings: this.#parts.book.adopt(i, one.value.opened) })
      opened.push(...one.value.opened)
      lost.push(...one.value.lost)
    }
    this.#takeCommon(common)
    return succeeded({ opened, lost })
  }

  async connect({ shards }: GivenRelay): Promise<void> {
    await Promise.all(this.#parts.slots.map((slot, i) => slot.step('connect', shards[i]!.connections)))
  }

  async hangUp(): Promise<void> {
    await Promise.all(this.#parts.slots.map(slot => slot.step('hangUp')))
  }

  async stranded(): Promise<readonly AllocationId[]> {
    return (await Promise.all(this.#parts.slots.map(slot => slot.step('stranded')))).flat()
  }

  async drop(lost: Iterable<AllocationId>): Promise<void> {
    const { slots, book } = this.#parts
    const all = [...lost]
    const ending = slots.map((slot, i) => {
      const own = all.filter(allocation => book.shardOf(allocation) === i)
      return own.length > 0 ? slot.step('drop', own) : undefined
    })
    await Promise.all(ending)
  }

  get known(): KnownBeside | undefined {
    const shards: KnownShard[] = []
    for (const [i, { doors }] of this.#parts.slots.entries()) {
      const listeners = this.#parts.listenersOf(i)
      if (!listeners) return undefined
      // Connections end with the process.
      shards.push({ listeners, doors: doors.filter(([, { via }]) => via === 'udp') })
    }
    return { keys: this.#parts.keys, shards }
  }

  bindUnread(at: Listener): Result<readonly number[], NodeJS.ErrnoException> {
    try {
      const group = this.#parts.openGroup(at)
      return succeeded(this.#parts.slots.map((_, i) => group.at(i)))
    } catch (error) {
      return failed(error as NodeJS.ErrnoException)
    }
  }

  /** Reserved ports go along as copies: ours are good until the other process has them. */
  #giveCommon(): GivenCommon {
    const { keys, book } = this.#parts
    const copied = ({ parked, ...port }: ReservedPort): ReservedPort => ({
      ...port,
      parked: { ...parked, fd: duplicate(parked.fd) },
    })
    return { keys, reserved: book.reserved().map(copied) }
  }

  #takeCommon({ keys, reserved }: GivenCommon): void {
    const { book, ports } = this.#parts
    this.#parts.keys.nonces.set(keys.nonces)
    this.#parts.keys.tickets.set(keys.tickets)
    for (const port of reserved) {
      ports.park(port.parked.local)
      book.reserve(port)
    }
  }

  /** Gives a worker back what it gave. Where it has gone meanwhile, its calls have ended. */
  async #takeBack(index: number, given: GivenShard): Promise<void> {
    try {
      await this.#parts.slots[index]!.step('takeBack', given)
    } catch {
      release(given)
    }
  }
}

/** Closes descriptors that nobody will take. */
function release({ udp, listeners, connections }: GivenShard): void {
  for (const { fd } of [...udp, ...listeners, ...connections]) releaseSocket(fd)
}

/** What all of them come to, if they do in time. */
async function inTime<T>(steps: readonly Promise<T>[]): Promise<T[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('a worker did not answer in time')), PATIENCE)
  })
  try {
    return await Promise.race([Promise.all(steps), late])
  } finally {
    clearTimeout(timer)
  }
}
