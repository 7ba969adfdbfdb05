import type { Gathering } from './crowd.ts'

/** Places of a row. Two clients share one in each of both rows once in 67 million pairs. */
const PLACES = 8192
const ROWS = 2
/** Words of one member: connections in all, then the rows. */
const WORDS = 1 + ROWS * PLACES
/** Secret words: two for each 16 bits of an IPv4 address or an IPv6 network, for each row. */
const SECRETS = 8
export const CROWD_SEED = ROWS * SECRETS * 4

/**
 * Counts connections that several threads hold, by client address; an IPv6
 * client is its /64.
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

  enter(ip: Uint8Array): boolean {
    const places = [0, this.#place(ip, 0), this.#place(ip, 1)]
    for (const place of places) Atomics.add(this.#counts, this.#own + place, 1)
    const [all, ...each] = places.map(place => this.#sum(place))
    if (all! <= this.#most && Math.min(...each) <= this.#mostEach) return true
    this.leave(ip)
    return false
  }

  leave(ip: Uint8Array): void {
    for (const place of [0, this.#place(ip, 0), this.#place(ip, 1)]) {
      Atomics.sub(this.#counts, this.#own + place, 1)
    }
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

  /** Multiply-shift over 16-bit pieces with secret words: addresses that meet cannot be chosen. */
  #place(ip: Uint8Array, row: number): number {
    const octets = ip.length === 4 ? 4 : 8
    let hash = ip.length === 4 ? 0 : this.#seed[row * SECRETS + 4]!
    for (let i = 0; i < octets; i += 2) {
      const piece = (ip[i]! << 8) | ip[i + 1]!
      hash = (hash + Math.imul(this.#seed[row * SECRETS + (i >> 1)]! | 1, piece + 1)) | 0
    }
    return 1 + row * PLACES + (hash >>> 19)
  }
}
