import type { Time } from '../base/time.ts'

/** Words of a cell: the virtual time at which its debt is paid off, and when it was last charged. */
const WORDS = 2
const AT = 1
/** Milliseconds of the clock that says how long a cell rests; it goes round in 35 years. */
const TICK = 256
/** Ticks that no two clocks are apart: one hour. */
const CLOCKS_APART = 14_062
/** The largest debt that fits, in units, where it is paid off within a second. */
export const LARGEST_DEBT = 2 ** 30

/**
 * The generic cell rate algorithm over numbered cells. A cell owes what was
 * charged and not yet paid off; time pays it off at `rate` units a second, and
 * a charge that would bring the debt above `most` is refused. That is a token
 * bucket of `most` units, in one number: the virtual time (units paid off
 * since the epoch, modulo 2^32) at which the debt ends.
 *
 * Cells are plain 32-bit words and times are absolute, so their octets can be
 * copied to another process as they are. In a SharedArrayBuffer several threads
 * may charge one cell: a charge is one compare-and-exchange. Only the first
 * charges after a rest may be lost if two threads make them at the same moment.
 * Nothing is allocated.
 */
export class Gcra {
  #words: Int32Array
  readonly #isShared: boolean
  /** Ticks after which a cell owes nothing, and the same in seconds. */
  readonly #rest: number
  readonly #longest: number

  /** Memory for so many cells, in bytes. */
  static bytes(cells: number): number {
    return cells * WORDS * 4
  }

  /**
   * `rest` is the longest time in milliseconds that paying off may take: a cell
   * that was not charged for as long owes nothing. What is paid off in half a
   * second more than `rest` must be below 2^31 units.
   */
  constructor(memory: ArrayBuffer | SharedArrayBuffer, rest: number, offset = 0, cells?: number) {
    this.#words = new Int32Array(memory, offset, cells === undefined ? undefined : cells * WORDS)
    this.#isShared = memory instanceof SharedArrayBuffer
    this.#rest = Math.ceil(rest / TICK)
    this.#longest = rest / 1000
  }

  /** Charges a cell, or returns false and leaves it as it is when that would be more than it may owe. */
  take(cell: number, cost: number, most: number, rate: number, now: Time): boolean {
    const words = this.#words
    const at = cell * WORDS
    const virtual = ((now * rate) / 1000) | 0
    const tick = (now / TICK) | 0
    let end = words[at]!
    for (;;) {
      // Ticks since the last charge; fewer than 0 when the clock of the thread that made it is a little ahead.
      const rested = (tick - words[at + AT]!) | 0
      let next = (end - virtual) | 0
      if (next < 0 || rested > this.#rest || rested < -CLOCKS_APART) next = 0
      if (next + cost > most) return false
      next = (virtual + next + cost) | 0
      if (this.#isShared) {
        const found = Atomics.compareExchange(words, at, end, next)
        if (found !== end) {
          end = found
          continue
        }
      } else words[at] = next
      if (rested > 0 || rested < -CLOCKS_APART) words[at + AT] = tick
      return true
    }
  }

  /** Takes back a charge that was just made. */
  giveBack(cell: number, cost: number): void {
    Atomics.sub(this.#words, cell * WORDS, cost)
  }

  /** Charges a cell whatever it owes, up to what `rest` pays off. */
  charge(cell: number, cost: number, rate: number, now: Time): void {
    const most = Math.floor(this.#longest * rate)
    if (!this.take(cell, cost, most, rate, now)) this.set(cell, most, rate, now)
  }

  /** What a cell owes, in units. */
  owed(cell: number, rate: number, now: Time): number {
    const words = this.#words
    const at = cell * WORDS
    if (hasRested(words, at, this.#rest, now)) return 0
    return Math.max(0, (words[at]! - (((now * rate) / 1000) | 0)) | 0)
  }

  /** Lets a cell owe this much. */
  set(cell: number, owed: number, rate: number, now: Time): void {
    const at = cell * WORDS
    Atomics.store(this.#words, at, (((now * rate) / 1000) | 0) + owed)
    Atomics.store(this.#words, at + AT, (now / TICK) | 0)
  }

  /** Makes room for more cells, in memory of its own. */
  grow(cells: number): void {
    const wider = new Int32Array(cells * WORDS)
    wider.set(this.#words)
    this.#words = wider
  }

  /** The cells as octets, in the machine's byte order. */
  snapshot(): Uint8Array {
    return new Uint8Array(this.#words.buffer, this.#words.byteOffset, this.#words.byteLength).slice()
  }

  /** Takes over cells from `snapshot`; as many as there are on both sides. */
  restore(bytes: Uint8Array): void {
    const words = new Int32Array(bytes.slice().buffer, 0, bytes.length >> 2)
    this.#words.set(words.subarray(0, this.#words.length))
  }
}

/** True if a cell was not charged for so long that it owes nothing; only then may 32 bits have wrapped. */
function hasRested(words: Int32Array, at: number, rest: number, now: Time): boolean {
  const rested = (((now / TICK) | 0) - words[at + AT]!) | 0
  return rested > rest || rested < -CLOCKS_APART
}
