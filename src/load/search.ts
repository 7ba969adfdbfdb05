export interface SearchOptions {
  /** Tried first. */
  readonly start: number
  readonly most: number
  /** The search ends when the best that passed and the least that failed are this close: 0.05 for 5 %. */
  readonly within: number
}

/**
 * Searches for the largest whole number that passes a trial, as RFC 2544 §26.1
 * does for throughput: doubles until one fails, then halves the gap.
 *
 *     for (let n = search.next(); n !== undefined; n = search.next()) search.tell(n, await trial(n))
 */
export class Search {
  readonly #options: SearchOptions
  #passed = 0
  #failed: number | undefined

  constructor(options: SearchOptions) {
    this.#options = options
  }

  /** The largest that has passed; 0 while none has. */
  get best(): number {
    return this.#passed
  }

  /** What to try next; `undefined` when the answer is known. */
  next(): number | undefined {
    const { start, most, within } = this.#options
    if (this.#failed === undefined) {
      if (this.#passed === 0) return Math.min(start, most)
      return this.#passed >= most ? undefined : Math.min(this.#passed * 2, most)
    }
    const gap = this.#failed - this.#passed
    if (gap <= 1 || gap <= this.#failed * within) return undefined
    // Nothing has passed yet: the start was too bold, so come down quickly.
    if (this.#passed === 0) return Math.max(1, Math.floor(this.#failed / 4))
    return Math.floor(this.#passed + gap / 2)
  }

  tell(tried: number, passed: boolean): void {
    if (passed) this.#passed = Math.max(this.#passed, tried)
    else this.#failed = Math.min(this.#failed ?? tried, tried)
    // A pass above a failure was luck, or the failure was; the lower number is the one to stand by.
    if (this.#failed !== undefined && this.#passed >= this.#failed) this.#passed = this.#failed - 1
  }
}
