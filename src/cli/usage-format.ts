import { csvLine } from '../base/csv.ts'
import { MEASURES } from '../base/measures.ts'
import type { UsageList } from '../control/view.ts'
import type { Paint } from './io.ts'
import type { CliWords } from './words.ts'

type UsageLine = UsageList['rows'][number]

const KEYS = ['homeserver', 'user', 'transport', 'family'] as const

/** Use as a table for a terminal. */
export function usageLines(
  rows: readonly UsageLine[],
  by: 'hour' | 'day' | 'month' | 'all',
  words: CliWords,
  paint: Paint,
): string[] {
  const { format } = words
  const keys = KEYS.filter(key => rows.some(row => row[key] !== undefined))
  const head = [
    ...(by === 'all' ? [] : [words.say('usage.columns.start')]),
    ...keys.map(key => words.say(`usage.columns.${key}`)),
    words.say('usage.columns.toPeer'),
    words.say('usage.columns.toClient'),
    words.say('usage.columns.allocations'),
    words.say('usage.columns.hours'),
    words.say('usage.columns.refusals'),
  ]
  const lines = rows.map(row => [
    ...(by === 'all' ? [] : [spanText(row.start, by)]),
    ...keys.map(key => keyText(row, key)),
    format.bytes(row.bytesToPeer),
    format.bytes(row.bytesToClient),
    format.integer(row.allocations),
    format.decimal(row.milliseconds / 3_600_000, 1),
    format.integer(row.refusals),
  ])
  const texts = head.length - 5
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map(line => line[i]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i < texts ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [paint('dim', line(head)), ...lines.map(line)]
}

/** The same figures for a spreadsheet (RFC 4180). */
export function csvOf(rows: readonly UsageLine[]): string {
  const keys = KEYS.filter(key => rows.some(row => row[key] !== undefined))
  const columns = [...keys, ...MEASURES]
  const lines = rows.map(row => [
    new Date(row.start * 1000).toISOString(),
    ...columns.map(column => row[column]),
  ])
  return [['start', ...columns], ...lines].map(csvLine).join('')
}

function keyText(row: UsageLine, key: (typeof KEYS)[number]): string {
  const value = row[key]
  if (key === 'family') return value ? `IPv${value}` : '–'
  return value === '' || value === undefined ? '–' : String(value)
}

/** As `--from` takes it, of UTC. */
function spanText(start: number, by: 'hour' | 'day' | 'month'): string {
  const length = { hour: 13, day: 10, month: 7 }[by]
  return new Date(start * 1000).toISOString().slice(0, length)
}
