import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { csvLine } from '../../base/csv.ts'
import type { UsageList } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import { absolute, type CliContext } from '../context.ts'
import { ControlClient, type SocketOptions } from '../control/control-client.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit } from '../io.ts'
import { type Costs, parseCosts } from '../report/costs.ts'
import {
  figuresOf,
  lastSpan,
  parseSpan,
  peopleOf,
  type ReportFigures,
  type ReportSpan,
} from '../report/figures.ts'
import { reportPage } from '../report/page.ts'
import { publicFigures } from '../report/public.ts'

/** Milliseconds: months of use take a while to be added up. */
const PATIENCE = 120_000
/** People that a report can be of. */
const MOST = 20_000

export interface ReportOptions extends SocketOptions {
  readonly month?: string | undefined
  readonly quarter?: string | undefined
  readonly costs?: string | undefined
  readonly public: boolean
  readonly publish?: string | undefined
  readonly csv: boolean
  readonly json: boolean
}

/** Writes what was used in a month or a quarter, and what it cost. */
export async function usageReport(options: ReportOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const span = spanOf(options, context)
  if (options.public || options.publish !== undefined) refuseUnfinished(span, context)
  const costs = options.costs === undefined ? undefined : readCosts(options.costs, context)
  const client = new ControlClient(options, context)
  const [from, to] = [span.months[0]!, span.months.at(-1)!]
  const sums = await client.get<UsageList>(`/usage/report?from=${from}&to=${to}&limit=${MOST}`, PATIENCE)
  if (sums.more)
    throw new CommandError(words.say('report.tooMany', { count: words.format.integer(MOST) }), Exit.failed)
  const byDay = sums.rows.filter(({ user }) => user === undefined)
  const byUser = sums.rows.filter(({ user }) => user !== undefined)
  const figures = figuresOf(span, byDay, byUser, costs)
  const shown = publicFigures(figures, peopleOf(byUser))
  if (options.publish !== undefined) {
    const folder = absolute(options.publish, io)
    refuseOverlap(folder, span, context)
    publish(folder, shown, context)
    io.stderr.write(`${words.say('report.published', { folder })}\n`)
    return Exit.ok
  }
  const written = options.public ? shown : figures
  if (options.json) io.stdout.write(`${safeJson(written)}\n`)
  else if (options.csv) io.stdout.write(csvOf(written))
  else io.stdout.write(reportPage(written, options.public, words))
  return Exit.ok
}

/** A report of half a month and one of the whole differ by what those used who came in the second half. */
function refuseUnfinished(span: ReportSpan, { words }: CliContext): void {
  if (span.months.at(-1)! >= new Date().toISOString().slice(0, 7))
    throw new CommandError(words.say('report.notOver', { span: span.name }), Exit.refused)
}

/** A quarter less two of its months is the third one, which may be of too few people to be public. */
function refuseOverlap(folder: string, { name, months }: ReportSpan, { words }: CliContext): void {
  const other = publishedIn(folder).find(
    published => published !== name && parseSpan(published)?.months.some(month => months.includes(month)),
  )
  if (other !== undefined) throw new CommandError(words.say('report.overlap', { other }), Exit.refused)
}

/** The spans whose reports are in a folder. */
function publishedIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap(name => /^(\d{4}-(?:\d{2}|Q[1-4]))\.html$/.exec(name)?.[1] ?? [])
}

/** Puts the public report where a web server finds it, as page, JSON and CSV, and a list of all beside them. */
function publish(folder: string, figures: ReportFigures, { words }: CliContext): void {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string) => {
    const draft = join(folder, `.${name}.${process.pid}`)
    // The owner of the folder may have put a link in its place, to a file of somebody else.
    rmSync(draft, { force: true })
    writeFileSync(draft, text, { mode: 0o644, flag: 'wx' })
    renameSync(draft, join(folder, name))
  }
  write(`${figures.span}.html`, reportPage(figures, true, words))
  write(`${figures.span}.json`, `${safeJson(figures)}\n`)
  write(`${figures.span}.csv`, csvOf(figures))
  const links = publishedIn(folder)
    .sort()
    .reverse()
    .map(span => `<li><a href="${span}.html">${span}</a></li>`)
  const title = words.say('report.list')
  write(
    'index.html',
    `<!doctype html>\n<html lang="${words.language}">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n<title>${title}</title>\n<main>\n<h1>${title}</h1>\n<ul>${links.join('')}</ul>\n</main>\n</html>\n`,
  )
}

/** A line for each figure: what it is, of what, and how much. */
function csvOf({ total, homeservers, days, money }: ReportFigures): string {
  const shares = [{ name: '', ...total }, ...homeservers].flatMap(({ name, octets, people, hours }) => {
    const of = name === '' ? 'total' : 'homeserver'
    return [
      [of, name, 'bytes', octets],
      [of, name, 'people', people],
      [of, name, 'hours', Number(hours.toFixed(1))],
    ]
  })
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

function spanOf({ month, quarter }: ReportOptions, { words }: CliContext): ReportSpan {
  if (month !== undefined && quarter !== undefined)
    throw new CommandError(words.say('report.oneOf'), Exit.usage)
  const given = quarter ?? month ?? ''
  if (given === '') return lastSpan(quarter === undefined ? 'month' : 'quarter', new Date())
  const span = parseSpan(given)
  if (!span || (quarter !== undefined) !== (span.months.length === 3))
    throw new CommandError(words.say('report.badSpan', { given }), Exit.usage)
  return span
}

function readCosts(path: string, { io, words }: CliContext): Costs {
  let text: string
  try {
    text = readFileSync(absolute(path, io), 'utf8')
  } catch (error) {
    throw fileFault('read', path, error, words)
  }
  const read = parseCosts(text, words)
  if (read.ok) return read.value
  const lines = read.error.map(why => words.say('report.badCosts', { file: path, why }))
  throw new CommandError(lines.join('\n'), Exit.config)
}
