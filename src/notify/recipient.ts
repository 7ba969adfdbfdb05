import type { Time } from '../base/time.ts'
import type { Level } from '../health/rules.ts'
import { CountingWindow } from '../limits/fixed-window.ts'
import type { RunningText } from '../texts/running.ts'
import type { Condition, PastCondition } from './conditions.ts'
import type { News, NotifyMessage } from './message.ts'
import type { Way } from './way.ts'

/** What a recipient was told, and when (milliseconds since the epoch). */
export interface Told extends Condition {
  readonly at: number
}

/** How much a recipient is told. */
export interface NotifyPace {
  readonly level: Level
  /** Milliseconds after which what still holds is told again; Infinity for never. */
  readonly repeat: number
  readonly perHour: number
}

export interface RecipientParts {
  readonly way: Way
  readonly pace: NotifyPace
  /** What was told before the relay started. */
  readonly told: readonly Told[]
  write(news: readonly News[]): NotifyMessage
  /** Told of every attempt; `why` where it failed. */
  tried(way: string, message: NotifyMessage, why: RunningText | undefined): void
}

const HOUR = 3_600_000
/** Milliseconds until a message that could not be sent is tried again: at first, and at most. */
const RETRY = { first: 30_000, most: HOUR }

/**
 * One who is told. It compares what holds with what it was told, so nothing
 * waits in a queue: what could not be sent, or would have been too much, is in
 * the next message as it is by then. What began and ended meanwhile is told too.
 */
export class Recipient {
  readonly #parts: RecipientParts
  #way: Way
  #pace: NotifyPace
  #sent: CountingWindow<'sent'>
  readonly #told = new Map<string, Told>()
  readonly #missed = new Map<string, PastCondition>()
  #isSending = false
  #failures = 0
  #notBefore = 0

  constructor(parts: RecipientParts) {
    this.#parts = parts
    this.#way = parts.way
    this.#pace = parts.pace
    this.#sent = new CountingWindow(parts.pace.perHour, HOUR, 1)
    for (const one of parts.told) this.#told.set(one.key, one)
  }

  /** Takes a new way to the same recipient, which is tried at once. */
  configure(way: Way, pace: NotifyPace): void {
    if (pace.perHour !== this.#pace.perHour) this.#sent = new CountingWindow(pace.perHour, HOUR, 1)
    this.#way = way
    this.#pace = pace
    this.#failures = 0
    this.#notBefore = 0
  }

  get told(): readonly Told[] {
    return [...this.#told.values()]
  }

  /** Tells what is new, if anything. Resolves when it has been sent or has failed. */
  async update(held: readonly Condition[], over: readonly PastCondition[], now: Time): Promise<void> {
    for (const past of over) {
      const isTold = this.#told.has(past.key)
      if (isTold || this.#isWanted(past)) this.#missed.set(past.key, past)
    }
    if (this.#isSending || now < this.#notBefore) return
    const news = this.#news(held, now)
    if (news.length === 0 || this.#sent.isSpent('sent', now)) return
    const message = this.#parts.write(news)
    this.#isSending = true
    const way = this.#way
    const why = await way.send(message)
    this.#isSending = false
    if (why === undefined) this.#keep(news, now)
    else this.#failed(now)
    this.#parts.tried(way.name, message, why)
  }

  #news(held: readonly Condition[], now: Time): News[] {
    const begun = held.filter(one => this.#isWanted(one) && !this.#knows(one))
    const known = held.filter(one => this.#told.has(one.key) && !begun.includes(one))
    const isDue = known.some(({ key }) => now - this.#told.get(key)!.at >= this.#pace.repeat)
    return [
      ...begun.map(one => ({ ...one, kind: 'begun' as const })),
      ...(isDue ? known.map(one => ({ ...one, kind: 'still' as const })) : []),
      ...[...this.#missed.values()].map(one => ({ ...one, kind: 'over' as const })),
    ]
  }

  #isWanted({ finding }: Condition): boolean {
    return this.#pace.level === 'warn' || finding.level === 'bad'
  }

  /** True where it was told of this, and it has not become worse. */
  #knows({ key, finding }: Condition): boolean {
    const told = this.#told.get(key)
    return told !== undefined && !(told.finding.level === 'warn' && finding.level === 'bad')
  }

  #keep(news: readonly News[], now: Time): void {
    this.#failures = 0
    this.#sent.pass('sent', now)
    for (const { kind, key, finding, since } of news) {
      if (kind !== 'over') this.#told.set(key, { key, finding, since, at: now })
      else if (this.#missed.get(key)?.since === since) {
        this.#missed.delete(key)
        // It may hold again, and have been told in the same message.
        if (this.#told.get(key)?.since === since) this.#told.delete(key)
      }
    }
  }

  #failed(now: Time): void {
    this.#notBefore = now + Math.min(RETRY.most, RETRY.first * 2 ** this.#failures)
    this.#failures++
  }
}
