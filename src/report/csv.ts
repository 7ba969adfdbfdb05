import { csvLine } from '../base/csv.ts'
import type { ReportFigures } from './figures.ts'

/** A line for each figure: what it is, of what, and how much. */
export function reportCsv({ total, homeservers, days, money }: ReportFigures): string {
  const sums = [
    { of: 'total', name: '', ...total },
    ...homeservers.map(homeserver => ({ of: 'homeserver', ...homeserver })),
  ]
  const shares = sums.flatMap(({ of, name, octets, people, hours }) => [
    [of, name, 'bytes', octets],
    [of, name, 'people', people],
    [of, name, 'hours', Number(hours.toFixed(1))],
  ])
  const lines: (string | number)[][] = [
    ['of', 'name', 'figure', 'value'],
    ...shares,
    ...days.map(({ day, octets }) => ['day', day, 'bytes', octets]),
  ]
  for (const { name, amount } of money?.costs ?? []) lines.push(['cost', name, money!.currency, amount])
  for (const { name, amount } of money?.income ?? []) lines.push(['income', name, money!.currency, amount])
  if (money?.energy)
    lines.push(['energy', money.energy.by.join(' '), 'kWh', Number(money.energy.kwh.toFixed(3))])
  return lines.map(csvLine).join('')
}
