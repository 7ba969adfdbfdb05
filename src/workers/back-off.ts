/** Milliseconds that a worker has to live for the next end of it to count as the first again. */
const STEADY = 60_000
const FIRST = 1000
const LONGEST = 30_000

/** Delay before a crashed worker is restarted: zero, unless it keeps crashing. */
export class BackOff {
  #since = 0
  #wait = 0

  started(now: number): void {
    this.#since = now
  }

  /** Milliseconds until the successor may start. */
  broke(now: number): number {
    if (now - this.#since >= STEADY) this.#wait = 0
    const wait = this.#wait
    this.#wait = wait === 0 ? FIRST : Math.min(LONGEST, wait * 2)
    return wait
  }
}
