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
/**
 * The upper bits of a hash choose one of so many tables, each of which grows by
 * itself: to make one table of 262,144 entries anew takes thirty milliseconds,
 * in which nothing is relayed, and one of sixty-four takes half of one.
 */
const PARTS = 6
const PART = 32 - PARTS
const FIRST_CAPACITY = 8

/**
 * A hash table of rows by a key that stands in the row itself: one word an
 * entry, open addressing with linear probing, at most three quarters full, so
 * that an entry takes five to eleven bytes. Any two keys
 * have the same hash with a probability of 2^-17 at most (`multiply-shift.ts`).
 */
abstract class RowIndex {
  protected readonly parts = Array.from({ length: 1 << PARTS }, () => new Int32Array(FIRST_CAPACITY))
  readonly #used = new Int32Array(1 << PARTS)
  #size = 0

  get size(): number {
    return this.#size
  }

  protected abstract hashOf(row: number): number
  /** The row with the same key as this one, or -1. */
  protected abstract like(row: number): number

  /** Enters a row by the key that it holds, in place of another with the same key. */
  set(row: number): void {
    const found = this.like(row)
    const hash = this.hashOf(row)
    const part = hash >>> PART
    if (found >= 0) {
      this.parts[part]![this.#slotOf(found, hash)] = entryOf(row, hash)
      return
    }
    if ((this.#used[part]! + 1) * 4 > this.parts[part]!.length * 3) this.#grow(part)
    this.#used[part]!++
    this.#size++
    enter(this.parts[part]!, row, hash)
  }

  /** Removes a row, which must still hold its key. Another with the same key stays. */
  delete(row: number): void {
    const hash = this.hashOf(row)
    let hole = this.#slotOf(row, hash)
    if (hole < 0) return
    const part = hash >>> PART
    const slots = this.parts[part]!
    const wrap = slots.length - 1
    this.#used[part]!--
    this.#size--
    // Later ones move back (Knuth 6.4, algorithm R), so that no tombstones pile up in a table that lives for months.
    for (let next = (hole + 1) & wrap; slots[next] !== 0; next = (next + 1) & wrap) {
      const home = homeOf(this.hashOf((slots[next]! & ROW) - 1), wrap)
      // An entry whose home lies behind the hole would not be found in front of it.
      if (((next - home) & wrap) < ((next - hole) & wrap)) continue
      slots[hole] = slots[next]!
      hole = next
    }
    slots[hole] = 0
  }

  /** Where a row with this hash stands in its part, or -1. */
  #slotOf(row: number, hash: number): number {
    const slots = this.parts[hash >>> PART]!
    const entry = entryOf(row, hash)
    const wrap = slots.length - 1
    for (let slot = homeOf(hash, wrap); slots[slot] !== 0; slot = (slot + 1) & wrap) {
      if (slots[slot] === entry) return slot
    }
    return -1
  }

  #grow(part: number): void {
    const old = this.parts[part]!
    const wider = (this.parts[part] = new Int32Array(old.length * 2))
    for (const entry of old) {
      if (entry === 0) continue
      const row = (entry & ROW) - 1
      enter(wider, row, this.hashOf(row))
    }
  }
}

function enter(slots: Int32Array, row: number, hash: number): void {
  const wrap = slots.length - 1
  let slot = homeOf(hash, wrap)
  while (slots[slot] !== 0) slot = (slot + 1) & wrap
  slots[slot] = entryOf(row, hash)
}

/** Where the search for a hash begins: the bits below those that chose the part. */
function homeOf(hash: number, wrap: number): number {
  return (hash << PARTS) >>> Math.clz32(wrap)
}

/** Finds rows by a space and an address record, which stand in a row one behind the other: six words. */
export class RecordIndex extends RowIndex {
  readonly #rows: Rows
  readonly #width: number
  readonly #key: number
  /** The secret words of the hash: two for each word of the key. */
  readonly #secret: Int32Array

  /** `size` is the words of a row, and `key` where the key begins in it. */
  constructor(rows: Rows, size: number, key: number, random: Random) {
    super()
    this.#rows = rows
    this.#width = size
    this.#key = key
    this.#secret = secretWords(random, 12)
  }

  /** The row whose key is `space` and the record at `words[at]`, or -1. Creates nothing. */
  find(space: number, words: Int32Array, at: number): number {
    const rows = this.#rows.words
    const size = this.#width
    const key = this.#key
    const hash = recordHash(this.#secret, space, words, at)
    const slots = this.parts[hash >>> PART]!
    const wrap = slots.length - 1
    for (let slot = homeOf(hash, wrap); ; slot = (slot + 1) & wrap) {
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
    const at = row * this.#width + this.#key
    return recordHash(this.#secret, this.#rows.words[at]!, this.#rows.words, at + 1)
  }

  protected like(row: number): number {
    const at = row * this.#width + this.#key
    return this.find(this.#rows.words[at]!, this.#rows.words, at + 1)
  }
}

/** Finds rows by a space and a number of at most 16 bits, two words of the row. */
export class NumberIndex extends RowIndex {
  readonly #rows: Rows
  readonly #width: number
  readonly #space: number
  readonly #number: number
  /** The secret words of the hash: two for the space, one for the number. */
  readonly #secret: Int32Array

  /** `size` is the words of a row; the others are where the two parts of the key stand in it. */
  constructor(rows: Rows, size: number, space: number, number: number, random: Random) {
    super()
    this.#rows = rows
    this.#width = size
    this.#space = space
    this.#number = number
    this.#secret = secretWords(random, 3)
  }

  /** The row with this key, or -1. Creates nothing. */
  find(space: number, number: number): number {
    const rows = this.#rows.words
    const hash = numberHash(this.#secret, space, number)
    const slots = this.parts[hash >>> PART]!
    const wrap = slots.length - 1
    for (let slot = homeOf(hash, wrap); ; slot = (slot + 1) & wrap) {
      const entry = slots[slot]!
      if (entry === 0) return -1
      if ((entry ^ (hash << TAG)) >>> TAG !== 0) continue
      const row = (entry & ROW) - 1
      const at = row * this.#width
      if (rows[at + this.#space] === space && rows[at + this.#number] === number) return row
    }
  }

  protected hashOf(row: number): number {
    const at = row * this.#width
    const { words } = this.#rows
    return numberHash(this.#secret, words[at + this.#space]!, words[at + this.#number]!)
  }

  protected like(row: number): number {
    const at = row * this.#width
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
