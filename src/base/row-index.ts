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
 * The upper bits of a hash choose one of so many parts of the table, all of one
 * size. When the table is full, they move to one of twice the size part by
 * part, one for each row that is entered: to move all 262,144 entries of a
 * table at once takes thirty milliseconds, in which nothing is relayed, and one
 * part of sixty-four half of one.
 */
const PARTS = 6
const PART = 32 - PARTS
const LAST_PART = (1 << PARTS) - 1
const FIRST_CAPACITY = 8 << PARTS
/** Up to so many entries are moved at once. Several tables may grow with one datagram. */
const SMALL = 96
/** Slots of a part up to which it moves on early, since a part so small fills up by chance while its table moves. */
const SMALL_PART = 64

/**
 * A hash table of rows by a key that stands in the row itself: one word an
 * entry, open addressing with linear probing, at most three quarters full, so
 * that an entry takes five to eleven bytes. Any two keys
 * have the same hash with a probability of 2^-17 at most (`multiply-shift.ts`).
 */
abstract class RowIndex {
  /** All parts, one behind the other. Probing stays within a part. */
  protected slots = new Int32Array(FIRST_CAPACITY)
  /** Where parts move to, and how many of them have. */
  protected wider = this.slots
  protected moved = 0
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
    if (found >= 0) {
      this.#tableOf(hash)[this.#slotOf(found, hash)] = entryOf(row, hash)
      return
    }
    this.#makeRoom(hash >>> PART)
    this.#used[hash >>> PART]!++
    this.#size++
    enter(this.#tableOf(hash), row, hash)
  }

  /** Removes a row, which must still hold its key. Another with the same key stays. */
  delete(row: number): void {
    const hash = this.hashOf(row)
    let hole = this.#slotOf(row, hash)
    if (hole < 0) return
    const slots = this.#tableOf(hash)
    const wrap = wrapOf(slots)
    this.#used[hash >>> PART]!--
    this.#size--
    // Later ones move back (Knuth 6.4, algorithm R), so that no tombstones pile up in a table that lives for months.
    for (let next = after(hole, wrap); slots[next] !== 0; next = after(next, wrap)) {
      const home = homeOf(slots, this.hashOf((slots[next]! & ROW) - 1))
      // An entry whose home lies behind the hole would not be found in front of it.
      if (((next - home) & wrap) < ((next - hole) & wrap)) continue
      slots[hole] = slots[next]!
      hole = next
    }
    slots[hole] = 0
  }

  /** The table in which the part of a hash is. */
  #tableOf(hash: number): Int32Array {
    return hash >>> PART < this.moved ? this.wider : this.slots
  }

  /** Where a row with this hash stands in its part, or -1. */
  #slotOf(row: number, hash: number): number {
    const slots = this.#tableOf(hash)
    const wrap = wrapOf(slots)
    const entry = entryOf(row, hash)
    for (let slot = homeOf(slots, hash); slots[slot] !== 0; slot = after(slot, wrap)) {
      if (slots[slot] === entry) return slot
    }
    return -1
  }

  /** Moves what has to be moved for one entry more in `part`. */
  #makeRoom(part: number): void {
    const size = this.slots.length >> PARTS
    if (this.moved === 0) {
      // A part may be fuller than the others, but never quite full, or a search would not end.
      const most = size <= SMALL_PART ? 6 : 7
      const isFull = this.#size * 4 >= this.slots.length * 3 || this.#used[part]! * 8 >= size * most
      if (!isFull) return
      this.wider = new Int32Array(this.slots.length * 2)
      if (this.#size <= SMALL) while (!this.#move()) {}
      else this.#move()
    } else if (!this.#move()) {
      while (part >= this.moved && this.#used[part]! + 1 >= size && !this.#move()) {}
    }
    if (this.moved === 0) this.#makeRoom(part)
  }

  /** Moves the next part. True if it was the last. */
  #move(): boolean {
    const size = this.slots.length >> PARTS
    const from = this.moved * size
    for (const entry of this.slots.subarray(from, from + size)) {
      if (entry === 0) continue
      const row = (entry & ROW) - 1
      enter(this.wider, row, this.hashOf(row))
    }
    if (this.moved < LAST_PART) {
      this.moved++
      return false
    }
    this.slots = this.wider
    this.moved = 0
    return true
  }
}

function enter(slots: Int32Array, row: number, hash: number): void {
  const wrap = wrapOf(slots)
  let slot = homeOf(slots, hash)
  while (slots[slot] !== 0) slot = after(slot, wrap)
  slots[slot] = entryOf(row, hash)
}

/** Where the search for a hash begins: its upper bits, of which the first choose the part. */
function homeOf(slots: Int32Array, hash: number): number {
  return hash >>> Math.clz32(slots.length - 1)
}

/** The bits of a slot that say where in its part it is. */
function wrapOf(slots: Int32Array): number {
  return (slots.length >> PARTS) - 1
}

/** The slot behind another in the same part. */
function after(slot: number, wrap: number): number {
  return (slot & ~wrap) | ((slot + 1) & wrap)
}

/** The secret words of a record's hash, two for each word of the key. Fields are read without a check of bounds. */
class RecordSecret {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly e: number
  readonly f: number
  readonly g: number
  readonly h: number
  readonly i: number
  readonly j: number
  readonly k: number
  readonly l: number

  constructor(words: Int32Array) {
    this.a = words[0]!
    this.b = words[1]!
    this.c = words[2]!
    this.d = words[3]!
    this.e = words[4]!
    this.f = words[5]!
    this.g = words[6]!
    this.h = words[7]!
    this.i = words[8]!
    this.j = words[9]!
    this.k = words[10]!
    this.l = words[11]!
  }
}

/** Finds rows by a space and an address record, which stand in a row one behind the other: six words. */
export class RecordIndex extends RowIndex {
  readonly #rows: Rows
  readonly #width: number
  readonly #key: number
  readonly #secret: RecordSecret

  /** `size` is the words of a row, and `key` where the key begins in it. */
  constructor(rows: Rows, size: number, key: number, random: Random) {
    super()
    this.#rows = rows
    this.#width = size
    this.#key = key
    this.#secret = new RecordSecret(secretWords(random, 12))
  }

  /** The row whose key is `space` and the record at `words[at]`, or -1. Creates nothing. */
  find(space: number, words: Int32Array, at: number): number {
    const rows = this.#rows.words
    const size = this.#width
    const key = this.#key
    const w0 = words[at]!
    const w1 = words[at + 1]!
    const w2 = words[at + 2]!
    const w3 = words[at + 3]!
    const w4 = words[at + 4]!
    const hash = recordHash(this.#secret, space, w0, w1, w2, w3, w4)
    const slots = hash >>> PART < this.moved ? this.wider : this.slots
    for (let slot = homeOf(slots, hash); ; slot = after(slot, wrapOf(slots))) {
      const entry = slots[slot]!
      if (entry === 0) return -1
      if ((entry ^ (hash << TAG)) >>> TAG !== 0) continue
      const row = (entry & ROW) - 1
      const k = row * size + key
      if (
        rows[k] === space &&
        rows[k + 1] === w0 &&
        rows[k + 2] === w1 &&
        rows[k + 3] === w2 &&
        rows[k + 4] === w3 &&
        rows[k + 5] === w4
      ) {
        return row
      }
    }
  }

  protected hashOf(row: number): number {
    const { words } = this.#rows
    const k = row * this.#width + this.#key
    return recordHash(
      this.#secret,
      words[k]!,
      words[k + 1]!,
      words[k + 2]!,
      words[k + 3]!,
      words[k + 4]!,
      words[k + 5]!,
    )
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
    const slots = hash >>> PART < this.moved ? this.wider : this.slots
    for (let slot = homeOf(slots, hash); ; slot = after(slot, wrapOf(slots))) {
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

function recordHash(
  secret: RecordSecret,
  space: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
  w4: number,
): number {
  const near = product(secret.a, secret.b, space) + product(secret.c, secret.d, w0)
  const sum = (near + product(secret.e, secret.f, w1)) | 0
  // Zero in every IPv4 record, so that their products add nothing.
  if ((w2 | w3 | w4) === 0) return scattered(sum)
  const far = product(secret.g, secret.h, w2) + product(secret.i, secret.j, w3)
  return scattered((sum + far + product(secret.k, secret.l, w4)) | 0)
}

function product(low: number, high: number, word: number): number {
  return (Math.imul(low, word & 0xffff) + Math.imul(high, word >>> 16)) | 0
}

function numberHash(secret: Int32Array, space: number, number: number): number {
  return scattered((wordProduct(secret, 0, space) + pieceProduct(secret, 2, number)) | 0)
}
