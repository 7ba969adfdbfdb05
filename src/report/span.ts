/** The time that a report is about. */
export interface ReportSpan {
  /** `2026-05`, or `2026-Q2`. */
  readonly name: string
  readonly months: readonly string[]
}

/** Reads `2026-05` or `2026-Q2`; undefined where it is neither. */
export function parseSpan(text: string): ReportSpan | undefined {
  const [, year, month, quarter] = /^(\d{4})-(?:(0[1-9]|1[0-2])|Q([1-4]))$/.exec(text) ?? []
  if (year === undefined) return undefined
  const first = month === undefined ? Number(quarter) * 3 - 2 : Number(month)
  const count = month === undefined ? 3 : 1
  const months = Array.from({ length: count }, (_, i) => `${year}-${String(first + i).padStart(2, '0')}`)
  return { name: text, months }
}

/** The month, or the quarter, before the one that it is. */
export function lastSpan(kind: 'month' | 'quarter', now: Date): ReportSpan {
  const at = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - (kind === 'month' ? 1 : 3)))
  const month = at.toISOString().slice(0, 7)
  const name = kind === 'month' ? month : `${month.slice(0, 4)}-Q${Math.floor(at.getUTCMonth() / 3) + 1}`
  return parseSpan(name)!
}
