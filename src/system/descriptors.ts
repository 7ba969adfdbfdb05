import { closeSync, openSync, readFileSync } from 'node:fs'

/** In place of a descriptor: that socket has been closed, and one is to be bound where it was. */
export const NOT_OPEN = -1

/** The share that is kept free, and its bounds. Less than what readiness wants, so that one is warned before. */
const SHARE = 0.05
const FEWEST = 8
const MOST = 64
/**
 * How much of the remaining headroom may be used before the next check, which is two
 * system calls. An allocation takes four at most, and sixteen threads may each
 * have the same idea.
 */
const UNSEEN = 64

/**
 * Keeps a few file descriptors free of clients, for what must go on when there
 * are too many of them: the pages for operators, reloads, new certificates.
 *
 * The kernel gives out the lowest number that is free, so opening a file tells
 * how many are in use, in all threads together.
 */
export class Descriptors {
  /** How many this process may have; infinite where the system does not say. */
  readonly limit: number
  readonly #reserve: number
  readonly #open: () => number
  /** Clients that may still be let in without another look. */
  #unseen = 0

  /** `open` opens and closes a file, and returns the number that it had; throws what the system says. */
  constructor(limit: number, open: () => number = openNull) {
    this.limit = limit
    this.#reserve = Math.min(MOST, Math.max(FEWEST, Math.floor(limit * SHARE)))
    this.#open = open
  }

  /** Takes one for a client; false where it may not have another. Looks at the system only once in a while. */
  takeOne(): boolean {
    if (this.limit === Number.POSITIVE_INFINITY) return true
    if (this.#unseen-- > 0) return true
    try {
      const left = this.limit - this.#reserve - this.#open()
      this.#unseen = Math.floor(left / UNSEEN)
      return left > 0
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return code !== 'EMFILE' && code !== 'ENFILE'
    }
  }
}

/** The descriptors of this process. */
export const descriptors = new Descriptors(readLimit())

function readLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function openNull(): number {
  const fd = openSync('/dev/null', 'r')
  closeSync(fd)
  return fd
}
