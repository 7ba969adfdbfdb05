import type { AllocationId } from '../base/ids.ts'
import type { Event } from '../core/event.ts'
import type { TakenAllocation } from '../relay/hand-over/shard-hand-over.ts'
import { DEAR, inSlices, rest } from '../system/slices.ts'

/**
 * Tells those who count and show calls of the ones that were taken over, in slices: the calls go on meanwhile. What
 * happens to one of them is told after that it is there.
 */
export class Adoption {
  readonly #hear: (opened: TakenAllocation) => void
  readonly #waiting = new Map<AllocationId, TakenAllocation>()

  constructor(hear: (opened: TakenAllocation) => void) {
    this.#hear = hear
  }

  /** Resolves when all have been told of. */
  async adopt(taken: readonly TakenAllocation[]): Promise<void> {
    for (const opened of taken) this.#waiting.set(opened.allocation, opened)
    await rest()
    await inSlices(this.#waiting.values(), opened => this.#tell(opened), DEAR)
  }

  /** To be told of each event before anybody hears of it. */
  before(event: Event): void {
    const opened = 'allocation' in event && event.allocation && this.#waiting.get(event.allocation)
    if (opened) this.#tell(opened)
  }

  #tell(opened: TakenAllocation): void {
    this.#waiting.delete(opened.allocation)
    this.#hear(opened)
  }
}
