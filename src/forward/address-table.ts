import { scattered, wordProduct } from '../base/multiply-shift.ts'
import type { Random } from '../base/time.ts'
import { emptyEntry, emptyTable, HASH, home, releaseEntry, VALUE, withRoom } from './open-addressing.ts'
import { RECORD_WORDS } from './record-words.ts'

/** Eight words an entry, half a cache line: value, hash, space, record. */
const SHIFT = 3
const SPACE = 2
const ADDRESS = 3

/**
 * A hash table from (space, address) to a number that is not 0. A space is
 * whatever the owner numbers: a socket, a client. Addresses are given as the
 * words of records (`base/address.ts`), in place, so that looking one up
 * creates nothing.
 */
export class AddressTable {
  #entries = emptyTable(SHIFT)
  #used = 0
  /** The secret words of the hash: two for the space, and two for each word of the record. */
  readonly #secret: Int32Array

  constructor(random: Random) {
    const seed = Buffer.alloc(48)
    random(seed)
    this.#secret = Int32Array.from({ length: 12 }, (_, i) => seed.readInt32LE(i * 4))
  }

  get size(): number {
    return this.#used
  }

  /** The value of (`space`, the record at `words[at]`), or 0. */
  find(space: number, words: Int32Array, at: number): number {
    const entries = this.#entries
    const hash = hashOf(this.#secret, space, words, at)
    return entries[entryOf(entries, hash, space, words, at) + VALUE]!
  }

  /** Sets the value, which must not be 0, of a key that may be there already. */
  set(space: number, words: Int32Array, at: number, value: number): void {
    const hash = hashOf(this.#secret, space, words, at)
    const found = entryOf(this.#entries, hash, space, words, at)
    if (this.#entries[found] !== 0) {
      this.#entries[found + VALUE] = value
      return
    }
    this.#entries = withRoom(this.#entries, SHIFT, this.#used)
    const entry = emptyEntry(this.#entries, SHIFT, hash)
    this.#entries[entry + VALUE] = value
    this.#entries[entry + HASH] = hash
    this.#entries[entry + SPACE] = space
    for (let i = 0; i < RECORD_WORDS; i++) this.#entries[entry + ADDRESS + i] = words[at + i]!
    this.#used++
  }

  /** Removes a key if it has this very value; another's stays. */
  delete(space: number, words: Int32Array, at: number, value: number): void {
    const hash = hashOf(this.#secret, space, words, at)
    const entry = entryOf(this.#entries, hash, space, words, at)
    if (this.#entries[entry + VALUE] !== value) return
    releaseEntry(this.#entries, SHIFT, entry)
    this.#used--
  }
}

function hashOf(secret: Int32Array, space: number, words: Int32Array, at: number): number {
  let sum = wordProduct(secret, 0, space)
  sum = (sum + wordProduct(secret, 2, words[at]!)) | 0
  sum = (sum + wordProduct(secret, 4, words[at + 1]!)) | 0
  // Zero in every IPv4 record, so that their products add nothing.
  if ((words[at + 2]! | words[at + 3]! | words[at + 4]!) === 0) return scattered(sum)
  sum = (sum + wordProduct(secret, 6, words[at + 2]!)) | 0
  sum = (sum + wordProduct(secret, 8, words[at + 3]!)) | 0
  return scattered((sum + wordProduct(secret, 10, words[at + 4]!)) | 0)
}

/** The entry of a key, or the empty one where the search for it ends. */
function entryOf(entries: Int32Array, hash: number, space: number, words: Int32Array, at: number): number {
  const wrap = entries.length - 1
  let entry = home(entries, SHIFT, hash)
  while (
    entries[entry] !== 0 &&
    (entries[entry + HASH] !== hash ||
      entries[entry + SPACE] !== space ||
      entries[entry + ADDRESS] !== words[at] ||
      entries[entry + ADDRESS + 1] !== words[at + 1] ||
      entries[entry + ADDRESS + 2] !== words[at + 2] ||
      entries[entry + ADDRESS + 3] !== words[at + 3] ||
      entries[entry + ADDRESS + 4] !== words[at + 4])
  ) {
    entry = (entry + (1 << SHIFT)) & wrap
  }
  return entry
}
