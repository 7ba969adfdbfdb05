import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { safeJson } from '../log/printable.ts'
import { reportCsv } from './csv.ts'
import type { ReportFigures } from './figures.ts'
import { listPage, reportPage } from './page.ts'
import { parseSpan, type ReportSpan } from './span.ts'
import type { UsageReportWords } from './words.ts'

/** The spans whose reports are in a folder. */
export function reportsIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap(name => /^(\d{4}-(?:\d{2}|Q[1-4]))\.html$/.exec(name)?.[1] ?? [])
}

/**
 * A public report in the folder, other than this one, that has months in common with it: a quarter less two of its
 * months is the third one, which may be of too few people to be public.
 */
export function overlapping(folder: string, { name, months }: ReportSpan): string | undefined {
  return reportsIn(folder).find(
    other => other !== name && parseSpan(other)?.months.some(month => months.includes(month)),
  )
}

/** Puts the public report where a web server finds it, as page, JSON and CSV, and a list of all beside them. */
export function publish(folder: string, figures: ReportFigures, words: UsageReportWords): void {
  mkdirSync(folder, { recursive: true })
  writeReport(folder, figures, true, words)
  write(folder, 'index.html', listPage(reportsIn(folder), words), 0o644)
}

/** The page comes last: a report is there when its page is. */
function writeReport(
  folder: string,
  figures: ReportFigures,
  isPublic: boolean,
  words: UsageReportWords,
): void {
  const mode = isPublic ? 0o644 : 0o600
  write(folder, `${figures.span}.json`, `${safeJson(figures)}\n`, mode)
  write(folder, `${figures.span}.csv`, reportCsv(figures), mode)
  write(folder, `${figures.span}.html`, reportPage(figures, isPublic, words), mode)
}

/** Writes a file as a whole or not at all. */
function write(folder: string, name: string, text: string, mode: number): void {
  const draft = join(folder, `.${name}.${process.pid}`)
  // The owner of the folder may have put a link in its place, to a file of somebody else.
  rmSync(draft, { force: true })
  writeFileSync(draft, text, { mode, flag: 'wx' })
  renameSync(draft, join(folder, name))
}
