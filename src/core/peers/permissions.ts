import { RECORD } from '../../base/address.ts'
import type { AllocationRow, LifetimeId } from '../../base/ids.ts'
import type { Lifetimes } from '../../base/lifetimes.ts'
import { RecordIndex } from '../../base/row-index.ts'
import { type RowList, RowStore } from '../../base/row-store.ts'
import type { Random, Time } from '../../base/time.ts'

/** Words in a row: the allocation, a record with port 0, the lifetime, and two for the list. */
const ROW = 9
const ALLOCATION = 0
const PEER = 1
const LIFETIME = 6

/**
 * The permissions of all allocations (RFC 8656 §9), found by allocation and
 * peer IP address. One takes fifty bytes and creates no object.
 */
export class Permissions {
  readonly #rows = new RowStore(ROW)
  readonly #index: RecordIndex
  readonly #lifetimes: Lifetimes
  readonly #wanted = new Uint8Array(RECORD)
  readonly #words = new Int32Array(this.#wanted.buffer)

  constructor(lifetimes: Lifetimes, random: Random) {
    this.#lifetimes = lifetimes
    this.#index = new RecordIndex(this.#rows, ROW, ALLOCATION, random)
  }

  get size(): number {
    return this.#rows.taken
  }

  /** The permission of an allocation for an IP address, or -1. It may have ended. */
  find(allocation: AllocationRow, ip: Uint8Array): number {
    writeIp(ip, this.#wanted, 0)
    return this.#index.find(allocation, this.#words, 0)
  }

  /** Adds a permission; there must be none for this IP address. */
  add(list: RowList, allocation: AllocationRow, ip: Uint8Array, until: Time): number {
    const row = this.#rows.take(list)
    const { words } = this.#rows
    words[row * ROW + ALLOCATION] = allocation
    writeIp(ip, this.#rows.octets, (row * ROW + PEER) * 4)
    words[row * ROW + LIFETIME] = this.#lifetimes.open(until)
    this.#index.set(row)
    return row
  }

  remove(list: RowList, row: number): void {
    this.#index.delete(row)
    this.#lifetimes.close(this.lifetime(row))
    this.#rows.give(list, row)
  }

  /** The rows of an allocation's list; each may be removed on the way. */
  of(list: RowList): Iterable<number> {
    return this.#rows.of(list)
  }

  /** The same as an array, in the order in which they were added. */
  inOrder(list: RowList): readonly number[] {
    return this.#rows.inOrder(list)
  }

  lifetime(row: number): LifetimeId {
    return this.#rows.words[row * ROW + LIFETIME]! as LifetimeId
  }

  family(row: number): 4 | 6 {
    return this.#rows.octets[(row * ROW + PEER) * 4] as 4 | 6
  }

  /** The IP address, copied. */
  ip(row: number): Uint8Array {
    const at = (row * ROW + PEER) * 4 + IP
    return this.#rows.octets.slice(at, at + (this.family(row) === 4 ? 4 : 16))
  }
}

/** Where in a record the IP address begins. */
const IP = 4

/** Writes the record of an IP address with port 0. */
function writeIp(ip: Uint8Array, octets: Uint8Array, at: number): void {
  octets[at] = ip.length === 4 ? 4 : 6
  octets[at + 1] = 0
  octets[at + 2] = 0
  octets[at + 3] = 0
  for (let i = 0; i < 16; i++) octets[at + IP + i] = i < ip.length ? ip[i]! : 0
}
