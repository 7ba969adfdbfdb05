import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/**
 * Octets a second below which a rate is a mistake. A payload larger than one
 * second's worth never passes, and this lets the largest Ethernet frames (9000
 * octets) through. Calls send 1500 at the most.
 */
const LEAST = 10_000
const PREFIX: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

/**
 * Reads `2 Mbit/s`, `500 kbit/s` or `1 MB/s` as octets a second; `unlimited`
 * gives Infinity. A small b means bits and a capital B octets, as everywhere.
 */
export function parseRate(text: string): Parsed<number> {
  const given = text.trim()
  if (given.toLowerCase() === 'unlimited') return succeeded(Number.POSITIVE_INFINITY)
  if (/^[0-9.]+$/.test(given)) return notAccepted('rate-without-unit', { given })
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([kKmMgG]?)(bit|byte|b|B)(?:\/s|ps)$/.exec(given)
  if (!match) return notAccepted('rate', { given: text })
  const [, number, prefix, unit] = match
  const octets = unit === 'B' || unit === 'byte' ? 1 : 1 / 8
  const rate = Math.round(Number(number) * PREFIX[prefix!.toLowerCase()]! * octets)
  return rate < LEAST ? notAccepted('rate-small', { given: text, min: formatRate(LEAST) }) : succeeded(rate)
}

/** Writes octets a second as bits, in the largest unit that divides them; `unlimited` for none. */
export function formatRate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined || bytesPerSecond === Number.POSITIVE_INFINITY) return 'unlimited'
  const bits = bytesPerSecond * 8
  if (bits % 1e9 === 0) return `${bits / 1e9} Gbit/s`
  if (bits % 1e6 === 0) return `${bits / 1e6} Mbit/s`
  return bits % 1e3 === 0 ? `${bits / 1e3} kbit/s` : `${bits} bit/s`
}
