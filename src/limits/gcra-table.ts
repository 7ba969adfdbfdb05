import { octetsSum, pieceProduct, textSum, wordProduct } from '../base/multiply-shift.ts'
import type { Random, Time } from '../base/time.ts'
import { Gcra } from './gcra.ts'

/** Entries that share a row: a newcomer displaces one of them. */
const WAYS = 4
/** Units of debt in a millisecond: microseconds. */
const UNITS = 1000
/** Paid off in a second. */
const RATE = 1000 * UNITS
/** Milliseconds of the longest debt. */
const LONGEST_DEBT = 300_000

/** Secret words of one hash: one to begin with, then for the kind, the number, the IP address and the text. */
const NUMBER = 2
const IP = NUMBER + 2
const TEXT = IP + 8
/** A user name has fewer than 509 octets (RFC 8489 §14.3), a tenant's name 253. */
const TEXT_WORDS = 768
const SECRETS = TEXT + TEXT_WORDS
/** One hash for the row, two for the tag. */
const HASHES = 3

/** Whom something is counted against, as `GcraTable.key` makes it. */
export type DebtKey = number

/** What names a debtor besides the kind of thing that is counted. */
export interface Debtor {
  readonly ip?: Uint8Array
  /** The leading octets of `ip` that count; all by default. */
  readonly octets?: number
  /** 32 bits. */
  readonly number?: number
  readonly text?: string
}

/**
 * What networks, addresses and users have taken of their allowance, in a table
 * that never grows.
 *
 * A debt is the time it takes to pay off: each thing taken adds what the thing
 * costs, time pays it back, and a debtor who owes nothing needs no entry. One
 * table therefore serves every rate. Where a row is full, the entry that is
 * paid off first makes room: the largest debts are remembered longest, so a
 * flood from ever new addresses does not evict its target's entry.
 *
 * Rows and tags come from secret words that are made at start, so nobody can
 * choose a name or an address that shares an entry with another. Several
 * threads may have one memory.
 */
export class GcraTable {
  readonly memory: SharedArrayBuffer
  readonly #rowBits: number
  readonly #cells: Gcra
  readonly #total: number
  readonly #tags: Int32Array
  readonly #secret: Int32Array

  /** Memory for a table of 4 · 2^`rowBits` entries with secrets of its own. */
  static memory(random: Random, rowBits = 14): SharedArrayBuffer {
    const entries = WAYS << rowBits
    const secret = Buffer.alloc(HASHES * SECRETS * 4)
    random(secret)
    const memory = new SharedArrayBuffer(secret.length + Gcra.bytes(entries + 1) + entries * 4)
    new Uint8Array(memory).set(secret)
    return memory
  }

  /** The table in `memory`. */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    const secret = HASHES * SECRETS
    const entries = Math.floor((memory.byteLength - secret * 4 - Gcra.bytes(1)) / (Gcra.bytes(1) + 4))
    this.#rowBits = 31 - Math.clz32(entries / WAYS)
    this.#secret = new Int32Array(memory, 0, secret)
    this.#cells = new Gcra(memory, LONGEST_DEBT, secret * 4, entries + 1)
    this.#total = entries
    this.#tags = new Int32Array(memory, secret * 4 + Gcra.bytes(entries + 1), entries)
  }

  /** Names a debtor, in this table only. */
  key(kind: number, debtor: Debtor): DebtKey {
    const row = this.#hash(0, kind, debtor) >>> (32 - this.#rowBits)
    const high = this.#hash(1, kind, debtor) >>> 16
    const low = this.#hash(2, kind, debtor) >>> 16
    // A tag of 0 is a free entry.
    return row * 0x1_0000_0000 + (((high << 16) | low) >>> 0 || 1)
  }

  /** Milliseconds until the debt is paid off; 0 for none. */
  owed(key: DebtKey, now: Time): number {
    const at = this.#find(key)
    return at < 0 ? 0 : this.#cells.owed(at, RATE, now) / UNITS
  }

  /** Adds to a debt, which reaches five minutes at most. */
  charge(key: DebtKey, milliseconds: number, now: Time): void {
    this.#cells.charge(this.#claim(key, now), units(milliseconds), RATE, now)
  }

  /** Adds to a debt, or returns false and adds nothing when it would be more than `most` milliseconds. */
  take(key: DebtKey, milliseconds: number, most: number, now: Time): boolean {
    if (this.owed(key, now) + milliseconds > most) return false
    return this.#cells.take(this.#claim(key, now), units(milliseconds), units(most), RATE, now)
  }

  /** What all together owe, in milliseconds. */
  owedInAll(now: Time): number {
    return this.#cells.owed(this.#total, RATE, now) / UNITS
  }

  chargeAll(milliseconds: number, now: Time): void {
    this.#cells.charge(this.#total, units(milliseconds), RATE, now)
  }

  /** The table as octets, its secret included, to be copied into another of the same size. */
  get octets(): Uint8Array {
    return new Uint8Array(this.memory)
  }

  #find(key: DebtKey): number {
    const first = Math.floor(key / 0x1_0000_0000) * WAYS
    const tag = key | 0
    for (let at = first; at < first + WAYS; at++) if (this.#tags[at] === tag) return at
    return -1
  }

  /** The debtor's entry, made if need be. */
  #claim(key: DebtKey, now: Time): number {
    const found = this.#find(key)
    if (found >= 0) return found
    const first = Math.floor(key / 0x1_0000_0000) * WAYS
    let at = first
    for (let other = first + 1; other < first + WAYS; other++) {
      if (this.#cells.owed(other, RATE, now) < this.#cells.owed(at, RATE, now)) at = other
    }
    this.#cells.set(at, 0, RATE, now)
    this.#tags[at] = key | 0
    return at
  }

  #hash(which: number, kind: number, debtor: Debtor): number {
    const { ip, octets = ip?.length ?? 0, number = 0, text } = debtor
    const secret = this.#secret
    const at = which * SECRETS
    let hash = secret[at]!
    hash = (hash + pieceProduct(secret, at + 1, kind * 2 + ((ip?.length ?? 0) >> 4))) | 0
    hash = (hash + wordProduct(secret, at + NUMBER, number)) | 0
    if (ip) hash = (hash + octetsSum(secret, at + IP, ip, octets)) | 0
    if (text !== undefined) hash = (hash + textSum(secret, at + TEXT, TEXT_WORDS, text)) | 0
    return hash
  }
}

function units(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds * UNITS))
}
