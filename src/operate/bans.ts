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
  /** None ends before. */
  #firstEnd = Number.POSITIVE_INFINITY

  constructor(bans: readonly Ban[] = []) {
    for (const ban of bans) this.#set(formatRange(ban.range), ban)
  }

  /** Adds one, or changes the one of the same network: whether it is new, or that there are too many. */
  add(ban: Ban): 'new' | 'known' | 'too-many' {
    const key = formatRange(ban.range)
    const isKnown = this.#bans.has(key)
    if (!isKnown && this.#bans.size >= MOST_BANS) return 'too-many'
    this.#set(key, ban)
    return isKnown ? 'known' : 'new'
  }

  #set(key: string, ban: Ban): void {
    this.#bans.set(key, ban)
    this.#firstEnd = Math.min(this.#firstEnd, ban.until)
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

  /** Removes those whose time is over, and returns their networks. Looks at none before the first of them ends. */
  async sweep(now: number): Promise<Range[]> {
    const over: Range[] = []
    if (now < this.#firstEnd) return over
    this.#firstEnd = Number.POSITIVE_INFINITY
    await inSlices(this.#bans, ([key, { range, until }]) => {
      if (until > now) {
        this.#firstEnd = Math.min(this.#firstEnd, until)
        return
      }
      over.push(range)
      this.#bans.delete(key)
    })
    return over
  }

  get all(): readonly Ban[] {
    return [...this.#bans.values()]
  }
}
