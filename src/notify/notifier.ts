import { randomUUID } from 'node:crypto'
import type { Time } from '../base/time.ts'
import type { HealthFinding } from '../health/judge.ts'
import type { RunningText } from '../texts/running.ts'
import { Conditions } from './conditions.ts'
import { Letterhead, type NotifyMessage, type NotifySender } from './message.ts'
import { type NotifyPace, Recipient, type Told } from './recipient.ts'
import type { Way } from './way.ts'

/** Who is told, of what, and in which words. */
export interface NotifyPlan extends NotifyPace, NotifySender {
  readonly ways: readonly Way[]
  /** Milliseconds that a condition must hold before it is told. */
  readonly after: number
}

/** What recipients were told, by way: kept, so that a restart neither repeats it nor forgets that it is over. */
export type KeptNews = Readonly<Record<string, readonly Told[]>>

export interface NotifierParts {
  readonly judge: () => readonly HealthFinding[]
  readonly now: () => Time
  readonly kept: KeptNews
  /** Keeps what was told. */
  keep(kept: KeptNews): void
  /** Told of every attempt; `why` where it failed. */
  tried(way: string, message: NotifyMessage, why: RunningText | undefined): void
}

/** What came of a test message. */
export interface Tested {
  readonly way: string
  /** Why it was not sent. */
  readonly why?: RunningText
}

/** Tells people when something is wrong with the relay, and when it is over. */
export class Notifier {
  readonly #parts: NotifierParts
  readonly #conditions: Conditions
  readonly #recipients = new Map<string, Recipient>()
  #plan: NotifyPlan
  #letterhead: Letterhead

  constructor(plan: NotifyPlan, parts: NotifierParts) {
    this.#parts = parts
    this.#plan = plan
    this.#letterhead = new Letterhead(plan)
    const known = Object.values(parts.kept).flat()
    this.#conditions = new Conditions(known, parts.now())
    this.configure(plan)
  }

  configure(plan: NotifyPlan): void {
    this.#plan = plan
    this.#letterhead = new Letterhead(plan)
    for (const name of this.#recipients.keys()) {
      if (!plan.ways.some(way => way.name === name)) this.#recipients.delete(name)
    }
    for (const way of plan.ways) {
      const known = this.#recipients.get(way.name)
      if (known) known.configure(way, plan)
      else this.#recipients.set(way.name, this.#recipient(way))
    }
  }

  /** To be called now and then. Resolves when what it has caused is over. */
  async tick(): Promise<void> {
    if (this.#recipients.size === 0) return
    const now = this.#parts.now()
    const over = this.#conditions.update(this.#parts.judge(), this.#plan.after, now)
    const { held } = this.#conditions
    await Promise.all([...this.#recipients.values()].map(one => one.update(held, over, now)))
  }

  /** Sends a test message by every way. */
  test(): Promise<Tested[]> {
    const message = this.#letterhead.test(randomUUID())
    return Promise.all(
      this.#plan.ways.map(async way => {
        const why = await way.send(message)
        this.#parts.tried(way.name, message, why)
        return { way: way.name, ...(why !== undefined && { why }) }
      }),
    )
  }

  #recipient(way: Way): Recipient {
    return new Recipient({
      way,
      pace: this.#plan,
      told: this.#parts.kept[way.name] ?? [],
      write: news => this.#letterhead.write(randomUUID(), news, this.#parts.now()),
      tried: (name, message, why) => {
        // Kept before it is said to have been told: a relay that dies in between tells nobody twice.
        if (why === undefined) this.#parts.keep(this.#kept())
        this.#parts.tried(name, message, why)
      },
    })
  }

  #kept(): KeptNews {
    return Object.fromEntries([...this.#recipients].map(([name, one]) => [name, one.told]))
  }
}
