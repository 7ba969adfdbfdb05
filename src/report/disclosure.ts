import type { PersonsUse } from './figures.ts'

/* Which sums may be told to whom they are not of. docs/report.md says what can still be worked out. */

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

/** Enough people have used something, and it is nobody's above all. */
export function isSafe(people: readonly Pick<PersonsUse, 'octets' | 'isOne'>[]): boolean {
  return (
    people.filter(({ isOne, octets }) => isOne && octets > 0).length >= LEAST && isSpread(people, 'octets')
  )
}

/** No one has more than half, and no two nearly all. */
export function isSpread<K extends Counted>(
  people: readonly Readonly<Record<K, number>>[],
  what: K,
): boolean {
  const [first = 0, second = 0, ...others] = people.map(one => one[what]).sort((a, b) => b - a)
  const rest = others.reduce((all, one) => all + one, 0)
  return first <= (first + second + rest) * MOST_OF_ONE && rest >= first * LEAST_OF_OTHERS
}

/** Two digits, of gigabytes at the least. */
export function roundedOctets(octets: number): number {
  return Math.round(twoDigits(octets) / 1e9) * 1e9
}

/** Down to a multiple of five; 0 where there are fewer. */
export function roundedPeople(people: number): number {
  return people < LEAST ? 0 : people - (people % 5)
}

export function twoDigits(value: number): number {
  return Number(value.toPrecision(2))
}
