import type { SharedJournal } from '../../journal/journal.ts'
import type { Shard } from '../../shard/shard.ts'

/** Allocations whose figures are written down in one second: with so many and fewer, they are a second old at most. */
const AT_ONCE = 500

/** Writes down in the journal of a shard what its allocations have carried, which the core does not. */
export class JournalFigures {
  readonly #shard: Shard
  readonly #journal: SharedJournal
  /** Whose figures are still to be written down in this round. */
  #round: Iterator<Parameters<Shard['carried']>[0]> | undefined

  constructor(shard: Shard, journal: SharedJournal) {
    this.#shard = shard
    this.#journal = journal
  }

  /** Once a second. */
  tick(): void {
    this.#round ??= this.#shard.openAllocations()[Symbol.iterator]()
    for (let count = 0; count < AT_ONCE; count++) {
      const next = this.#round.next()
      if (next.done) {
        this.#round = undefined
        return
      }
      this.#journal.carried(next.value.id, this.#shard.carried(next.value))
    }
  }
}
