import { isSafe, isSpread, roundedOctets, roundedPeople, twoDigits } from './disclosure.ts'
import type { PersonsUse, ReportFigures } from './figures.ts'
import type { EnergyUsed } from './money.ts'

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
  const areHours = isTotalSafe && sums.every(some => isSpread(some, 'hours'))
  const areCalls = isTotalSafe && isSpread(people, 'calls')
  return {
    span: figures.span,
    total: {
      octets: isTotalSafe ? roundedOctets(total.octets) : 0,
      people: roundedPeople(total.people),
      hours: areHours ? twoDigits(total.hours) : 0,
      calls: areCalls ? twoDigits(total.calls) : 0,
    },
    homeservers: figures.homeservers
      .filter(({ name }) => isTotalSafe && !hidden.has(name))
      .map(({ name, octets, people, hours }) => ({
        name,
        octets: roundedOctets(octets),
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

function publicEnergy(energy: EnergyUsed) {
  return { ...energy, kwh: twoDigits(energy.kwh), cost: twoDigits(energy.cost) }
}
