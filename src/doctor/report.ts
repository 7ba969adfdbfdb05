import type { Language } from '../texts/language.ts'
import type { Finding } from './finding.ts'
import { KINDS } from './kinds.ts'
import { severityOf } from './rank.ts'
import { type Group, groupOf, type Severity } from './severity.ts'
import { type FindingText, findingText } from './words.ts'

/** A finding as `--json` prints it, and as it is shown. Empty texts are left out. */
export interface ShownFinding extends FindingText {
  readonly id: string
  readonly check: string
  readonly group: Group | 'doctor'
  readonly severity: Severity
  readonly at: readonly string[]
}

/** Puts a finding into words. */
export function show(finding: Finding, language: Language): ShownFinding {
  const { check } = KINDS[finding.id]
  return {
    id: finding.id,
    check,
    group: check === 'doctor' ? check : groupOf(check),
    severity: severityOf(finding),
    ...findingText(finding.id, finding.values, language),
    at: finding.at,
  }
}

/** How a part of the report is set off. */
export type Mark = (part: Severity | 'fix' | 'place', text: string) => string

const SIGNS: Readonly<Record<Severity, string>> = { error: '✗', warn: '!', info: 'i', ok: '✓' }

/** Writes findings for people: what is wrong, in full and the cause first; then, in a line each, what is not. */
export function reportText(
  findings: readonly Finding[],
  labels: ReportLabels,
  language: Language,
  mark: Mark,
): string {
  const shown = findings.map(finding => show(finding, language))
  const lines: string[] = []
  const everywhere = new Set(shown.flatMap(one => one.at))
  for (const one of shown) {
    const sign = mark(one.severity, SIGNS[one.severity])
    const at = placeOf(one, everywhere.size, labels)
    const place = at === '' ? '' : ` ${mark('place', `[${at}]`)}`
    lines.push(`${sign} ${mark(one.severity, one.title)}${place}`)
    if (one.problem) lines.push(`    ${one.problem}`)
    if (one.effect) lines.push(`    ${labels.effect}: ${one.effect}`)
    if (one.fix) lines.push(`    ${mark('fix', `→ ${one.fix}`)}`)
    if (one.severity === 'error' || one.severity === 'warn') lines.push('')
  }
  const count = (severity: Severity) => shown.filter(one => one.severity === severity).length
  const gaps = [...new Set(shown.flatMap(({ gap }) => gap ?? []))]
  lines.push('', labels.summary(count('error'), count('warn'), count('ok'), gaps.length))
  lines.push(...gaps.map(gap => `  • ${gap}`))
  return `${lines.join('\n')}\n`
}

/** Where it was found. What passed is counted; only what did not has to be looked for. */
function placeOf({ at, severity }: ShownFinding, everywhere: number, labels: ReportLabels): string {
  if (severity !== 'ok' || at.length < 2) return at.join(', ')
  return labels.places(at.length, everywhere)
}

export interface ReportLabels {
  /** "What you would notice". */
  readonly effect: string
  /** What stands before the gaps, if there are any. */
  readonly summary: (errors: number, warnings: number, passed: number, gaps: number) => string
  /** "3 of 4 URIs": how many of the places of this report. */
  readonly places: (some: number, all: number) => string
}
