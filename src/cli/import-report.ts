import type { PlainProblem } from '../config/problem.ts'
import type { Fate } from '../import/line.ts'
import { type Io, type Paint, painter } from './io.ts'
import type { CliWords } from './words.ts'

const FATES: readonly Fate[] = ['unsupported', 'unknown', 'taken', 'unneeded']
const COLOUR = { taken: 'green', unneeded: 'dim', unsupported: 'yellow', unknown: 'red' } as const
const INDENT = 8

/** What became of a file; secrets are in no part of it. */
export interface ImportOutcome {
  readonly from: 'coturn' | 'eturnal'
  readonly file: string
  readonly out: string
  readonly valid: boolean
  /** Every setting of the file, in its order. */
  readonly settings: readonly {
    readonly key: string
    readonly line: number
    readonly fate: Fate
    readonly into?: string
    readonly why?: string
  }[]
  readonly remarks: readonly string[]
  /** What has to be filled in by hand. */
  readonly todo: readonly string[]
  /** Why the new configuration is not valid yet. */
  readonly problems: readonly PlainProblem[]
  readonly warnings: readonly string[]
}

/** Writes what became of every setting, the ones that want attention first. */
export function importReport(
  outcome: ImportOutcome,
  words: CliWords,
  { stdout, env }: Pick<Io, 'stdout' | 'env'>,
): string {
  const paint = painter(stdout, env)
  const width = Math.max(40, Math.min(110, stdout.columns ?? 100))
  const lines: string[] = []
  if (outcome.settings.length === 0) lines.push(words.say('import.nothing', { file: outcome.file }), '')
  for (const fate of FATES) {
    const rows = rowsOf(outcome, fate)
    if (rows.length === 0) continue
    const count = rows.reduce((sum, row) => sum + row.lines.length, 0)
    lines.push(paint('bold', `${words.say(`import.fates.${fate}`)} (${count})`))
    for (const row of rows) lines.push(...formatRow(row, fate, words, paint, width))
    lines.push('')
  }
  const todo = [
    ...outcome.todo,
    ...outcome.problems.map(({ path, what, fix }) => `${path === '' ? '' : `${path}: `}${what}; ${fix}`),
  ]
  const lists: readonly (readonly [string, readonly string[]])[] = [
    [words.say('import.remarks'), outcome.remarks],
    [words.say('import.warnings'), outcome.warnings],
    [words.say('import.todo'), todo],
  ]
  for (const [title, items] of lists) {
    if (items.length === 0) continue
    lines.push(paint('bold', `${title} (${items.length})`))
    lines.push(...items.flatMap(item => wrapped(item, width, '  - ', '    ')), '')
  }
  return lines.map(line => `${line}\n`).join('')
}

interface Row {
  readonly key: string
  readonly lines: number[]
  readonly into: string | undefined
  readonly why: string | undefined
}

/** Lines of one option that share their fate and its reason are one row. */
function rowsOf({ settings }: ImportOutcome, fate: Fate): Row[] {
  const rows = new Map<string, Row>()
  for (const { key, line, fate: its, into, why } of settings) {
    if (its !== fate) continue
    const id = JSON.stringify([key, into, why])
    const row = rows.get(id) ?? { key, lines: [], into, why }
    row.lines.push(line)
    rows.set(id, row)
  }
  return [...rows.values()]
}

function formatRow(row: Row, fate: Fate, words: CliWords, paint: Paint, width: number): string[] {
  const number = String(row.lines[0]).padStart(INDENT - 2)
  const into = row.into === undefined ? '' : ` → ${row.into}`
  const more = row.lines.length > 1 ? ` (${words.count('import.lines', row.lines.length)})` : ''
  const head = `${paint('dim', number)}  ${paint(COLOUR[fate], row.key)}${into}${more}`
  const indent = ' '.repeat(INDENT + 2)
  return row.why === undefined ? [head] : [head, ...wrapped(row.why, width, indent, indent)]
}

/** Breaks a text at spaces, the first line with another indent than the rest. */
export function wrapped(text: string, width: number, first: string, rest: string): string[] {
  const lines: string[] = []
  let line = first
  for (const word of text.split(' ')) {
    const isStart = line === first || line === rest
    if (!isStart && line.length + 1 + word.length > width) {
      lines.push(line)
      line = `${rest}${word}`
    } else line = isStart ? `${line}${word}` : `${line} ${word}`
  }
  return [...lines, line]
}
