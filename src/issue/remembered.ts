import { createHash } from 'node:crypto'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { Time } from '../base/time.ts'
import { BoundedMap } from '../limits/bounded-map.ts'

/** An answer, and for how many milliseconds it may be given again. */
export interface Learnt<V> {
  readonly value: V
  readonly keep: number
  /** Good news and bad are kept apart, so that a flood of wrong tokens forgets no right one. */
  readonly good: boolean
}

/** Answers of either kind that are kept. */
const MOST = 10_000
/** Questions that may be open at a time to one party. */
const MOST_OPEN = 64

/**
 * Asks others who holds a token, and remembers briefly what they said. Tokens
 * are kept as hashes only. The same question asked twice at once goes out once.
 * Each party that is asked has questions of its own, so a slow one starves itself.
 */
export class Remembered<V> {
  readonly #now: () => Time
  readonly #good = new BoundedMap<string, V>(MOST)
  readonly #bad = new BoundedMap<string, V>(MOST)
  readonly #open = new Map<string, Promise<V>>()
  readonly #openTo = new Map<string, number>()

  constructor(now: () => Time) {
    this.#now = now
  }

  /**
   * The answer to a question about `token`, or 'busy' when too many are open to
   * that party. `scope` says who is asked, and `party` to whom that belongs: an
   * entry of the configuration, whose number is bounded.
   */
  async ask(
    scope: string,
    token: string,
    learn: () => Promise<Learnt<V>>,
    party: string = scope,
  ): Promise<Result<V, 'busy'>> {
    const key = createHash('sha256').update(scope).update('\0').update(token).digest('base64')
    const known = this.#good.get(key, this.#now()) ?? this.#bad.get(key, this.#now())
    if (known !== undefined) return succeeded(known)
    const open = this.#open.get(key)
    if (open) return succeeded(await open)
    const openTo = this.#openTo.get(party) ?? 0
    if (openTo >= MOST_OPEN) return failed('busy')
    const learning = learn().then(({ value, keep, good }) => {
      if (keep > 0) (good ? this.#good : this.#bad).set(key, value, (this.#now() + keep) as Time)
      return value
    })
    this.#open.set(key, learning)
    this.#openTo.set(party, openTo + 1)
    try {
      return succeeded(await learning)
    } finally {
      this.#open.delete(key)
      const left = this.#openTo.get(party)! - 1
      if (left > 0) this.#openTo.set(party, left)
      else this.#openTo.delete(party)
    }
  }
}
