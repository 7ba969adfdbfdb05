import { compare, contains, formatRange, type Range } from '../base/range.ts'
import { inSlices } from '../system/slices.ts'

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

  /** Adds one, or changes the one of the same network: whether it is new, or that there are too many. */
  add(ban: Ban): 'new' | 'known' | 'too-many' {
    const key = formatRange(ban.range)
    const isKnown = this.#bans.has(key)
    if (!isKnown && this.#bans.size >= MOST_BANS) return 'too-many'
    this.#bans.set(key, ban)
    return isKnown ? 'known' : 'new'
  }

  /** Lifts the ban of exactly this network; false where there is none. */
  remove(range: Range): boolean {
    return this.#bans.delete(formatRange(range))
  }

  /** Bans of other networks that an address or a network lies in, or that lie in it. */
  async touching({ from, to }: Range): Promise<Range[]> {
    const found: Range[] = []
    await inSlices(this.#bans.values(), ({ range }) => {
      const isTouching =
        range.from.length === from.length &&
        (contains(range, from) ||
          contains(range, to) ||
          (compare(from, range.from) <= 0 && compare(range.to, to) <= 0))
      if (isTouching) found.push(range)
    })
    return found
  }

  /** Removes those whose time is over, and returns their networks. */
  sweep(now: number): Range[] {
    const over: Range[] = []
    for (const [key, { range, until }] of this.#bans) {
      if (until > now) continue
      over.push(range)
      this.#bans.delete(key)
    }
    return over
  }

  get all(): readonly Ban[] {
    return [...this.#bans.values()]
  }
}
