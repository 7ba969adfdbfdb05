import type { AllocationId } from '../base/ids.ts'

/** Milliseconds within which a worker that breaks again has the same trouble; a hang is found out within them. */
const AGAIN = 30_000
/** So many of them in a row, and the next one takes over nothing. */
const HOPELESS = 4

/**
 * What a worker may have broken over, so that it does not break the next ones
 * too: an allocation that two of them were serving when they broke is not taken
 * over once more, and after four in a row nothing is.
 */
export class Suspects {
  /** Allocations that are not taken over. */
  readonly without = new Set<AllocationId>()
  #last = Number.NEGATIVE_INFINITY
  #served: AllocationId | undefined
  #inARow = 0

  /** A worker has broken while it served an allocation, or none. Says whether the next one may take over from it. */
  broke(now: number, served: AllocationId | undefined): boolean {
    if (now - this.#last > AGAIN) {
      this.#inARow = 0
      this.without.clear()
    } else if (served !== undefined && served === this.#served) this.without.add(served)
    this.#last = now
    this.#served = served
    this.#inARow++
    if (this.#inARow < HOPELESS) return true
    this.#inARow = 0
    return false
  }
}
