import type { TextId } from './texts/all.ts'

export type Severity = 'ok' | 'info' | 'warn' | 'error'

/** Where a check looks: the five groups, in the order in which they are run. */
export type Group = 'machine' | 'network' | 'homeserver' | 'turn' | 'modern'

export type FindingValues = Readonly<Record<string, string | number>>

/** What a check has found. The words are looked up when it is shown, in the reader's language. */
export interface Finding {
  readonly id: TextId
  readonly values: FindingValues
  /** Replaces the severity that the text table has for it. */
  readonly severity?: Severity
  /** What it was found at: URIs and addresses. */
  readonly at: readonly string[]
}

/** Makes a finding; `at` names the URI or address that it is about. */
export function finding(
  id: TextId,
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
