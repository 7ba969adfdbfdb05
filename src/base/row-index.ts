import { pieceProduct, scattered, wordProduct } from './multiply-shift.ts'
import type { Random } from './time.ts'

/** Rows of words, one behind the other. The array is replaced when it grows. */
export interface Rows {
  readonly words: Int32Array
}

/** The most rows that an index can tell apart. */
export const MOST_ROWS = 0xff_ffff

/**
 * Bits of an entry that hold a row, plus one. Above them are eight bits of the
 * hash, which spare most looks at rows.
 */
const ROW = 0xff_ffff
const TAG = 24
const FIRST_CAPACITY = 64

/**
 * A hash table of rows by a key that stands in the row itself: one word an
 * entry, open addressing with linear probing, at most half full. Any two keys
 * have the same hash with a probability of 2^-17 at most (`multiply-shift.ts`).
 */
abstract class RowIndex {
  protected slots = new Int32Array(FIRST_CAPACITY)
  #used = 0

  get size(): number {
    return this.#used
  }

  protected abstract hashOf(row: number): number
  /** The row with the same key as this one, or -1. */
  protected abstract like(row: number): number

  /** Enters a row by the key that it holds, in place of another with the same key. */
  set(row: number): void {
    const found = this.like(row)
    if (found >= 0) {
      this.slots[this.#slotOf(found)] = entryOf(row, this.hashOf(row))
      return
    }
    if ((this.#used + 1) * 2 > this.slots.length) this.#grow()
    this.#used++
    this.#enter(row)
  }

  /** Removes a row, which must still hold its key. Another with the same key stays. */
  delete(row: number): void {
    let hole = this.#slotOf(row)
    if (hole < 0) return
    const { slots } = this
    const wrap = slots.length - 1
    const shift = Math.clz32(wrap)
    this.#used--
    // Later ones move back (Knuth 6.4, algorithm R), so that no tombstones pile up in a table that lives for months.
    for (let next = (hole + 1) & wrap; slots[next] !== 0; next = (next + 1) & wrap) {
      const home = this.hashOf((slots[next]! & ROW) - 1) >>> shift
      // An entry whose home lies behind the hole would not be found in front of it.
      if (((next - home) & wrap) < ((next - hole) & wrap)) continue
      slots[hole] = slots[next]!
      hole = next
    }
    slots[hole] = 0
  }

  /** Where a row stands, or -1. */
  #slotOf(row: number): number {
    const { slots } = this
    const hash = this.hashOf(row)
    const entry = entryOf(row, hash)
    const wrap = slots.length - 1
    for (let slot = hash >>> Math.clz32(wrap); slots[slot] !== 0; slot = (slot + 1) & wrap) {
      if (slots[slot] === entry) return slot
    }
    return -1
  }

  #enter(row: number): void {
    const { slots } = this
    const hash = this.hashOf(row)
    const wrap = slots.length - 1
    let slot = hash >>> Math.clz32(wrap)
    while (slots[slot] !== 0) slot = (slot + 1) & wrap
    slots[slot] = entryOf(row, hash)
  }

  #grow(): void {
    const old = this.slots
    this.slots = new Int32Array(old.length * 2)
    for (const entry of old) if (entry !== 0) this.#enter((entry & ROW) - 1)
  }
}

/** Finds rows by a space and an address record, which stand in a row one behind the other: six words. */
export class RecordIndex extends RowIndex {
  readonly #rows: Rows
  readonly #size: number
  readonly #key: number
  /** The secret words of the hash: two for each word of the key. */
  readonly #secret: Int32Array

  /** `size` is the words of a row, and `key` where the key begins in it. */
  constructor(rows: Rows, size: number, key: number, random: Random) {
    super()
    this.#rows = rows
    this.#size = size
    this.#key = key
    this.#secret = secretWords(random, 12)
  }

  /** The row whose key is `space` and the record at `words[at]`, or -1. Creates nothing. */
  find(space: number, words: Int32Array, at: number): number {
    const { slots } = this
    const rows = this.#rows.words
    const size = this.#size
    const key = this.#key
    const hash = recordHash(this.#secret, space, words, at)
    const wrap = slots.length - 1
    for (let slot = hash >>> Math.clz32(wrap); ; slot = (slot + 1) & wrap) {
      const entry = slots[slot]!
      if (entry === 0) return -1
      if ((entry ^ (hash << TAG)) >>> TAG !== 0) continue
      const row = (entry & ROW) - 1
      const k = row * size + key
      if (
        rows[k] === space &&
        rows[k + 1] === words[at] &&
        rows[k + 2] === words[at + 1] &&
        rows[k + 3] === words[at + 2] &&
        rows[k + 4] === words[at + 3] &&
        rows[k + 5] === words[at + 4]
      ) {
        return row
      }
    }
  }

  protected hashOf(row: number): number {
    const at = row * this.#size + this.#key
    return recordHash(this.#secret, this.#rows.words[at]!, this.#rows.words, at + 1)
  }

  protected like(row: number): number {
    const at = row * this.#size + this.#key
    return this.find(this.#rows.words[at]!, this.#rows.words, at + 1)
  }
}

/** Finds rows by a space and a number of at most 16 bits, two words of the row. */
export class NumberIndex extends RowIndex {
  readonly #rows: Rows
  readonly #size: number
  readonly #space: number
  readonly #number: number
  /** The secret words of the hash: two for the space, one for the number. */
  readonly #secret: Int32Array

  /** `size` is the words of a row; the others are where the two parts of the key stand in it. */
  constructor(rows: Rows, size: number, space: number, number: number, random: Random) {
    super()
    this.#rows = rows
    this.#size = size
    this.#space = space
    this.#number = number
    this.#secret = secretWords(random, 3)
  }

  /** The row with this key, or -1. Creates nothing. */
  find(space: number, number: number): number {
    const { slots } = this
    const rows = this.#rows.words
    const hash = numberHash(this.#secret, space, number)
    const wrap = slots.length - 1
    for (let slot = hash >>> Math.clz32(wrap); ; slot = (slot + 1) & wrap) {
      const entry = slots[slot]!
      if (entry === 0) return -1
      if ((entry ^ (hash << TAG)) >>> TAG !== 0) continue
      const row = (entry & ROW) - 1
      const at = row * this.#size
      if (rows[at + this.#space] === space && rows[at + this.#number] === number) return row
    }
  }

  protected hashOf(row: number): number {
    const at = row * this.#size
    const { words } = this.#rows
    return numberHash(this.#secret, words[at + this.#space]!, words[at + this.#number]!)
  }

  protected like(row: number): number {
    const at = row * this.#size
    return this.find(this.#rows.words[at + this.#space]!, this.#rows.words[at + this.#number]!)
  }
}

function entryOf(row: number, hash: number): number {
  return (hash << TAG) | (row + 1)
}

function secretWords(random: Random, count: number): Int32Array {
  const seed = Buffer.alloc(count * 4)
  random(seed)
  return Int32Array.from({ length: count }, (_, i) => seed.readInt32LE(i * 4))
}

function recordHash(secret: Int32Array, space: number, words: Int32Array, at: number): number {
  let sum = wordProduct(secret, 0, space)
  sum = (sum + wordProduct(secret, 2, words[at]!)) | 0
  sum = (sum + wordProduct(secret, 4, words[at + 1]!)) | 0
  // Zero in every IPv4 record, so that their products add nothing.
  if ((words[at + 2]! | words[at + 3]! | words[at + 4]!) === 0) return scattered(sum)
  sum = (sum + wordProduct(secret, 6, words[at + 2]!)) | 0
  sum = (sum + wordProduct(secret, 8, words[at + 3]!)) | 0
  return scattered((sum + wordProduct(secret, 10, words[at + 4]!)) | 0)
}

function numberHash(secret: Int32Array, space: number, number: number): number {
  return scattered((wordProduct(secret, 0, space) + pieceProduct(secret, 2, number)) | 0)
}
