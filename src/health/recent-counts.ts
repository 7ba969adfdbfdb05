import type { Counts, Increase } from './vitals.ts'

/** Seconds between two counts that are kept, and minutes that they reach back. */
const STEP = 10
const REACH = 15

interface Kept {
  readonly at: number
  readonly counts: Counts
}

/** Counts of the last quarter of an hour, one for each ten seconds, so that increases can be told. */
export class RecentCounts {
  readonly #kept: Kept[]
  #now: Kept

  /** `at` is in milliseconds of a clock that is never set. */
  constructor(at: number, counts: Counts) {
    this.#now = { at, counts }
    this.#kept = [this.#now]
  }

  /** To be called once a second. */
  add(at: number, counts: Counts): void {
    this.#now = { at, counts }
    if (at - this.#kept.at(-1)!.at < STEP * 1000) return
    this.#kept.push(this.#now)
    const oldest = at - REACH * 60_000
    while (this.#kept.length > 1 && this.#kept[1]!.at <= oldest) this.#kept.shift()
  }

  /** What was counted in the last `minutes`, at most fifteen, or since the beginning where that was later. */
  increase(minutes: number): Increase {
    const since = this.#now.at - minutes * 60_000
    const before = this.#kept.findLast(({ at }) => at <= since) ?? this.#kept[0]!
    const { counts } = this.#now
    const difference = Object.fromEntries(
      (Object.keys(counts) as (keyof Counts)[]).map(key => [key, counts[key] - before.counts[key]]),
    ) as unknown as Counts
    return { ...difference, seconds: (this.#now.at - before.at) / 1000 }
  }
}
