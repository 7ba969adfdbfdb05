import { readdirSync, statSync } from 'node:fs'
import { opendir } from 'node:fs/promises'

const FOLDER = '/proc/self/fd'
/** Milliseconds for which a count that took a walk is good enough. */
const GOOD_FOR = 5_000
/** Entries that are read at once, on a thread of the pool. */
const AT_ONCE = 256

export interface DescriptorCountParts {
  /** The size of the folder: the count itself since Linux 6.2, before that 0. Throws where there is none. */
  readonly size: () => number
  /** Counts at once. Throws what the system says. */
  readonly list: () => number
  /** Counts a few at a time. */
  readonly walk: () => Promise<number>
  readonly now: () => number
}

const REAL: DescriptorCountParts = {
  size: () => statSync(FOLDER).size,
  list: () => readdirSync(FOLDER).length,
  walk: async () => {
    let count = 0
    for await (const _ of await opendir(FOLDER, { bufferSize: AT_ONCE })) count++
    return count
  },
  now: () => performance.now(),
}

/**
 * How many descriptors the process has open. With thousands of them a list
 * takes milliseconds in which nothing is relayed; so the kernel is asked for
 * the count where it has one, and elsewhere they are listed once, early, and
 * then counted in the background, at most every five seconds.
 */
export class DescriptorCount {
  readonly #parts: DescriptorCountParts
  #kept: number | undefined
  #keptAt = 0
  #isWalking = false

  constructor(parts: DescriptorCountParts = REAL) {
    this.#parts = parts
  }

  /** Undefined where the system does not say. */
  read(): number | undefined {
    const { size, list, now } = this.#parts
    try {
      const count = size()
      if (count > 0) return count
      if (this.#kept === undefined) {
        this.#keep(list())
      } else if (!this.#isWalking && now() - this.#keptAt > GOOD_FOR) {
        this.#isWalking = true
        void this.#walk()
      }
    } catch (error) {
      // To list them takes one.
      if (isUsedUp(error)) return Number.POSITIVE_INFINITY
      return undefined
    }
    return this.#kept
  }

  async #walk(): Promise<void> {
    try {
      this.#keep(await this.#parts.walk())
    } catch (error) {
      if (isUsedUp(error)) this.#keep(Number.POSITIVE_INFINITY)
    } finally {
      this.#isWalking = false
    }
  }

  #keep(count: number): void {
    this.#kept = count
    this.#keptAt = this.#parts.now()
  }
}

function isUsedUp(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EMFILE' || code === 'ENFILE'
}

const own = new DescriptorCount()

/**
 * How many descriptors this process has open; undefined where the system does
 * not say, infinite where none is left to count with.
 */
export function openDescriptors(): number | undefined {
  return own.read()
}
