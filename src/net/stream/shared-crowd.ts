import { octetsSum } from '../../base/multiply-shift.ts'
import { CUSTOMERS_OF_NETWORK, SPAN_OCTETS } from '../../limits/customer.ts'
import type { Entered, Gathering } from './crowd.ts'

/** Places of a row. Two clients share one in each of both rows once in 67 million pairs. */
const PLACES = 8192
/** The first two rows count customers, the others networks. */
const ROWS = 4
/** Words of one thread: connections in all, then the rows. */
const WORDS = 1 + ROWS * PLACES
/** Secret words of each row: one for each 16 bits of an address, and one that IPv6 begins with. */
const SECRETS = 8
const IP6 = 7
export const CROWD_SEED = ROWS * SECRETS * 4

/**
 * Counts connections that several threads hold, by customer and by network.
 *
 * There is no table of addresses: each has a place in two rows of counts, and
 * the smaller count is taken for its own. It is too large only if strangers
 * crowd both places. Every thread writes counts of its own and adds up
 * everybody's, so those of a thread that broke can be struck out.
 */
export class SharedCrowd implements Gathering {
  readonly #counts: Int32Array
  readonly #own: number
  readonly #seed: Int32Array
  #most: number
  #mostEach: number

  /** Octets of memory for so many threads. */
  static octets(threads: number): number {
    return threads * WORDS * 4
  }

  /** `own` is this thread's number, from 0 on; `seed` has `CROWD_SEED` random octets, the same for all. */
  constructor(memory: SharedArrayBuffer, own: number, seed: Uint8Array, most: number, mostEach: number) {
    this.#counts = new Int32Array(memory)
    this.#own = own * WORDS
    this.#seed = new Int32Array(seed.slice().buffer)
    this.#most = most
    this.#mostEach = mostEach
  }

  enter(ip: Uint8Array): Entered {
    const places = this.#places(ip)
    for (const place of places) Atomics.add(this.#counts, this.#own + place, 1)
    const [all, ...rows] = places.map(place => this.#sum(place))
    const [ofCustomer, ofNetwork] = [Math.min(rows[0]!, rows[1]!), Math.min(rows[2]!, rows[3]!)]
    const entered =
      ofCustomer > this.#mostEach
        ? 'customer-full'
        : ofNetwork > this.#mostEach * CUSTOMERS_OF_NETWORK
          ? 'network-full'
          : all! > this.#most
            ? 'all-full'
            : 'in'
    if (entered !== 'in') this.leave(ip)
    return entered
  }

  leave(ip: Uint8Array): void {
    for (const place of this.#places(ip)) Atomics.sub(this.#counts, this.#own + place, 1)
  }

  limit(most: number, mostEach: number): void {
    this.#most = most
    this.#mostEach = mostEach
  }

  /** Strikes out what a thread held, as it is gone. */
  static clear(memory: SharedArrayBuffer, thread: number): void {
    new Int32Array(memory).fill(0, thread * WORDS, (thread + 1) * WORDS)
  }

  #sum(place: number): number {
    let sum = 0
    for (let at = place; at < this.#counts.length; at += WORDS) sum += Atomics.load(this.#counts, at)
    return sum
  }

  /** Where an address is counted: in all, and once in each row. Collisions cannot be provoked. */
  #places(ip: Uint8Array): number[] {
    const family = ip.length === 4 ? 4 : 6
    const places = [0]
    for (let row = 0; row < ROWS; row++) {
      const octets = SPAN_OCTETS[row < 2 ? 'customer' : 'network'][family]
      const begin = family === 4 ? 0 : this.#seed[row * SECRETS + IP6]!
      const hash = begin + octetsSum(this.#seed, row * SECRETS, ip, octets)
      places.push(1 + row * PLACES + (hash >>> 19))
    }
    return places
  }
}
