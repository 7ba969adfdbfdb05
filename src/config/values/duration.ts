import { succeeded } from '../../base/result.ts'
import type { Seconds } from '../../base/time.ts'
import { notAccepted, type Parsed } from '../fault.ts'

const UNITS: readonly (readonly [names: RegExp, seconds: number])[] = [
  [/^(s|secs?|seconds?)$/, 1],
  [/^(m|mins?|minutes?)$/, 60],
  [/^(h|hours?)$/, 3600],
  [/^(d|days?)$/, 86_400],
  [/^(w|weeks?)$/, 604_800],
]

/** Bounds of a duration, both included, in seconds. */
export interface DurationBounds {
  readonly min: number
  readonly max: number
}

/**
 * Reads `1h`, `90s`, `24 hours` or `1h30m` as whole seconds. A bare number is
 * refused: some programs take it as seconds, some as milliseconds.
 */
export function parseDuration(text: string, bounds: DurationBounds): Parsed<Seconds> {
  const given = text.trim().toLowerCase()
  if (/^[0-9]+$/.test(given)) return notAccepted('duration-without-unit', { given })
  const part = /([0-9]+(?:\.[0-9]+)?) ?([a-z]+) ?/y
  let seconds = 0
  while (part.lastIndex < given.length) {
    const match = part.exec(given)
    const unit = match && UNITS.find(([names]) => names.test(match[2]!))
    if (!unit) return notAccepted('duration', { given: text })
    seconds += Number(match[1]) * unit[1]
    part.lastIndex = match.index + match[0].length
  }
  if (given === '' || !Number.isInteger(seconds)) return notAccepted('duration', { given: text })
  if (seconds < bounds.min)
    return notAccepted('duration-short', { given: text, min: formatDuration(bounds.min) })
  if (seconds > bounds.max)
    return notAccepted('duration-long', { given: text, max: formatDuration(bounds.max) })
  return succeeded(seconds as Seconds)
}

/** Writes seconds in the largest unit that divides them: `1h`, `90s`. */
export function formatDuration(seconds: number): string {
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    if (seconds > 0 && seconds % length === 0) return `${seconds / length}${unit}`
  }
  return `${seconds}s`
}
