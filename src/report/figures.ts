import type { Measures } from '../base/measures.ts'
import type { Costs } from '../config/schema/costs.ts'
import { type MoneyFigures, moneyOf } from './money.ts'
import type { ReportSpan } from './span.ts'

/** A sum as the ledger has it; of what is told apart, whose it is. */
export interface UsageLine extends Measures {
  /** When the span begins, in seconds since the epoch. */
  readonly start: number
  readonly homeserver?: string
  readonly user?: string
}

/** One sum of use: octets of payload both ways, and how many people it is of. */
interface PartOfUse {
  readonly octets: number
  readonly people: number
  readonly hours: number
}

/** What a report says. */
export interface ReportFigures {
  readonly span: string
  readonly total: PartOfUse & { readonly calls: number }
  readonly homeservers: readonly (PartOfUse & { readonly name: string })[]
  readonly days: readonly { readonly day: string; readonly octets: number }[]
  readonly money: MoneyFigures | undefined
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
    money: costs && moneyOf(span, total, month => octetsIn(month, days), costs),
  }
}

function octetsIn(month: string, days: ReadonlyMap<string, number>): number {
  return [...days].reduce((all, [day, one]) => (day.startsWith(month) ? all + one : all), 0)
}

function octetsOf({ bytesToPeer, bytesToClient }: UsageLine): number {
  return bytesToPeer + bytesToClient
}

function hoursOf({ milliseconds }: UsageLine): number {
  return milliseconds / 3_600_000
}
