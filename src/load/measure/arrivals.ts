/** How far behind the newest packet of its stream a packet is still told from a duplicate. */
const WINDOW = 256
const WORDS = WINDOW / 32

export const FRESH = 0
/** Behind one that was sent later (RFC 4737 §3.3). */
export const REORDERED = 1
export const DUPLICATE = 2

/** What has arrived, of any number of streams whose packets are numbered from 0. */
export class Arrivals {
  /** One more than the highest number that has arrived, by stream. */
  readonly #next: Float64Array
  /** Which of the last `WINDOW` numbers have arrived; a number's bit is at its remainder. */
  readonly #seen: Uint32Array

  constructor(streams: number) {
    this.#next = new Float64Array(streams)
    this.#seen = new Uint32Array(streams * WORDS)
  }

  /** Notes a packet of a stream that exists; says FRESH, REORDERED or DUPLICATE. */
  take(stream: number, sequence: number): number {
    const next = this.#next[stream]!
    if (sequence >= next) {
      this.#forget(stream, next, sequence)
      this.#next[stream] = sequence + 1
      this.#mark(stream, sequence)
      return FRESH
    }
    // Too far behind to know; networks deliver late far more often than twice.
    if (sequence < next - WINDOW) return REORDERED
    return this.#mark(stream, sequence) ? REORDERED : DUPLICATE
  }

  /** Makes the bits from `from` up to `to` mean numbers that have not arrived yet. */
  #forget(stream: number, from: number, to: number): void {
    if (to - from >= WINDOW) {
      this.#seen.fill(0, stream * WORDS, (stream + 1) * WORDS)
      return
    }
    for (let number = from; number <= to; number++) {
      const at = stream * WORDS + ((number % WINDOW) >>> 5)
      this.#seen[at] = this.#seen[at]! & ~(1 << (number & 31))
    }
  }

  /** False if it was marked already. */
  #mark(stream: number, sequence: number): boolean {
    const at = stream * WORDS + ((sequence % WINDOW) >>> 5)
    const bit = 1 << (sequence & 31)
    if ((this.#seen[at]! & bit) !== 0) return false
    this.#seen[at] = this.#seen[at]! | bit
    return true
  }
}
