import { compare, contains, formatRange, type Range } from '../base/range.ts'

/** A network that is not served for a while. Times are milliseconds since the epoch, by the wall clock. */
export interface Ban {
  readonly range: Range
  readonly since: number
  readonly until: number
  /** Who has asked for it: the name of a token, or `socket`. */
  readonly by: string
  readonly reason?: string | undefined
}

/** The most bans at a time: what a look-up and every worker can hold without being felt. */
export const MOST_BANS = 16_384

/** The networks that are banned now, by how they are written. */
export class Bans {
  readonly #bans = new Map<string, Ban>()

  constructor(bans: readonly Ban[] = []) {
    for (const ban of bans) this.#bans.set(formatRange(ban.range), ban)
  }

  /** Adds one, or changes the one of the same network; false where there are too many. */
  add(ban: Ban): boolean {
    const key = formatRange(ban.range)
    if (this.#bans.size >= MOST_BANS && !this.#bans.has(key)) return false
    this.#bans.set(key, ban)
    return true
  }

  /** Lifts the ban of exactly this network; false where there is none. */
  remove(range: Range): boolean {
    return this.#bans.delete(formatRange(range))
  }

  /** Bans of other networks that an address or a network lies in, or that lie in it. */
  touching({ from, to }: Range): Range[] {
    return this.all
      .map(({ range }) => range)
      .filter(
        range =>
          range.from.length === from.length &&
          (contains(range, from) ||
            contains(range, to) ||
            (compare(from, range.from) <= 0 && compare(range.to, to) <= 0)),
      )
  }

  /** Removes those whose time is over; true where there were any. */
  sweep(now: number): boolean {
    const over = [...this.#bans].filter(([, { until }]) => until <= now)
    for (const [key] of over) this.#bans.delete(key)
    return over.length > 0
  }

  get all(): readonly Ban[] {
    return [...this.#bans.values()]
  }
}
