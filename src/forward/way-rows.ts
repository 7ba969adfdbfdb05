import { type Address, writeRecord } from '../base/address.ts'
import { RecordIndex } from '../base/row-index.ts'
import { emptyList, RowStore } from '../base/row-store.ts'
import type { Random } from '../base/time.ts'

/** Words in a row: the client, the record, the route, and two for the list. */
const ROW = 9
const CLIENT = 0
const WAY = 1
const ROUTE = 6

/**
 * How peers in another shard are reached: the address that their relay socket
 * is bound to, which is not the one that peers see. Few routes need it.
 */
export class WayRows {
  readonly #rows = new RowStore(ROW)
  readonly #all = emptyList()
  readonly #index: RecordIndex

  constructor(random: Random) {
    this.#index = new RecordIndex(this.#rows, ROW, CLIENT, random)
  }

  get size(): number {
    return this.#rows.taken
  }

  get words(): Int32Array {
    return this.#rows.words
  }

  /** Where the record of a row begins. */
  at(row: number): number {
    return row * ROW + WAY
  }

  /** The route of `client` whose peer sends from the record at `words[at]`, or -1. */
  find(client: number, words: Int32Array, at: number): number {
    const row = this.#index.find(client, words, at)
    return row < 0 ? -1 : this.#rows.words[row * ROW + ROUTE]!
  }

  add(client: number, way: Address, route: number): number {
    const row = this.#rows.take(this.#all)
    this.#rows.words[row * ROW + CLIENT] = client
    this.#rows.words[row * ROW + ROUTE] = route
    writeRecord(way, this.#rows.octets, (row * ROW + WAY) * 4)
    this.#index.set(row)
    return row
  }

  remove(row: number): void {
    this.#index.delete(row)
    this.#rows.give(this.#all, row)
  }
}
