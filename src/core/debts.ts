import type { Random, Time } from '../base/time.ts'
import type { DebtKey } from '../limits/gcra-table.ts'

/** Entries that share a row of the table: a newcomer can displace one of so many. */
const WAYS = 4
const ROW_BITS = 14
const ENTRIES = WAYS << ROW_BITS
/** Pieces of 16 bits that name a debtor: what is counted, two of a number, and an IP address. */
const PIECES = 1 + 2 + 8
/** One secret word for each piece and one to begin with; one hash for the row, two for the tag. */
const SECRETS = 3 * (1 + PIECES)

const TOTAL = 8
const UNTIL = TOTAL + 8
const PROVED = UNTIL + ENTRIES * 8
const TAGS = PROVED + ENTRIES * 8
const SEED = TAGS + ENTRIES * 4
const OCTETS = SEED + SECRETS * 4

/**
 * What networks, addresses and users have taken of their allowance, in a table
 * that never grows.
 *
 * A debt is the moment at which it will be paid off (the generic cell rate
 * algorithm): each thing taken moves it on by what the thing costs, time pays
 * it back, and whoever owes nothing needs no entry. One table therefore serves
 * every rate. Where a row is full, the entry that is paid off first makes
 * room: who owes most is remembered longest, so a flood from ever new
 * addresses does not wash away the debt of the one it is aimed at.
 *
 * Rows and tags come from secret words that are made at start, so nobody can
 * choose an address that shares an entry with another. Several threads may
 * have one memory; what they do at the same moment to one entry may count
 * once instead of twice.
 */
export class Debts {
  readonly memory: SharedArrayBuffer
  readonly #total: Float64Array
  readonly #until: Float64Array
  readonly #proved: Float64Array
  readonly #tags: Int32Array
  readonly #seed: Int32Array

  /** A fresh table, or the one in `memory`. */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#total = new Float64Array(memory, TOTAL, 1)
    this.#until = new Float64Array(memory, UNTIL, ENTRIES)
    this.#proved = new Float64Array(memory, PROVED, ENTRIES)
    this.#tags = new Int32Array(memory, TAGS, ENTRIES)
    this.#seed = new Int32Array(memory, SEED, SECRETS)
  }

  /** Memory for a table with secrets of its own. */
  static memory(random: Random): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(OCTETS)
    const secrets = Buffer.alloc(SECRETS * 4)
    random(secrets)
    new Uint8Array(memory, SEED).set(secrets)
    return memory
  }

  /** Names a debtor: what is counted, the first `octets` of its address, and a number of 32 bits. */
  key(kind: number, ip: Uint8Array, octets: number, extra = 0): DebtKey {
    const row = this.#hash(0, kind, ip, octets, extra) >>> (32 - ROW_BITS)
    const high = this.#hash(1, kind, ip, octets, extra) >>> 16
    const low = this.#hash(2, kind, ip, octets, extra) >>> 16
    // A tag of 0 is a free entry.
    return row * 0x1_0000_0000 + (((high << 16) | low) >>> 0 || 1)
  }

  /** Milliseconds until the debt is paid off; 0 for none. */
  owed(key: DebtKey, now: Time): number {
    const at = this.#find(key)
    return at < 0 ? 0 : Math.max(0, this.#until[at]! - now)
  }

  /** Adds to a debt. */
  charge(key: DebtKey, milliseconds: number, now: Time): void {
    const at = this.#claim(key, now)
    this.#until[at] = Math.max(this.#until[at]!, now) + milliseconds
  }

  /** Remembers until then that this debtor has proved itself. */
  prove(key: DebtKey, until: Time, now: Time): void {
    this.#proved[this.#claim(key, now)] = until
  }

  isProved(key: DebtKey, now: Time): boolean {
    const at = this.#find(key)
    return at >= 0 && this.#proved[at]! > now
  }

  /** What all together owe. */
  owedInAll(now: Time): number {
    return Math.max(0, this.#total[0]! - now)
  }

  chargeAll(milliseconds: number, now: Time): void {
    this.#total[0] = Math.max(this.#total[0]!, now) + milliseconds
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
      if (this.#worth(other, now) < this.#worth(at, now)) at = other
    }
    this.#tags[at] = key | 0
    this.#until[at] = 0
    this.#proved[at] = 0
    return at
  }

  /** How much would be lost with an entry: its debt, and that it has proved itself. */
  #worth(at: number, now: Time): number {
    return Math.max(0, this.#until[at]! - now) + Math.max(0, this.#proved[at]! - now)
  }

  /** Multiply-shift with secret words; the high bits are as good as drawn by lot. */
  #hash(which: number, kind: number, ip: Uint8Array, octets: number, extra: number): number {
    const seed = this.#seed
    let word = which * (1 + PIECES)
    let hash = seed[word++]!
    hash = (hash + Math.imul(seed[word++]!, kind * 2 + (ip.length >> 4))) | 0
    hash = (hash + Math.imul(seed[word++]!, extra >>> 16)) | 0
    hash = (hash + Math.imul(seed[word++]!, extra & 0xffff)) | 0
    for (let i = 0; i < octets; i += 2) {
      const piece = (ip[i]! << 8) | (i + 1 < octets ? ip[i + 1]! : 0)
      hash = (hash + Math.imul(seed[word++]!, piece)) | 0
    }
    return hash
  }
}
