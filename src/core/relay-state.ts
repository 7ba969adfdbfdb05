import type { Counters } from '../base/counters.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { GcraTable } from '../limits/gcra-table.ts'
import type { Book } from './book.ts'
import type { BucketSource, Slowed } from './buckets.ts'
import type { Command } from './command.ts'
import type { RelayConfig } from './config.ts'
import type { Decisions } from './decisions.ts'
import type { Tickets } from './mobility/tickets.ts'
import type { Scans } from './peers/scans.ts'
import type { RequestPace } from './requests/pace.ts'
import type { AllocationJournal } from './snapshot/journal.ts'
import type { Nonces } from './trust/nonce.ts'
import type { Proofs } from './trust/proofs.ts'
import type { Strangers } from './trust/strangers.ts'

/** The whole state of one relay, and what it asks to decide (`Decisions`). Every handler gets it and changes it. */
export interface RelayState extends Decisions {
  config: RelayConfig
  readonly book: Book
  readonly buckets: BucketSource
  readonly counters: Counters
  readonly scans: Scans
  readonly pace: RequestPace
  readonly stores: Stores
  draining: boolean
  /** Nothing new is taken on while memory is nearly full; what is held goes on. */
  isShortOfMemory: boolean
  /** Whose budgets are used up. */
  slowed: Slowed
  /** Allocations that a new configuration, or a new rate, has not been applied to yet. */
  unconfigured: Set<AllocationId>
  /** Where changes are told of that a successor has to know; absent where nothing is kept. */
  readonly journal: AllocationJournal | undefined
  /** Before this moment no `withheld` is told again. */
  withheldUntil: Time
}

/** What keeps state beside the books, as it is without a witness. Tables that several shards share are not its own. */
export interface Stores {
  readonly nonces: Nonces
  readonly tickets: Tickets
  readonly strangers: Strangers
  readonly debts: GcraTable | undefined
  readonly proofs: Proofs | undefined
}

/** Counts a datagram that is dropped: nothing is to be done. */
export function drop({ counters }: Pick<RelayState, 'counters'>, counter: number): Command[] {
  counters.add(counter)
  return []
}
