import type { Severity } from '../finding.ts'

/** What it is about in a few words, what is wrong, what a user would notice, and what mends it. */
export type Words = readonly [title: string, wrong: string, notice: string, mend: string]

/** Everything that is known of a kind of finding before it is found. */
export interface Entry {
  /** The check that finds it: a letter for the group, a number within the whole list. */
  readonly check: string
  readonly severity: Severity
  /** Smaller is nearer to the cause: of two errors, the one with the smaller rank explains the other. */
  readonly rank: number
  readonly en: Words
  readonly de: Words
}

/** What passed. */
export function ok(check: string, en: string, de: string): Entry {
  return { check, severity: 'ok', rank: 0, en: [en, '', '', ''], de: [de, '', '', ''] }
}

export function info(check: string, en: Words, de: Words): Entry {
  return { check, severity: 'info', rank: 500, en, de }
}

export function warn(check: string, rank: number, en: Words, de: Words): Entry {
  return { check, severity: 'warn', rank, en, de }
}

export function error(check: string, rank: number, en: Words, de: Words): Entry {
  return { check, severity: 'error', rank, en, de }
}
