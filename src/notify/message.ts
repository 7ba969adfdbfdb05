import { type HealthWords, healthText, healthWords } from '../health/words.ts'
import type { Language } from '../texts/language.ts'
import type { Condition, PastCondition } from './conditions.ts'
import { type NotifyWords, notifyWords } from './words.ts'

/** One condition in a message. `still`: it was told before, and holds on. */
export type News =
  | (Condition & { readonly kind: 'begun' | 'still' })
  | (PastCondition & { readonly kind: 'over' })

/** A notification, in words for people and in parts for programs. */
export interface NotifyMessage {
  /** Tells it apart from every other; the same when it is sent again. */
  readonly id: string
  readonly relay: string
  /** The worst of what it tells; `good` where all of it is over. */
  readonly level: 'bad' | 'warn' | 'good'
  readonly title: string
  readonly lines: readonly string[]
  readonly findings: readonly MessageFinding[]
}

/** Times are milliseconds since the epoch. */
export interface MessageFinding {
  readonly id: string
  readonly level: 'bad' | 'warn'
  readonly state: News['kind']
  readonly since: number
  readonly until?: number
  readonly text: string
  readonly values: Readonly<Record<string, string | number>>
}

/** What every message says of the relay that it comes from. */
export interface NotifySender {
  /** The realm. */
  readonly relay: string
  readonly language: Language
  /** Where the console is, if people can open it from elsewhere. */
  readonly console?: string | undefined
}

/** Writes messages in one language. */
export class Letterhead {
  readonly #sender: NotifySender
  readonly #words: NotifyWords
  readonly #health: HealthWords

  constructor(sender: NotifySender) {
    this.#sender = sender
    this.#words = notifyWords(sender.language)
    this.#health = healthWords(sender.language)
  }

  write(id: string, news: readonly News[], now: number): NotifyMessage {
    const { relay, console } = this.#sender
    const held = news.filter(({ kind }) => kind !== 'over')
    const isBad = held.some(({ finding }) => finding.level === 'bad')
    return {
      id,
      relay,
      level: held.length === 0 ? 'good' : isBad ? 'bad' : 'warn',
      title:
        held.length === 0
          ? this.#words.say('resolved', { relay })
          : this.#words.count('problems', held.length, { relay }),
      lines: [
        ...news.map(one => this.#line(one, now)),
        console === undefined ? this.#words.say('status') : this.#words.say('console', { url: console }),
      ],
      findings: news.map(one => ({
        id: one.finding.id,
        level: one.finding.level,
        state: one.kind,
        since: one.since,
        ...(one.kind === 'over' && { until: one.until }),
        text: healthText(one.finding, this.#health),
        values: one.finding.values ?? {},
      })),
    }
  }

  test(id: string): NotifyMessage {
    const { relay } = this.#sender
    return {
      id,
      relay,
      level: 'good',
      title: this.#words.say('test', { relay }),
      lines: [this.#words.say('testText')],
      findings: [],
    }
  }

  #line(news: News, now: number): string {
    const text = healthText(news.finding, this.#health)
    if (news.kind === 'begun') return this.#words.say(news.finding.level, { text })
    const time = this.#words.format.duration((news.kind === 'over' ? news.until : now) - news.since)
    return this.#words.say(news.kind, { text, time })
  }
}
