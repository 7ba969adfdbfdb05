import type { CostItem, Costs, Electricity } from '../config/schema/costs.ts'
import type { ReportSpan } from './span.ts'

export interface EnergyUsed {
  readonly kwh: number
  /** `meter`: read from one; `estimate`: from watts. Several months may have either. */
  readonly by: readonly ('meter' | 'estimate')[]
  readonly supplier: string | undefined
  readonly cost: number
}

/** What the energy of a month is estimated from. */
interface MonthsUse {
  readonly month: string
  /** Payload both ways. */
  readonly octets: number
  readonly hours: number
}

export interface MoneyFigures {
  readonly currency: string
  readonly costs: readonly { readonly name: string; readonly amount: number }[]
  readonly income: readonly { readonly name: string; readonly amount: number }[]
  readonly energy: EnergyUsed | undefined
  readonly spent: number
  readonly received: number
  readonly perGb: number | undefined
  readonly perPerson: number | undefined
  readonly reserve: number | undefined
  /** Months that the reserve lasts for; undefined where it is not known, or where as much comes in as goes out. */
  readonly monthsFunded: number | undefined
}

/** What an item comes to in these months. */
function amountOf(item: CostItem, months: readonly string[]): number {
  if ('once' in item) return months.includes(item.month) ? item.once : 0
  const { from = '0000-01', to = '9999-12' } = item
  return item.monthly * months.filter(month => from <= month && month <= to).length
}

/** What was spent and received in the months of a report, and what that is for each gigabyte and person. */
export function moneyOf(
  { months }: ReportSpan,
  total: { readonly octets: number; readonly people: number },
  octetsOf: (month: string) => number,
  { currency, costs, income, electricity, reserve }: Costs,
): MoneyFigures {
  const listed = (items: Costs['costs']) =>
    items
      .map(item => ({ name: item.name, amount: amountOf(item, months) }))
      .filter(({ amount }) => amount > 0)
  const energy =
    electricity &&
    energyOf(
      months.map(month => ({ month, octets: octetsOf(month), hours: hoursOf(month) })),
      electricity,
    )
  const [out, into] = [listed(costs), listed(income)]
  const add = (items: readonly { readonly amount: number }[]) =>
    items.reduce((sum, { amount }) => sum + amount, 0)
  const spent = add(out) + (energy?.cost ?? 0)
  const received = add(into)
  const missing = (spent - received) / months.length
  return {
    currency,
    costs: out,
    income: into,
    energy,
    spent,
    received,
    perGb: total.octets > 0 ? spent / (total.octets / 1e9) : undefined,
    perPerson: total.people > 0 ? spent / total.people : undefined,
    reserve,
    monthsFunded: reserve !== undefined && missing > 0 ? Math.floor(reserve / missing) : undefined,
  }
}

/** What a month has cost so far: all of its costs, and the energy of the hours that are over. */
export function moneySoFar(
  { costs, currency, electricity }: Costs,
  use: MonthsUse,
): { readonly currency: string; readonly cost: number; readonly energy: EnergyUsed | undefined } {
  const energy = electricity && energyOf([use], electricity)
  const spent = costs.reduce((sum, item) => sum + amountOf(item, [use.month]), 0)
  return { currency, cost: spent + (energy?.cost ?? 0), energy }
}

/** Hours that a month has. */
function hoursOf(month: string): number {
  const [year, number] = month.split('-').map(Number)
  return (Date.UTC(year!, number!) - Date.UTC(year!, number! - 1)) / 3_600_000
}

/** By the meter where there is a reading of the month, else by watts; nothing where there is neither. */
function energyOf(
  uses: readonly MonthsUse[],
  { kwh, watts, wattsPerMbit, share, pricePerKwh, supplier }: Electricity,
): EnergyUsed | undefined {
  let sum = 0
  const by = new Set<'meter' | 'estimate'>()
  for (const { month, octets, hours } of uses) {
    const reading = kwh[month]
    if (reading !== undefined) {
      by.add('meter')
      sum += reading * share
    } else if (watts !== undefined) {
      by.add('estimate')
      // What is relayed arrives and leaves: the traffic of the line is twice the payload.
      const mbits = (2 * octets * 8) / 1e6
      sum += (watts * hours * share + (wattsPerMbit * mbits) / 3600) / 1000
    }
  }
  if (by.size === 0) return undefined
  return { kwh: sum, by: [...by], supplier, cost: sum * pricePerKwh }
}
