import type { LeasesAnswer, LeasesAsked } from './leases/lease-terms.ts'
import type { Retention, UsageAsked, UsageRecord, UsageSums } from './store/ledger-store.ts'
import type { ReportAsked } from './store/report-sums.ts'
import type { TogetherAsked, UsedTogether } from './store/together.ts'

/** What the thread is started with. */
export interface LedgerStart {
  readonly spool: string
  /** A path, or `postgresql://…`. */
  readonly database: string
  readonly keep: Retention
}

/** What the thread can be asked for; before anything but `deliver` and `lease` it delivers what waits. */
export type LedgerJob =
  | { readonly kind: 'deliver' }
  | { readonly kind: 'lease'; readonly asked: LeasesAsked }
  | { readonly kind: 'usage'; readonly asked: UsageAsked }
  | { readonly kind: 'report'; readonly asked: ReportAsked }
  | { readonly kind: 'together'; readonly asked: TogetherAsked }
  | { readonly kind: 'export'; readonly users: readonly string[] }
  | { readonly kind: 'forget'; readonly users: readonly string[] }

export interface LedgerAnswers {
  readonly deliver: Delivered
  readonly lease: LeasesAnswer
  readonly usage: UsageSums
  readonly report: UsageSums
  readonly together: UsedTogether
  readonly export: Iterable<UsageRecord>
  readonly forget: number
}

export interface Delivered {
  readonly batches: number
  /** Octets that are left in the spool. */
  readonly left: number
  /** Files that could not be read, and where they are now. */
  readonly damaged: readonly string[]
}

export type ToLedger = { readonly id: number; readonly job: LedgerJob } | 'close'

export type FromLedger =
  | { readonly id: number; readonly answer: Delivered | LeasesAnswer | UsedTogether | number }
  /** Answers with rows; of an export there are never more. */
  | { readonly id: number; readonly lines: Uint8Array<ArrayBuffer>; readonly more: boolean | undefined }
  | { readonly id: number; readonly failed: string }
