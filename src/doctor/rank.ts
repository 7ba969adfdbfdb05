import type { Finding } from './finding.ts'
import { KINDS } from './kinds.ts'
import type { Severity } from './severity.ts'

const ORDER: readonly Severity[] = ['error', 'warn', 'info', 'ok']

/**
 * Orders findings so that the cause comes before what it causes: by severity,
 * then by the rank of the kind. Equal ones from several places become one.
 */
export function ranked(findings: readonly Finding[]): Finding[] {
  const merged = new Map<string, Finding>()
  for (const one of findings) {
    const key = JSON.stringify([one.id, severityOf(one), one.values])
    const before = merged.get(key)
    if (!before) merged.set(key, one)
    else merged.set(key, { ...before, at: [...new Set([...before.at, ...one.at])] })
  }
  // Sorting is stable, so that equals stay in the order of the checks.
  return [...merged.values()].sort(
    (a, b) =>
      ORDER.indexOf(severityOf(a)) - ORDER.indexOf(severityOf(b)) || KINDS[a.id].rank - KINDS[b.id].rank,
  )
}

export function severityOf({ id, severity }: Finding): Severity {
  return severity ?? KINDS[id].severity
}
