import type { Counters } from '../base/counters.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { Book } from './book.ts'
import type { BucketSource } from './buckets.ts'
import type { RelayConfig } from './config.ts'
import type { Decisions } from './decisions.ts'
import type { Scans } from './scans.ts'

/** What every handler stands on. */
export interface Context extends Decisions {
  config: RelayConfig
  readonly book: Book
  readonly buckets: BucketSource
  readonly counters: Counters
  readonly scans: Scans
  draining: boolean
  /** Allocations that a new configuration has not been applied to yet. */
  unconfigured: Set<AllocationId>
  /** Before this moment no `withheld` is told again. */
  withheldUntil: Time
}
