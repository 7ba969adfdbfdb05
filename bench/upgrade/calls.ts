import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, type Kind, kindOf, mannerOf } from './call.ts'
import type { Place } from './leg.ts'
import { OwnCall } from './own-call.ts'
import { TalkedCall } from './talked-call.ts'
import { Talker } from './talker.ts'
import type { Heard } from './tally.ts'

/** Packets a second, each way of a call, as speech has; `talker.c` has the same. */
const RATE = 50
/** Parts of the calls that take turns, so that they do not all speak in the same millisecond. */
const GROUPS = 5
/** Turns that are made up for at most: a machine that stood still is not to see a second of packets in one millisecond. */
const BEHIND = 8
/** Milliseconds in which nothing arrives, after which nothing is thought to be under way. */
const SETTLE = 1500
/** Calls that are opened at a time. */
const AT_ONCE = 10

/** How the ways of calls were spread. Milliseconds. */
export interface Spread {
  readonly half: number
  readonly most: number
  readonly worst: number
}

/** What calls of one kind met with: the longest gap and the longest delay of each way, half of the ways, 99% and all of them. */
export interface Round {
  readonly gap: Spread
  readonly delay: Spread
  /** Packets that are under way, and all that were lost so far. */
  readonly absent: number
}

export interface Outcome {
  readonly calls: number
  readonly sent: number
  readonly lost: number
  readonly twice: number
}

/** The longest that those who measure were late themselves, in milliseconds: the talker, and this process for TLS. */
export interface Late {
  readonly talker: number
  readonly own: number
}

/** What all calls met with in one round. */
export interface Rounds extends Readonly<Record<Kind, Round>> {
  readonly late: Late
}

export const KINDS: readonly Kind[] = ['udp', 'tcp', 'tls']

/** Calls of all kinds that talk all the time. */
export class Calls {
  readonly #place: Place
  readonly #talker = new Talker()
  readonly #calls: Call[] = []
  /** Of these, the ones that this process talks in. */
  readonly #own: OwnCall[] = []
  #timer: NodeJS.Timeout | undefined
  #next = 0
  #turn = 0
  #late = 0

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
      this.#calls.push(...(await Promise.all(some.map(number => this.#open(number)))))
    }
  }

  talk(): void {
    const every = 1000 / RATE / GROUPS
    this.#next = performance.now()
    this.#timer = setInterval(() => this.#beat(every), every)
    this.#talker.talk()
  }

  /** What they met with since the last round. */
  async round(): Promise<Rounds> {
    const { late, heard } = await this.#heard()
    const rounds = Object.fromEntries(KINDS.map(kind => [kind, roundOf(heard[kind])]))
    const own = this.#late
    this.#late = 0
    return { ...(rounds as Record<Kind, Round>), late: { talker: late, own } }
  }

  /** Says nothing more, waits for what is under way, and tells what became of everything. */
  async outcome(): Promise<Record<Kind, Outcome>> {
    this.#hush()
    for (let before = ''; ; ) {
      const { heard } = await this.#heard()
      const outcome = Object.fromEntries(KINDS.map(kind => [kind, outcomeOf(heard[kind])]))
      const now = JSON.stringify(outcome)
      if (now === before) return outcome as Record<Kind, Outcome>
      before = now
      await sleep(SETTLE)
    }
  }

  /** Allocations that the relays do not have any more. */
  async missing(): Promise<number> {
    let missing = 0
    for (const call of this.#calls) missing += await call.missing()
    return missing
  }

  async end(): Promise<void> {
    this.#hush()
    await Promise.all(this.#calls.splice(0).map(call => call.end()))
    this.#talker.close()
  }

  /** Without a word to the relay. */
  close(): void {
    clearInterval(this.#timer)
    for (const call of this.#calls.splice(0)) call.close()
    this.#talker.close()
  }

  async #open(number: number): Promise<Call> {
    const manner = mannerOf(number)
    if (kindOf(manner) !== 'tls') return TalkedCall.open(number, manner, this.#place, this.#talker)
    const call = await OwnCall.open(number, manner, this.#place)
    this.#own.push(call)
    return call
  }

  #hush(): void {
    clearInterval(this.#timer)
    this.#talker.hush()
  }

  /** What was heard of each way, by the kinds of calls. */
  async #heard(): Promise<{ late: number; heard: Record<Kind, Heard[]> }> {
    const round = await this.#talker.round()
    const now = performance.now()
    const heard: Record<Kind, Heard[]> = { udp: [], tcp: [], tls: [] }
    for (const call of this.#calls) heard[call.kind].push(...call.round(round, now))
    return { late: round.late, heard }
  }

  #beat(every: number): void {
    const now = performance.now()
    this.#late = Math.max(this.#late, now - this.#next)
    this.#next = Math.max(this.#next, now - BEHIND * every)
    for (; this.#next <= now; this.#next += every, this.#turn++)
      for (let i = this.#turn % GROUPS; i < this.#own.length; i += GROUPS) this.#own[i]!.talk()
  }
}

function roundOf(heard: readonly Heard[]): Round {
  const gap = spreadOf(heard.map(({ gap }) => gap))
  const delay = spreadOf(heard.map(({ delay }) => delay))
  return { gap, delay, absent: outcomeOf(heard).lost }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0
  return { half: at(0.5), most: at(0.99), worst: at(1) }
}

function outcomeOf(heard: readonly Heard[]): Outcome {
  const sum = (value: (one: Heard) => number) => heard.reduce((sum, one) => sum + value(one), 0)
  return {
    calls: heard.length / 2,
    sent: sum(one => one.sent),
    lost: sum(one => one.sent - one.distinct),
    twice: sum(one => one.twice),
  }
}
