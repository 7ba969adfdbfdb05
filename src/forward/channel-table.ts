import { pieceProduct, scattered, wordProduct } from '../base/multiply-shift.ts'
import type { Random } from '../base/time.ts'
import { emptyEntry, emptyTable, HASH, home, releaseEntry, VALUE, withRoom } from './open-addressing.ts'

/** Four words an entry: value, hash, client, channel. */
const SHIFT = 2
const CLIENT = 2
const CHANNEL = 3

/** A hash table from (client, channel number) to a number that is not 0. */
export class ChannelTable {
  #entries = emptyTable(SHIFT)
  #used = 0
  /** The secret words of the hash: two for the client, one for the channel. */
  readonly #secret: Int32Array

  constructor(random: Random) {
    const seed = Buffer.alloc(12)
    random(seed)
    this.#secret = Int32Array.from({ length: 3 }, (_, i) => seed.readInt32LE(i * 4))
  }

  get size(): number {
    return this.#used
  }

  /** The value of (`client`, `channel`), or 0. */
  find(client: number, channel: number): number {
    const entries = this.#entries
    const hash = hashOf(this.#secret, client, channel)
    return entries[entryOf(entries, hash, client, channel) + VALUE]!
  }

  /** Sets the value, which must not be 0, of a key that may be there already. */
  set(client: number, channel: number, value: number): void {
    const hash = hashOf(this.#secret, client, channel)
    const found = entryOf(this.#entries, hash, client, channel)
    if (this.#entries[found] !== 0) {
      this.#entries[found + VALUE] = value
      return
    }
    this.#entries = withRoom(this.#entries, SHIFT, this.#used)
    const entry = emptyEntry(this.#entries, SHIFT, hash)
    this.#entries[entry + VALUE] = value
    this.#entries[entry + HASH] = hash
    this.#entries[entry + CLIENT] = client
    this.#entries[entry + CHANNEL] = channel
    this.#used++
  }

  /** Removes a key if it has this very value; another's stays. */
  delete(client: number, channel: number, value: number): void {
    const hash = hashOf(this.#secret, client, channel)
    const entry = entryOf(this.#entries, hash, client, channel)
    if (this.#entries[entry + VALUE] !== value) return
    releaseEntry(this.#entries, SHIFT, entry)
    this.#used--
  }
}

function hashOf(secret: Int32Array, client: number, channel: number): number {
  return scattered((wordProduct(secret, 0, client) + pieceProduct(secret, 2, channel)) | 0)
}

/** The entry of a key, or the empty one where the search for it ends. */
function entryOf(entries: Int32Array, hash: number, client: number, channel: number): number {
  const wrap = entries.length - 1
  let entry = home(entries, SHIFT, hash)
  while (
    entries[entry] !== 0 &&
    (entries[entry + HASH] !== hash ||
      entries[entry + CLIENT] !== client ||
      entries[entry + CHANNEL] !== channel)
  ) {
    entry = (entry + (1 << SHIFT)) & wrap
  }
  return entry
}
