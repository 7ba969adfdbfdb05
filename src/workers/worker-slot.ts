import type { AllocationId, SocketId } from '../base/ids.ts'
import type { Event, RejectReason } from '../core/event.ts'
import type { Log } from '../log/log.ts'
import { KeptSockets } from '../net/udp/kept-sockets.ts'
import { readGauges, writeGauges } from '../relay/gauges.ts'
import type { Door, GuestMessage } from '../relay/guests/guest-message.ts'
import type { ShardHandOver } from '../relay/hand-over/shard-hand-over.ts'
import { StartError } from '../relay/start-error.ts'
import { monotonicClock } from '../system/clock.ts'
import { BackOff } from './back-off.ts'
import type { FromWorker, SharedMemory, Start, StepName, TakeOver, ToWorker } from './protocol.ts'
import type { ShardBook } from './shard-book.ts'
import type { Spawn, WorkerHandle } from './spawn.ts'
import { Suspects } from './suspects.ts'

type GuestsTo = Extract<FromWorker, { kind: 'guest' }>['to']

/** Milliseconds that a worker may take to say what its allocations carry. */
const READ_PATIENCE = 500

/** Milliseconds that a worker may take to judge what it has open. */
const JUDGE_PATIENCE = 5000

/** Why a step of a hand-over fails that nobody answers. */
const MISSING = 'a worker is not running'

interface PendingStep {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

export interface WorkerSlotParts {
  readonly log: Log
  readonly memory: SharedMemory
  readonly spawn: Spawn
  /** Whose input a worker was handling when it broke. */
  readonly served: () => AllocationId | undefined
  /** What a worker that starts now has to know. */
  readonly start: () => Start
  readonly book: ShardBook
  readonly heard: (event: Event) => void
  readonly rejected: (why: RejectReason, count: number) => void
  /** Passes on what this worker has to say to others. */
  readonly pass: (from: number, to: GuestsTo, message: GuestMessage) => void
  /** Is told when a worker has broken from which another will take over. */
  readonly broke: () => void
  /** Is told when another has taken over from it. */
  readonly replaced: () => void
  /** Is told when a worker has gone, and everything it had open. */
  readonly gone: () => void
  readonly now?: () => number
  readonly later?: (run: () => void, milliseconds: number) => void
}

/**
 * Seconds without a sign of life after which a worker counts as hung, and those
 * that it has to start. They are counted in ticks of the main thread, so that a
 * process which was stopped as a whole, or its machine, blames nobody.
 */
const SILENCE = 10
const SILENCE_AT_START = 60

/**
 * The place of one worker: its worker reads the same sockets and writes
 * the same counters. When one breaks, or hangs and is ended, the next takes the place, and takes over the calls:
 * their sockets are open still, and what has to be known of them stands in the journal. What it does not take over
 * is given back in the books.
 */
export class WorkerSlot {
  readonly memory: SharedMemory
  readonly #index: number
  readonly #parts: WorkerSlotParts
  readonly #now: () => number
  readonly #later: (run: () => void, milliseconds: number) => void
  readonly #backOff = new BackOff()
  #worker: WorkerHandle | undefined
  #ready = false
  /** Pending requests for readings. */
  #readers: ((values: Float64Array) => void)[] = []
  #readTimer: NodeJS.Timeout | undefined
  /** Those who wait until everything has been judged, by the numbers of their questions. */
  readonly #judging = new Map<number, () => void>()
  #judgeNumber = 0
  /** Steps of a hand-over that the worker has not answered yet, by number. */
  readonly #steps = new Map<number, PendingStep>()
  #stepNumber = 0
  #closing = false
  readonly #heart: Int32Array
  #beat = 0
  /** Ticks since the last beat. */
  #silent = 0
  #hung = false
  /** Ids that only the worker gave out: of UDP listeners, by our descriptors, and of sockets that others have. */
  readonly #listeners = new Map<number, SocketId>()
  readonly #doors = new Map<SocketId, Door>()
  readonly #suspects = new Suspects()
  /** When the worker broke from which the next one takes over. */
  #brokeAt: number | undefined
  #opening: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined

  constructor(index: number, parts: WorkerSlotParts) {
    this.#index = index
    this.#parts = parts
    this.memory = parts.memory
    this.#heart = new Int32Array(parts.memory.heart)
    this.#now = parts.now ?? (() => monotonicClock.now())
    this.#later = parts.later ?? ((run, milliseconds) => void setTimeout(run, milliseconds))
  }

  /** A worker is here and has taken over what it has to. */
  get ready(): boolean {
    return this.#ready
  }

  get alive(): boolean {
    return this.#worker !== undefined
  }

  /** Starts the first worker. Rejects with a `StartError` if that one breaks. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      this.#spawn()
    })
  }

  /** Nothing, where there is no worker: the next one starts with what it has to know. */
  post(message: ToWorker): void {
    this.#worker?.post([message])
  }

  /** Asks what the allocations have carried, under their numbers among all; nothing where nobody answers. */
  read(): Promise<Float64Array> {
    return new Promise(resolve => {
      this.#readers.push(resolve)
      if (!this.#ready) this.#answer(new Float64Array())
      if (this.#readers.length !== 1) return
      this.post({ kind: 'read' })
      this.#readTimer = setTimeout(() => this.#answer(new Float64Array()), READ_PATIENCE)
    })
  }

  /** Resolves when the worker has judged everything by the settings it was told last, or does not answer. */
  judged(): Promise<void> {
    return new Promise(resolve => {
      if (!this.#ready) {
        resolve()
        return
      }
      const number = ++this.#judgeNumber
      const timer = setTimeout(() => this.#judging.get(number)?.(), JUDGE_PATIENCE).unref()
      this.#judging.set(number, () => {
        clearTimeout(timer)
        this.#judging.delete(number)
        resolve()
      })
      this.post({ kind: 'judge', number })
    })
  }

  /** Has the worker take a step of a hand-over. Rejects where it fails, or where there is no worker to answer. */
  step<K extends StepName>(
    step: K,
    ...of: Parameters<ShardHandOver[K]>
  ): Promise<Awaited<ReturnType<ShardHandOver[K]>>> {
    return new Promise((resolve, reject) => {
      if (!this.#worker) {
        reject(new Error(MISSING))
        return
      }
      const number = ++this.#stepNumber
      const settle = resolve as (value: unknown) => void
      this.#steps.set(number, { resolve: settle, reject })
      this.post({ kind: 'step', number, step, of } as Extract<ToWorker, { kind: 'step' }>)
    })
  }

  /** The id that the worker has given a UDP listener, by our descriptor. */
  listener(fd: number): SocketId | undefined {
    return this.#listeners.get(fd)
  }

  /** Where sockets are that other workers have, by the ids that they have with this one. */
  get doors(): readonly (readonly [SocketId, Door])[] {
    return [...this.#doors]
  }

  #stepped({ number, value, error }: Extract<FromWorker, { kind: 'stepped' }>): void {
    const pending = this.#steps.get(number)
    this.#steps.delete(number)
    if (error === undefined) pending?.resolve(value)
    else pending?.reject(new Error(error))
  }

  #answer(values: Float64Array): void {
    clearTimeout(this.#readTimer)
    const readers = this.#readers
    this.#readers = []
    for (const resolve of readers) resolve(values)
  }

  /** Has the worker end its calls and go; nobody takes the place again. */
  close(): void {
    this.#closing = true
    this.post({ kind: 'stop' })
    if (!this.#worker) this.#giveUp()
  }

  terminate(): void {
    this.#worker?.terminate()
  }

  /** Once a second: ends a worker that no longer does anything, so that another can take its place. */
  tick(): void {
    if (!this.#worker || this.#closing) return
    const beat = Atomics.load(this.#heart, 0)
    if (beat !== this.#beat) {
      this.#beat = beat
      this.#silent = 0
      return
    }
    if (++this.#silent < (this.#ready || this.#hung ? SILENCE : SILENCE_AT_START)) return
    this.#silent = 0
    // A worker that cannot be ended must not be counted on either.
    this.#ready = false
    this.#hung = true
    this.#worker.terminate()
  }

  #spawn(): void {
    if (this.#closing) return
    this.#backOff.started(this.#now())
    this.#silent = 0
    try {
      this.#worker = this.#parts.spawn(
        { ...this.#parts.start(), takeOver: this.#takeOver() },
        {
          messages: messages => this.#take(messages),
          gone: error => this.#gone(error),
        },
      )
    } catch (error) {
      // No thread is to be had now.
      this.#gone(error as Error)
    }
  }

  /** What the next worker has to know to take over from the one that broke. */
  #takeOver(): TakeOver | undefined {
    if (this.#brokeAt === undefined) return undefined
    return {
      listeners: this.#listeners,
      doors: [...this.#doors],
      without: this.#suspects.without,
      holdings: this.#parts.book.held(this.#index),
    }
  }

  #take(messages: readonly FromWorker[]): void {
    const answers: ToWorker[] = []
    for (const message of messages) this.#takeOne(message, answers)
    if (answers.length > 0) this.#worker?.post(answers)
  }

  #takeOne(message: FromWorker, answers: ToWorker[]): void {
    const { book, heard, rejected, log } = this.#parts
    const index = this.#index
    switch (message.kind) {
      case 'ready':
        this.#ready = true
        this.#opening?.resolve()
        this.#opening = undefined
        return
      case 'listening':
        this.#listeners.set(message.fd, message.socket)
        return
      case 'door':
        if (message.door) this.#doors.set(message.socket, message.door)
        else this.#doors.delete(message.socket)
        return
      case 'taken-over':
        this.#takenOver(message.allocations)
        return
      case 'claim':
        if (message.ask.token && !book.knows(message.ask.token)) {
          // The token of another worker may stand in a message that waits behind this one.
          const asking = this.#worker
          setImmediate(() => asking === this.#worker && this.post(book.claim(index, message.ask)))
          return
        }
        answers.push(book.claim(index, message.ask))
        return
      case 'confirmed':
        book.confirm(index, message.allocation, message.parked)
        return
      case 'released':
        book.release(index, message.allocation)
        return
      case 'told':
        book.told(index, message.event)
        heard(message.event)
        return
      case 'readings':
        this.#answer(message.values)
        return
      case 'judged':
        this.#judging.get(message.number)?.()
        return
      case 'stepped':
        this.#stepped(message)
        return
      case 'rejected':
        rejected(message.why, message.count)
        return
      case 'guest':
        this.#parts.pass(index, message.to, message.message)
        return
      case 'log':
        log.limited(message.limit, message.level, message.message, () => message.fields)
        return
    }
  }

  #takenOver(allocations: (FromWorker & { kind: 'taken-over' })['allocations']): void {
    const { book, heard, log, replaced } = this.#parts
    if (this.#brokeAt === undefined) return
    const now = this.#now()
    const events = book.takenOver(this.#index, allocations, now)
    for (const event of events) heard(event)
    log.warn('a worker has taken over from the one that broke', {
      worker: this.#index,
      callsKept: allocations.length,
      callsLost: events.filter(({ kind }) => kind === 'closed').length,
      seconds: (now - this.#brokeAt) / 1000,
    })
    this.#brokeAt = undefined
    replaced()
  }

  #gone(error: Error | undefined): void {
    const { book, broke, log, memory, served } = this.#parts
    const why = this.#hung ? 'it hung: no sign of life for too long' : (error?.message ?? 'it ended')
    this.#worker = undefined
    this.#ready = false
    this.#hung = false
    this.#answer(new Float64Array())
    for (const { reject } of this.#steps.values()) reject(new Error(MISSING))
    this.#steps.clear()
    for (const done of [...this.#judging.values()]) done()
    const { faults } = readGauges(memory.gauges)
    writeGauges(memory.gauges, {
      sockets: 0,
      connections: 0,
      visitors: 0,
      ports: 0,
      faults,
      shortOfMemory: 0,
      kernelRoutes: 0,
    })
    if (this.#opening) {
      this.#closing = true
      this.#opening.reject(new StartError({ key: 'start.worker', values: { why } }))
      this.#opening = undefined
    }
    const now = this.#now()
    const calls = book.held(this.#index).length
    const isTakenOver = !this.#closing && this.#suspects.broke(now, served())
    if (isTakenOver) {
      this.#brokeAt ??= now
      broke()
    } else this.#giveUp()
    if (this.#closing) return
    const wait = this.#backOff.broke(now)
    log.error('a worker broke and is replaced; please report it', {
      worker: this.#index,
      error: error?.stack ?? why,
      calls,
      ...(isTakenOver ? {} : { callsLost: calls }),
      seconds: wait / 1000,
    })
    if (wait === 0) this.#spawn()
    else this.#later(() => this.#spawn(), wait)
  }

  /** What the worker held is nobody's any more. */
  #giveUp(): void {
    const { book, heard, gone, memory } = this.#parts
    this.#brokeAt = undefined
    this.#listeners.clear()
    this.#doors.clear()
    new KeptSockets(memory.sockets).closeAllBut(() => false)
    for (const event of book.lose(this.#index, this.#now())) heard(event)
    gone()
  }
}
