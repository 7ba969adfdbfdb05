import type { Severity } from '../finding.ts'

/** What it is about in a few words, what is wrong, what a user would notice, and what mends it. */
export type FindingWords = readonly [title: string, wrong: string, notice: string, mend: string]

/** Everything that is known of a kind of finding before it is found. */
export interface TextEntry {
  /** The check that finds it: a letter for the group, a number within the whole list. */
  readonly check: string
  readonly severity: Severity
  /** Smaller is nearer to the cause: of two errors, the one with the smaller rank explains the other. */
  readonly rank: number
  readonly en: FindingWords
  readonly de: FindingWords
}

/** What passed. */
export function okText(check: string, en: string, de: string): TextEntry {
  return { check, severity: 'ok', rank: 0, en: [en, '', '', ''], de: [de, '', '', ''] }
}

export function info(check: string, en: FindingWords, de: FindingWords): TextEntry {
  return { check, severity: 'info', rank: 500, en, de }
}

export function warn(check: string, rank: number, en: FindingWords, de: FindingWords): TextEntry {
  return { check, severity: 'warn', rank, en, de }
}

export function errorText(check: string, rank: number, en: FindingWords, de: FindingWords): TextEntry {
  return { check, severity: 'error', rank, en, de }
}
