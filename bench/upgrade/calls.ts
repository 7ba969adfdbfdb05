import { setTimeout as sleep } from 'node:timers/promises'
import { Call, type Kind } from './call.ts'
import type { Place } from './leg.ts'

/** Packets a second, each way of a call, as speech has. */
const RATE = 50
/** Parts of the calls that take turns, so that they do not all speak in the same millisecond. */
const GROUPS = 5
/** Turns that are made up for at most: a machine that stood still is not to see a second of packets in one millisecond. */
const BEHIND = 8
/** Milliseconds in which nothing arrives, after which nothing is thought to be under way. */
const SETTLE = 1500
/** Calls that are opened at a time. */
const AT_ONCE = 10

/** What calls of one kind met with. Milliseconds. */
export interface Round {
  readonly gap: number
  readonly delay: number
}

export interface Outcome {
  readonly calls: number
  readonly sent: number
  readonly lost: number
  readonly twice: number
}

/** What all calls met with in one round. `stall`: the longest that the one who measures was late itself. */
export interface Rounds extends Readonly<Record<Kind, Round>> {
  readonly stall: number
}

const KINDS: readonly Kind[] = ['udp', 'tcp', 'tls']

/** Calls of all kinds that talk all the time. */
export class Calls {
  readonly #place: Place
  readonly #calls: Call[] = []
  #timer: NodeJS.Timeout | undefined
  #next = 0
  #turn = 0
  #stall = 0

  constructor(place: Place) {
    this.#place = place
  }

  get allocations(): number {
    return this.#calls.reduce((sum, call) => sum + call.allocations, 0)
  }

  /** Opens so many more. */
  async open(count: number): Promise<void> {
    const from = this.#calls.length
    for (let at = 0; at < count; at += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, i) => from + at + i)
      this.#calls.push(...(await Promise.all(some.map(number => Call.open(number, this.#place)))))
    }
  }

  talk(): void {
    const every = 1000 / RATE / GROUPS
    this.#next = performance.now()
    this.#timer = setInterval(() => this.#beat(every), every)
  }

  /** What they met with since the last round. */
  round(): Rounds {
    const now = performance.now()
    const worst = Object.fromEntries(KINDS.map(kind => [kind, { gap: 0, delay: 0 }])) as Record<
      Kind,
      { gap: number; delay: number }
    >
    for (const call of this.#calls) {
      const own = worst[call.kind]
      for (const { gap, delay } of call.round(now)) {
        own.gap = Math.max(own.gap, gap)
        own.delay = Math.max(own.delay, delay)
      }
    }
    const stall = this.#stall
    this.#stall = 0
    return { ...worst, stall }
  }

  /** Says nothing more, waits for what is under way, and tells what became of everything. */
  async outcome(): Promise<Record<Kind, Outcome>> {
    clearInterval(this.#timer)
    for (let lost = Number.NaN; lost !== this.#lost; ) {
      lost = this.#lost
      await sleep(SETTLE)
    }
    const sums = Object.fromEntries(KINDS.map(kind => [kind, { calls: 0, sent: 0, lost: 0, twice: 0 }]))
    for (const { kind, packets } of this.#calls) {
      const sum = sums[kind]!
      sum.calls++
      sum.sent += packets.sent
      sum.lost += packets.lost
      sum.twice += packets.twice
    }
    return sums as Record<Kind, Outcome>
  }

  get #lost(): number {
    return this.#calls.reduce((sum, { packets }) => sum + packets.lost, 0)
  }

  /** Allocations that the relays do not have any more. */
  async missing(): Promise<number> {
    let missing = 0
    for (const call of this.#calls) missing += await call.missing()
    return missing
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#calls.splice(0).map(call => call.end()))
  }

  close(): void {
    clearInterval(this.#timer)
    for (const call of this.#calls.splice(0)) call.close()
  }

  #beat(every: number): void {
    const now = performance.now()
    this.#stall = Math.max(this.#stall, now - this.#next)
    this.#next = Math.max(this.#next, now - BEHIND * every)
    for (; this.#next <= now; this.#next += every, this.#turn++)
      for (let i = this.#turn % GROUPS; i < this.#calls.length; i += GROUPS) this.#calls[i]!.talk()
  }
}
