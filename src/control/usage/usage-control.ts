import type { Result } from '../../base/result.ts'
import type { UsageExport, UsageList } from '../view.ts'

/** Of rows there may be thousands, so they are made as they are written. */
export interface UsageFound {
  readonly rows: Iterable<UsageList['rows'][number]>
  readonly more: boolean
}

/** What somebody wants to know of the ledger. */
export interface UsageQuestion {
  /** Length of the spans that are summed up; `all` is one span. */
  readonly by: 'hour' | 'day' | 'month' | 'all'
  /** Seconds since the epoch; `to` is not part of it. */
  readonly from: number
  readonly to: number
  readonly per: readonly ('user' | 'homeserver' | 'transport' | 'family')[]
  /** Only these, as the ledger calls them. */
  readonly users?: readonly string[]
  readonly homeserver?: string
  /** Rows at most. */
  readonly most: number
}

/** The ledger, as an operator sees it. What asks the database rejects where that does not answer. */
export interface UsageControl {
  usage(asked: UsageQuestion): Promise<UsageFound>
  /** The same without what was counted since the last minute, which costs less. */
  soFar(asked: UsageQuestion): Promise<UsageFound>
  /** Sums by day and homeserver, and after them those of the whole time by homeserver and user. */
  report(asked: Pick<UsageQuestion, 'from' | 'to' | 'most'>): Promise<UsageFound>
  /** Everything that is kept of a user, by the name in the credential. */
  export(user: string): Promise<Iterable<UsageExport['rows'][number]>>
  /** Resolves with the number of rows that were about the user. */
  forget(user: string): Promise<number>
  /** How the ledger calls a user, and has ever called. */
  identitiesOf(user: string): readonly string[]
  /** Begins with a new key for pseudonyms; the error says why it cannot be kept. */
  rotate(only: boolean): Result<number, string>
}
