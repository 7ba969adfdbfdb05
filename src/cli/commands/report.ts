import { readFileSync } from 'node:fs'
import type { Costs } from '../../config/schema/costs.ts'
import type { UsageList } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import { reportCsv } from '../../report/csv.ts'
import { figuresOf, peopleOf } from '../../report/figures.ts'
import { reportPage } from '../../report/page.ts'
import { publicFigures } from '../../report/public.ts'
import { overlapping, publish } from '../../report/report-folder.ts'
import { lastSpan, parseSpan, type ReportSpan } from '../../report/span.ts'
import { usageReportWords } from '../../report/words.ts'
import { absolute, type CliContext } from '../context.ts'
import { ControlClient, type SocketOptions } from '../control/control-client.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit } from '../io.ts'

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
  const costs = await costsIn(options, context)
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
    publish(folder, shown, usageReportWords(context.language))
    io.stderr.write(`${words.say('report.published', { folder })}\n`)
    return Exit.ok
  }
  const written = options.public ? shown : figures
  if (options.json) io.stdout.write(`${safeJson(written)}\n`)
  else if (options.csv) io.stdout.write(reportCsv(written))
  else io.stdout.write(reportPage(written, options.public, usageReportWords(context.language)))
  return Exit.ok
}

/** A report of half a month and one of the whole differ by what those used who came in the second half. */
function refuseUnfinished(span: ReportSpan, { words }: CliContext): void {
  if (span.months.at(-1)! >= new Date().toISOString().slice(0, 7))
    throw new CommandError(words.say('report.notOver', { span: span.name }), Exit.refused)
}

function refuseOverlap(folder: string, span: ReportSpan, { words }: CliContext): void {
  const other = overlapping(folder, span)
  if (other !== undefined) throw new CommandError(words.say('report.overlap', { other }), Exit.refused)
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

/** What `--costs` names, or else the configuration. */
async function costsIn(
  { costs, config, socket }: ReportOptions,
  context: CliContext,
): Promise<Costs | undefined> {
  const { io, words } = context
  const { costsPath } = await import('../../config/values/control-paths.ts')
  // A relay that is found by its socket has a configuration of its own.
  const named = costs ?? (socket === undefined ? costsPath(config, io.env, io.cwd) : undefined)
  if (named === undefined) return undefined
  let text: string
  try {
    text = readFileSync(absolute(named, io), 'utf8')
  } catch (error) {
    throw fileFault('read', named, error, words)
  }
  const { parseCosts } = await import('../../config/costs.ts')
  const { ConfigError } = await import('../../config/problem.ts')
  const read = parseCosts(text, named)
  if (!read.ok) throw new ConfigError(read.error)
  return read.value
}
