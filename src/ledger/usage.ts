import { MEASURES } from '../base/measures.ts'

/** Seconds in an hour and in a day. */
export const SECONDS_AN_HOUR = 3600
export const SECONDS_A_DAY = 86_400

/** What of the use is told apart. */
export interface UsageKey {
  /** Start of the hour, in seconds since the epoch (UTC). */
  readonly hour: number
  readonly homeserver: string
  /** A pseudonym, or a name where `identities` is `full`; '' where nobody is named. */
  readonly user: string
  /** The client's transport; '' where it is not known. */
  readonly transport: string
  /** IP version of the client, 4 or 6; 0 where it is not known. */
  readonly family: number
}

/** One line of the spool, shorter than with names: the key, then the measures. */
export type UsageRow = readonly [
  hour: number,
  homeserver: string,
  user: string,
  transport: string,
  family: number,
  ...measures: number[],
]

/** What was used since the last batch. Applied once, however often it is delivered. */
export interface UsageBatch {
  /** One run of one relay. */
  readonly writer: string
  /** Counts the batches of a writer, from 1 on. */
  readonly sequence: number
  readonly rows: readonly UsageRow[]
}

export function isUsageBatch(value: unknown): value is UsageBatch {
  if (value === null || typeof value !== 'object') return false
  const { writer, sequence, rows } = value as Partial<UsageBatch>
  return (
    typeof writer === 'string' && Number.isSafeInteger(sequence) && Array.isArray(rows) && rows.every(isRow)
  )
}

function isRow(row: unknown): row is UsageRow {
  if (!Array.isArray(row) || row.length !== 5 + MEASURES.length) return false
  return row.every((value, i) =>
    i >= 1 && i <= 3 ? typeof value === 'string' : Number.isSafeInteger(value) && value >= 0,
  )
}

/** Start of the day that a moment is in; both in seconds since the epoch. */
export function dayOf(seconds: number): number {
  return seconds - (seconds % SECONDS_A_DAY)
}

/** Start of the month that a moment is in, or of one that is so many months later. */
export function monthOf(seconds: number, later = 0): number {
  const date = new Date(seconds * 1000)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later) / 1000
}
