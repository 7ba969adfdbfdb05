import type { OwnUsage } from '../view.ts'

type Told = Exclude<NonNullable<OwnUsage['share']>, 'few'>

/** What a month has cost so far, and what everybody has used by then. */
export interface MonthsCosts extends Pick<Told, 'until' | 'currency' | 'by' | 'supplier'> {
  /** Payload of everybody, rounded; 0 where that may not be told. */
  readonly octets: number
  readonly cost: number
  readonly kwh: number | undefined
}

/** What some use comes to of a month's costs. */
export function shareOf(octets: number, costs: MonthsCosts): Pick<Told, 'cost' | 'kwh'> {
  // Everybody's use is rounded, possibly to less than what one person has used.
  const share = Math.min(1, octets / costs.octets)
  return { cost: costs.cost * share, ...(costs.kwh !== undefined && { kwh: costs.kwh * share }) }
}

/** One's own share, or why it is not told; undefined where nobody knows the costs. */
export function ownShare(days: OwnUsage['days'], costs: MonthsCosts | undefined): OwnUsage['share'] {
  if (!costs) return undefined
  if (costs.octets === 0) return 'few'
  const { until, currency, by, supplier } = costs
  const octets = days.reduce((sum, { start, bytes }) => (start < until ? sum + bytes : sum), 0)
  return { until, currency, by, ...(supplier !== undefined && { supplier }), ...shareOf(octets, costs) }
}
