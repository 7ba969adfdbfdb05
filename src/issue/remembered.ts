import { createHash } from 'node:crypto'
import type { Time } from '../base/time.ts'
import { Expiring } from './expiring.ts'

/** An answer, and for how many milliseconds it may be given again. */
export interface Learnt<V> {
  readonly value: V
  readonly keep: number
  /** Good news and bad are kept apart, so that a flood of wrong tokens forgets no right one. */
  readonly good: boolean
}

/** Answers of either kind that are kept, and questions that may be open at a time. */
const MOST = 10_000
const MOST_OPEN = 64

/**
 * Asks others who holds a token, and remembers briefly what they said. Tokens
 * are kept as hashes only. The same question asked twice at once goes out once.
 */
export class Remembered<V> {
  readonly #now: () => Time
  readonly #good = new Expiring<V>(MOST)
  readonly #bad = new Expiring<V>(MOST)
  readonly #open = new Map<string, Promise<V>>()

  constructor(now: () => Time) {
    this.#now = now
  }

  /** The answer to a question about `token`, or 'busy' when too many are open. `scope` says whom it is asked. */
  async ask(scope: string, token: string, learn: () => Promise<Learnt<V>>): Promise<V | 'busy'> {
    const key = createHash('sha256').update(scope).update('\0').update(token).digest('base64')
    const known = this.#good.get(key, this.#now()) ?? this.#bad.get(key, this.#now())
    if (known !== undefined) return known
    const open = this.#open.get(key)
    if (open) return open
    if (this.#open.size >= MOST_OPEN) return 'busy'
    const learning = learn().then(({ value, keep, good }) => {
      if (keep > 0) (good ? this.#good : this.#bad).set(key, value, (this.#now() + keep) as Time)
      return value
    })
    this.#open.set(key, learning)
    try {
      return await learning
    } finally {
      this.#open.delete(key)
    }
  }
}
