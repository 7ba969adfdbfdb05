import type { FindingId } from './kinds.ts'
import type { Severity } from './severity.ts'

/** A `Date` is written with its time and zone, in the reader's language. */
export type FindingValues = Readonly<Record<string, string | number | Date>>

/** What a check has found. The words are looked up when it is shown, in the reader's language. */
export interface Finding {
  readonly id: FindingId
  readonly values: FindingValues
  /** Replaces the severity of its kind. */
  readonly severity?: Severity
  /** What it was found at: URIs and addresses. */
  readonly at: readonly string[]
}

/** Makes a finding; `at` names the URI or address that it is about. */
export function finding(
  id: FindingId,
  values: FindingValues = {},
  more: { readonly severity?: Severity; readonly at?: string } = {},
): Finding {
  return {
    id,
    values,
    ...(more.severity && { severity: more.severity }),
    at: more.at === undefined ? [] : [more.at],
  }
}
