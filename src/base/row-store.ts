import { MOST_ROWS, type Rows } from './row-index.ts'

/**
 * Rows of words that are taken and given back, with lists through them. Rows of
 * a list name its next and the one before.
 */
export class RowStore implements Rows {
  words: Int32Array
  /** The same memory in octets. */
  octets: Uint8Array
  readonly size: number
  readonly #next: number
  #used = 0
  #free = NO_ROW
  #taken = 0

  /** `size` is the words of a row; its last two are for the lists. */
  constructor(size: number) {
    this.size = size
    this.#next = size - 2
    this.words = new Int32Array(FIRST_ROWS * size)
    this.octets = new Uint8Array(this.words.buffer)
  }

  /** Rows in use. */
  get taken(): number {
    return this.#taken
  }

  /** A row that is not in use, all zero, put at the head of `list`. */
  take(list: RowList): number {
    let row = this.#free
    if (row === NO_ROW) row = this.#used++
    else this.#free = this.words[row * this.size + this.#next]!
    if (row >= MOST_ROWS) throw new RangeError('too many rows')
    if ((row + 1) * this.size > this.words.length) this.#grow()
    this.#taken++
    const at = row * this.size
    this.words.fill(0, at, at + this.size)
    this.words[at + this.#next] = list.first
    this.words[at + this.#next + 1] = NO_ROW
    if (list.first !== NO_ROW) this.words[list.first * this.size + this.#next + 1] = row
    list.first = row
    list.size++
    return row
  }

  /** Takes a row out of its list, and is free to give it to somebody else. */
  give(list: RowList, row: number): void {
    const at = row * this.size + this.#next
    const next = this.words[at]!
    const before = this.words[at + 1]!
    if (next !== NO_ROW) this.words[next * this.size + this.#next + 1] = before
    if (before === NO_ROW) list.first = next
    else this.words[before * this.size + this.#next] = next
    list.size--
    this.words[at] = this.#free
    this.#free = row
    this.#taken--
  }

  /** The rows of a list. The one at hand may be given back meanwhile. */
  *of(list: RowList): Iterable<number> {
    for (let row = list.first; row !== NO_ROW; ) {
      const next = this.words[row * this.size + this.#next]!
      yield row
      row = next
    }
  }

  /** The rows of a list as an array, the one that was taken first before the others. */
  inOrder(list: RowList): number[] {
    const rows: number[] = new Array(list.size)
    let at = list.size
    for (let row = list.first; row !== NO_ROW; row = this.words[row * this.size + this.#next]!) {
      rows[--at] = row
    }
    return rows
  }

  #grow(): void {
    const rows = this.words.length / this.size
    const wider = new Int32Array(roomier(rows) * this.size)
    wider.set(this.words)
    this.words = wider
    this.octets = new Uint8Array(wider.buffer)
  }
}

/** The head of a list of rows. */
export interface RowList {
  first: number
  size: number
}

/**
 * How many rows there is room for after `rows`. Few steps, so that little is
 * ever copied at once: memory that was never written takes none. Above
 * 262,144 a copy takes several milliseconds, so that there it is doubled.
 */
export function roomier(rows: number): number {
  return rows < LARGE ? rows * 8 : rows * 2
}

const LARGE = 262_144
export const NO_ROW = -1
const FIRST_ROWS = 64

export function emptyList(): RowList {
  return { first: NO_ROW, size: 0 }
}
