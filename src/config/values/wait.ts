import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Longer waits are heard: half of a millisecond is below what a network adds, ten are not. */
const LONGEST = 5000

/** Reads `0.5 ms`, `200 us` or `0` as microseconds. */
export function parseWait(text: string): Parsed<number> {
  const given = text.trim()
  if (given === '0') return succeeded(0)
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(ms|us|µs)$/.exec(given)
  if (!match) return notAccepted('wait', { given: text })
  const wait = Math.round(Number(match[1]) * (match[2] === 'ms' ? 1000 : 1))
  return wait > LONGEST
    ? notAccepted('wait-long', { given: text, max: formatWait(LONGEST) })
    : succeeded(wait)
}

/** Writes microseconds as milliseconds. */
export function formatWait(microseconds: number): string {
  return microseconds === 0 ? '0' : `${microseconds / 1000} ms`
}
