const FORM = /^(\d{4})-(\d{2})(?:-(\d{2})(?:T(\d{2}))?)?$/

/**
 * Reads `2026-06`, `2026-06-15` or `2026-06-15T12` (UTC), as seconds since the
 * epoch: when it begins, or with `end` when it is over. Undefined where it is none of them.
 */
export function parseMoment(text: string, end: boolean): number | undefined {
  const [, year, month, day, hour] = FORM.exec(text) ?? []
  if (year === undefined || month === undefined) return undefined
  const more = end ? 1 : 0
  const date = [Number(year), Number(month) - 1, Number(day ?? 1), Number(hour ?? 0)] as const
  const [y, m, d, h] = date
  // A date such as 31 February would be another one.
  const back = new Date(Date.UTC(y, m, d, h))
  if (back.getUTCMonth() !== m || back.getUTCDate() !== d || back.getUTCHours() !== h) return undefined
  if (day === undefined) return Date.UTC(y, m + more) / 1000
  if (hour === undefined) return Date.UTC(y, m, d + more) / 1000
  return Date.UTC(y, m, d, h + more) / 1000
}

/** Where a question begins that names no beginning: a day of hours, a month of days, a year of months, this month. */
export function usualBeginning(by: 'hour' | 'day' | 'month' | 'all', now: number): number {
  const date = new Date(now * 1000)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  if (by === 'hour') return now - (now % 3600) - 23 * 3600
  if (by === 'day') return now - (now % 86_400) - 29 * 86_400
  return Date.UTC(year, by === 'month' ? month - 11 : month) / 1000
}
