import { failed, type Result, succeeded } from '../base/result.ts'
import { configFault } from './fault.ts'
import { expandPath, readNamed } from './find.ts'
import { explainIssue } from './messages/explain.ts'
import { ConfigReport } from './messages/report.ts'
import type { Place } from './place.ts'
import type { Problem } from './problem.ts'
import { type Costs, costsSchema } from './schema/costs.ts'
import { describeSchema } from './schema/description.ts'
import { SourceText } from './source.ts'

/** Reads the text of a file of costs. What is wrong is told with its place; `shownAs` is the file's name there. */
export function parseCosts(text: string, shownAs: string): Result<Costs, readonly Problem[]> {
  const keys = describeSchema(costsSchema)
  const source = new SourceText(text, keys)
  const report = new ConfigReport(shownAs, source)
  for (const { what, spot } of source.syntaxErrors) report.syntax(what, spot)
  if (report.errors.length > 0) return failed(report.errors)
  for (const { path, spot, firstLine } of source.duplicates()) report.duplicate(path, spot, firstLine)
  const value = source.value()
  const read = costsSchema.safeParse(value)
  for (const issue of read.error?.issues ?? [])
    for (const { path, fault, at } of explainIssue(issue, value, keys)) {
      // What shows how is another document.
      const told = fault.key === 'missing-key' ? configFault('costs-missing', fault.values) : fault
      report.fault(path, told, at)
    }
  return read.success && report.errors.length === 0 ? succeeded(read.data) : failed(report.errors)
}

/**
 * Reads the file that `ledger.costs` names. What is wrong with it is a warning: calls must not depend on it.
 * Without it there are no figures of money.
 */
export function readLedgerCosts(
  written: string,
  place: Place,
  report: ConfigReport,
): { readonly file: string; readonly costs?: Costs } | undefined {
  const at = ['ledger', 'costs']
  const file = expandPath(written, place.folder, place.env)
  if (!file.ok) {
    report.fault(at, file.error)
    return undefined
  }
  const text = readNamed(file.value)
  const read = text.ok ? parseCosts(text.value, written) : failed([{ fault: text.error, path: at }])
  if (read.ok) return { file: file.value, costs: read.value }
  report.warn(at, 'costs-unread', { file: file.value })
  report.warnings.push(...read.error)
  return { file: file.value }
}
