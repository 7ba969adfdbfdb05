import type { UsageList } from '../../control/view.ts'
import { amountOf, type Costs } from './costs.ts'

type UsageLine = UsageList['rows'][number]

/** The time that a report is about. */
export interface ReportSpan {
  /** `2026-05`, or `2026-Q2`. */
  readonly name: string
  readonly months: readonly string[]
}

/** One sum of use: octets of payload both ways, and how many people it is of. */
interface PartOfUse {
  readonly octets: number
  readonly people: number
  readonly hours: number
}

interface EnergyUsed {
  readonly kwh: number
  /** `meter`: read from one; `estimate`: from watts. Several months may have either. */
  readonly by: readonly ('meter' | 'estimate')[]
  readonly supplier: string | undefined
  readonly cost: number
}

/** What a report says. */
export interface ReportFigures {
  readonly span: string
  readonly total: PartOfUse & { readonly calls: number }
  readonly homeservers: readonly (PartOfUse & { readonly name: string })[]
  readonly days: readonly { readonly day: string; readonly octets: number }[]
  readonly money: MoneyFigures | undefined
}

interface MoneyFigures {
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

/** A person's use at a homeserver, without who it is. */
export interface PersonsUse {
  readonly homeserver: string
  readonly octets: number
  readonly hours: number
  readonly calls: number
  /** False for what is of nobody in particular: people who were forgotten, or all where nobody is told apart. */
  readonly isOne: boolean
}

/** Who used how much, one entry for each person and homeserver. */
export function peopleOf(byUser: readonly UsageLine[]): PersonsUse[] {
  return byUser.map(row => ({
    homeserver: row.homeserver ?? '',
    octets: octetsOf(row),
    hours: hoursOf(row),
    calls: row.allocations,
    isOne: row.user !== undefined && row.user !== '',
  }))
}

/** Adds up what the ledger says by day and homeserver, and by user. */
export function figuresOf(
  span: ReportSpan,
  byDay: readonly UsageLine[],
  byUser: readonly UsageLine[],
  costs: Costs | undefined,
): ReportFigures {
  const people = peopleOf(byUser).filter(({ isOne }) => isOne)
  const homeservers = new Map<string, { octets: number; people: number; hours: number }>()
  const days = new Map<string, number>()
  let calls = 0
  for (const row of byDay) {
    const name = row.homeserver ?? ''
    const sum = homeservers.get(name) ?? { octets: 0, people: 0, hours: 0 }
    homeservers.set(name, sum)
    sum.octets += octetsOf(row)
    sum.hours += hoursOf(row)
    calls += row.allocations
    const day = new Date(row.start * 1000).toISOString().slice(0, 10)
    days.set(day, (days.get(day) ?? 0) + octetsOf(row))
  }
  for (const { homeserver } of people) {
    const sum = homeservers.get(homeserver)
    if (sum) sum.people++
  }
  const sums = [...homeservers.values()]
  const total = {
    octets: sums.reduce((all, { octets }) => all + octets, 0),
    people: people.length,
    hours: sums.reduce((all, { hours }) => all + hours, 0),
    calls,
  }
  return {
    span: span.name,
    total,
    homeservers: Array.from(homeservers, ([name, sum]) => ({ name, ...sum }))
      .filter(({ octets, people }) => octets > 0 || people > 0)
      .sort((a, b) => b.octets - a.octets),
    days: Array.from(days, ([day, octets]) => ({ day, octets })).sort((a, b) => (a.day < b.day ? -1 : 1)),
    money: costs && moneyOf(span, total, days, costs),
  }
}

function octetsOf({ bytesToPeer, bytesToClient }: UsageLine): number {
  return bytesToPeer + bytesToClient
}

function hoursOf({ milliseconds }: UsageLine): number {
  return milliseconds / 3_600_000
}

function moneyOf(
  { months }: ReportSpan,
  total: PartOfUse,
  days: ReadonlyMap<string, number>,
  { currency, costs, income, electricity, reserve }: Costs,
): MoneyFigures {
  const listed = (items: Costs['costs']) =>
    items
      .map(item => ({ name: item.name, amount: amountOf(item, months) }))
      .filter(({ amount }) => amount > 0)
  const energy = electricity && energyOf(months, days, electricity)
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

/** By the meter where there is a reading of the month, else by watts; nothing where there is neither. */
function energyOf(
  months: readonly string[],
  days: ReadonlyMap<string, number>,
  { kwh, watts, wattsPerMbit, share, pricePerKwh, supplier }: NonNullable<Costs['electricity']>,
): EnergyUsed | undefined {
  let sum = 0
  const by = new Set<'meter' | 'estimate'>()
  for (const month of months) {
    const reading = kwh[month]
    if (reading !== undefined) {
      by.add('meter')
      sum += reading * share
    } else if (watts !== undefined) {
      by.add('estimate')
      const octets = [...days].reduce((all, [day, one]) => (day.startsWith(month) ? all + one : all), 0)
      const [year, number] = month.split('-').map(Number)
      const hours = (Date.UTC(year!, number!) - Date.UTC(year!, number! - 1)) / 3_600_000
      // What is relayed arrives and leaves: the traffic of the line is twice the payload.
      const mbits = (2 * octets * 8) / 1e6
      sum += (watts * hours * share + (wattsPerMbit * mbits) / 3600) / 1000
    }
  }
  if (by.size === 0) return undefined
  return { kwh: sum, by: [...by], supplier, cost: sum * pricePerKwh }
}
