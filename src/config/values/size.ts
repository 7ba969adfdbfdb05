import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Octets below which a size is a mistake: seconds of a call. */
const LEAST = 1_000_000
const UNITS = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
] as const

/** Reads `20 GB`, `1.5 TB` or `512 MiB` as octets; `unlimited` gives Infinity. */
export function parseSize(text: string): Parsed<number> {
  const given = text.trim()
  if (given.toLowerCase() === 'unlimited') return succeeded(Number.POSITIVE_INFINITY)
  const [, number, name] = /^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)$/.exec(given) ?? []
  const unit = UNITS.find(([unit]) => unit === name)
  if (number === undefined || !unit) return notAccepted('size', { given: text })
  const octets = Math.round(Number(number) * unit[1])
  if (octets < LEAST || !Number.isSafeInteger(octets))
    return notAccepted('size-bounds', { given: text, min: formatSize(LEAST) })
  return succeeded(octets)
}

/** Writes octets in the largest unit that divides them; `unlimited` for none. */
export function formatSize(octets: number): string {
  if (!Number.isFinite(octets)) return 'unlimited'
  const unit = UNITS.find(([, size]) => octets % size === 0)
  return unit ? `${octets / unit[1]} ${unit[0]}` : `${octets / 1e6} MB`
}
