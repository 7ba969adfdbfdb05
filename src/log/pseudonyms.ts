import { randomBytes } from 'node:crypto'
import { hmac } from '../wire/mac.ts'

/** Milliseconds in a day, as UTC counts them. */
const DAY = 86_400_000

/**
 * Names that stand for a user or an address in the log: equal for equal things
 * on one UTC day, and of no meaning on another. The key lives in memory only,
 * so nobody can compute a name backwards by trying all addresses, not even
 * with the machine's disk in hand.
 */
export class Pseudonyms {
  readonly #now: () => number
  readonly #random: (octets: number) => Buffer
  #day = Number.NaN
  #key: Buffer = Buffer.alloc(0)

  constructor(now: () => number = Date.now, random: (octets: number) => Buffer = randomBytes) {
    this.#now = now
    this.#random = random
  }

  /** Eight octets of HMAC-SHA256 in hex. The kind keeps a user and an address of the same spelling apart. */
  of(kind: 'user' | 'address', text: string): string {
    const day = Math.floor(this.#now() / DAY)
    if (day !== this.#day) {
      this.#day = day
      this.#key = this.#random(32)
    }
    return hmac('sha256', this.#key, Buffer.from(`${kind}\0${text}`, 'utf8'), 'hex').slice(0, 16)
  }
}
