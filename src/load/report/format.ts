import type { Language } from '../../texts/language.ts'
import type { FigureKey } from './report.ts'

/** Writes a figure as people do, with its unit. */
export function formatFigure(key: FigureKey, value: number, language: Language): string {
  switch (key) {
    case 'calls':
    case 'packetsPerSecond':
    case 'opensPerSecond':
    case 'reordered':
    case 'errors':
    case 'callsPerCore':
      return digits(value, 0, language)
    case 'megabitsPerSecond':
      return `${significant(value, language)} Mbit/s`
    case 'loss':
      return value === 0 ? '0 %' : `${significant(value * 100, language)} %`
    case 'joules':
      return `${significant(value, language)} J/GB`
    case 'openMemory':
      return `${significant(value / 1000, language)} kB`
    case 'serverCpu':
    case 'halfServerCpu':
      return `${digits(value, 2, language)} µs`
    default:
      return formatMicros(value, language)
  }
}

/** Writes microseconds, from a thousand on as milliseconds or seconds. */
export function formatMicros(micros: number, language: Language): string {
  if (micros < 1000) return `${significant(micros, language)} µs`
  return micros < 1e6
    ? `${significant(micros / 1000, language)} ms`
    : `${significant(micros / 1e6, language)} s`
}

/** Writes a ratio: `1.24 ×`. */
export function formatRatio(ratio: number, language: Language): string {
  return `${digits(ratio, 2, language)} ×`
}

/** Writes a count short enough for an axis: `85k`, `1.2M`. */
export function formatShort(value: number, language: Language): string {
  if (value >= 1e6) return `${significant(value / 1e6, language)}M`
  return value >= 1e4 ? `${significant(value / 1e3, language)}k` : significant(value, language)
}

function digits(value: number, count: number, language: Language): string {
  return value.toLocaleString(language, { minimumFractionDigits: count, maximumFractionDigits: count })
}

function significant(value: number, language: Language): string {
  return value >= 1000
    ? digits(value, 0, language)
    : value.toLocaleString(language, { maximumSignificantDigits: 3 })
}
