import type { Language } from '../texts/language.ts'
import type { Finding } from './finding.ts'
import { KINDS } from './kinds.ts'
import { severityOf } from './rank.ts'
import type { Group, Severity } from './severity.ts'
import { type FindingText, findingText } from './words.ts'

/** A finding as `--json` prints it, and as it is shown. Empty texts are left out. */
export interface ShownFinding extends FindingText {
  readonly id: string
  readonly check: string
  readonly group: Group | 'doctor'
  readonly severity: Severity
  readonly at: readonly string[]
}

const GROUPS: Readonly<Record<string, Group>> = {
  A: 'machine',
  B: 'network',
  C: 'homeserver',
  D: 'turn',
  E: 'modern',
}

/** Puts a finding into words. */
export function show(finding: Finding, language: Language): ShownFinding {
  const { check } = KINDS[finding.id]
  return {
    id: finding.id,
    check,
    group: GROUPS[check[0] ?? ''] ?? 'doctor',
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
  for (const one of shown) {
    const sign = mark(one.severity, SIGNS[one.severity])
    const place = one.at.length > 0 ? ` ${mark('place', `[${one.at.join(', ')}]`)}` : ''
    lines.push(`${sign} ${mark(one.severity, one.title)}${place}`)
    if (one.problem) lines.push(`    ${one.problem}`)
    if (one.effect) lines.push(`    ${labels.effect}: ${one.effect}`)
    if (one.fix) lines.push(`    ${mark('fix', `→ ${one.fix}`)}`)
    if (one.severity === 'error' || one.severity === 'warn') lines.push('')
  }
  const count = (severity: Severity) => shown.filter(one => one.severity === severity).length
  lines.push('', labels.summary(count('error'), count('warn'), count('ok')))
  return `${lines.join('\n')}\n`
}

export interface ReportLabels {
  /** "What you would notice". */
  readonly effect: string
  readonly summary: (errors: number, warnings: number, passed: number) => string
}
