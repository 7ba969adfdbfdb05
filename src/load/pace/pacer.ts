/** Milliseconds of bursts that a sender which fell behind may still catch up on. */
const FORGIVENESS = 50

/**
 * Says how many bursts are due. Bursts are spread evenly: with many streams in
 * turn, each of them then keeps its own even pace.
 */
export class Pacer {
  readonly #perMillisecond: number
  readonly #begin: number
  /** Bursts taken, and bursts given up because the sender was too late for them. */
  #taken = 0
  #skipped = 0

  /** `perSecond` counts the bursts of all streams; `begin` is in milliseconds. */
  constructor(perSecond: number, begin: number) {
    this.#perMillisecond = perSecond / 1000
    this.#begin = begin
  }

  /** Bursts to send at `now`, which are thereby taken. */
  due(now: number): number {
    let due = this.#scheduled(now) - this.#taken - this.#skipped
    // What is too late would only arrive as a flood that nobody offered.
    const most = Math.max(1, Math.ceil(this.#perMillisecond * FORGIVENESS))
    if (due > most) {
      this.#skipped += due - most
      due = most
    }
    this.#taken += due
    return due
  }

  /** Bursts that should have left by `end` and were never taken. */
  missed(end: number): number {
    return Math.max(0, this.#scheduled(end) - this.#taken)
  }

  #scheduled(now: number): number {
    return Math.floor((now - this.#begin) * this.#perMillisecond)
  }
}
