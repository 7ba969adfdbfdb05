import type { Counters } from '../base/counters.ts'
import type { Meters } from '../limits/meters.ts'
import type { Book } from './book.ts'
import type { BucketSource } from './buckets.ts'
import type { RelayConfig } from './config.ts'
import type { Environment } from './environment.ts'
import type { Nonces } from './nonce.ts'
import type { Scans } from './scans.ts'
import type { Strangers } from './strangers.ts'

/** What every handler stands on. */
export interface Context {
  config: RelayConfig
  readonly environment: Environment
  readonly nonces: Nonces
  readonly book: Book
  readonly meters: Meters
  readonly buckets: BucketSource
  readonly counters: Counters
  readonly strangers: Strangers
  readonly scans: Scans
  draining: boolean
}
