import type { PersonsUse, ReportFigures } from './figures.ts'

/** People that a figure is of at least. */
const LEAST = 5
/** The share of a figure that one person may have at most. */
const MOST_OF_ONE = 0.5
/**
 * What the two who have most leave over, as a share of what the first has, at least. The second knows what
 * is left of a figure without the second's own part, and that should say no more of the first.
 */
const LEAST_OF_OTHERS = 0.25

/** What is counted for each person. */
type Counted = 'octets' | 'hours' | 'calls'

/**
 * What of a report may be shown to everybody. Figures of fewer than five people, or of which one person has more than
 * half or two nearly all, are left out; a homeserver without its figure is hidden among others that are left out, too,
 * so that the difference to the total is of several. All amounts are rounded, and there are no days.
 * docs/report.md says what can still be worked out.
 */
export function publicFigures(figures: ReportFigures, people: readonly PersonsUse[]): ReportFigures {
  const of = (names: ReadonlySet<string>) => people.filter(({ homeserver }) => names.has(homeserver))
  const hidden = new Set<string>()
  for (const { name } of figures.homeservers) if (!isSafe(of(new Set([name])))) hidden.add(name)
  // The smallest of the others joins them until their sum is safe as well: it is the difference to the total.
  const shown = figures.homeservers
    .filter(({ name }) => !hidden.has(name))
    .sort((a, b) => a.octets - b.octets)
  while (hidden.size > 0 && !isSafe(of(hidden)) && shown.length > 0) hidden.add(shown.shift()!.name)
  const isTotalSafe = isSafe(people)
  const { money, total } = figures
  const sums = [people, of(hidden), ...shown.map(({ name }) => of(new Set([name])))]
  // One who has little traffic may have most of the hours.
  const areHours = isTotalSafe && sums.every(some => isShared(some, 'hours'))
  const areCalls = isTotalSafe && isShared(people, 'calls')
  return {
    span: figures.span,
    total: {
      octets: isTotalSafe ? rounded(total.octets) : 0,
      people: roundedPeople(total.people),
      hours: areHours ? twoDigits(total.hours) : 0,
      calls: areCalls ? twoDigits(total.calls) : 0,
    },
    homeservers: figures.homeservers
      .filter(({ name }) => isTotalSafe && !hidden.has(name))
      .map(({ name, octets, people, hours }) => ({
        name,
        octets: rounded(octets),
        people: roundedPeople(people),
        hours: areHours ? twoDigits(hours) : 0,
      })),
    days: [],
    money: money && {
      ...money,
      // Costs by what was used would give back what was rounded.
      energy: isTotalSafe && money.energy ? publicEnergy(money.energy) : undefined,
      spent: isTotalSafe ? twoDigits(money.spent) : money.costs.reduce((sum, { amount }) => sum + amount, 0),
      monthsFunded: isTotalSafe ? money.monthsFunded : undefined,
      perGb: undefined,
      perPerson: undefined,
    },
  }
}

function publicEnergy(energy: NonNullable<NonNullable<ReportFigures['money']>['energy']>) {
  return { ...energy, kwh: twoDigits(energy.kwh), cost: twoDigits(energy.cost) }
}

/** Enough people have used something, and it is nobody's above all. */
function isSafe(people: readonly PersonsUse[]): boolean {
  return (
    people.filter(({ isOne, octets }) => isOne && octets > 0).length >= LEAST && isShared(people, 'octets')
  )
}

function isShared(people: readonly PersonsUse[], what: Counted): boolean {
  const [first = 0, second = 0, ...others] = people.map(one => one[what]).sort((a, b) => b - a)
  const rest = others.reduce((all, one) => all + one, 0)
  return first <= (first + second + rest) * MOST_OF_ONE && rest >= first * LEAST_OF_OTHERS
}

/** Two digits, of gigabytes at the least. */
function rounded(octets: number): number {
  return Math.round(twoDigits(octets) / 1e9) * 1e9
}

function roundedPeople(people: number): number {
  return people < LEAST ? 0 : people - (people % 5)
}

function twoDigits(value: number): number {
  return Number(value.toPrecision(2))
}
