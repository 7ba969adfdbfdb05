import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type ReadLine, readLogLine } from '../../log/log-text.ts'
import { printable, safeJson } from '../../log/printable.ts'
import { absolute, type CliContext } from '../context.ts'
import { ControlClient, type SocketOptions } from '../control/control-client.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit, type Paint, painter } from '../io.ts'
import { pseudonymOf, wholeNumber } from '../person.ts'

export interface LogsOptions extends SocketOptions {
  readonly file?: string | undefined
  readonly unit: string
  readonly follow: boolean
  readonly lines: string
  readonly since: string
  readonly level: string
  readonly user?: string | undefined
  readonly session?: string | undefined
  readonly json: boolean
}

/** The most important ones last. */
const SHOWN_LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error']
const MOST_LINES = 1_000_000
/** Characters of a message or a value that are shown. */
const LONGEST_VALUE = 4096

/** A line, and when it was written, where the journal says so (milliseconds since the epoch). */
interface LogEntry {
  readonly line: ReadLine
  readonly at: number | undefined
}

/** Shows the log of the relay, from the journal or a file, as people read it. */
export async function logs(options: LogsOptions, context: CliContext): Promise<number> {
  const { io } = context
  const wanted = await filterOf(options, context)
  const most = wholeNumber('lines', options.lines, MOST_LINES, context)
  const paint = painter(io.stdout, io.env)
  const write = (entry: LogEntry) =>
    void io.stdout.write(options.json ? `${safeJson(plainOf(entry))}\n` : shown(entry, context, paint))
  const last: LogEntry[] = []
  const { input, ended } = source(options, context)
  const texts = createInterface({ input })[Symbol.asyncIterator]()
  for (;;) {
    const { value: text, done } = await texts.next().catch(error => {
      throw cannotRead(options, error, context)
    })
    if (done) break
    const entry = options.file === undefined ? fromJournal(text) : fromFile(text)
    if (!entry || !wanted(entry.line)) continue
    if (options.follow) write(entry)
    // What is not shown need not be kept: twice as many at most.
    else if (last.push(entry) >= 2 * most) last.splice(0, most)
  }
  await ended
  for (const entry of last.slice(-most)) write(entry)
  if (!options.follow && last.length === 0) io.stderr.write(`${nothing(options, context)}\n`)
  return Exit.ok
}

/** Why nothing is shown: an empty answer looks like a relay that logs nothing. */
function nothing({ file, unit, since }: LogsOptions, { words }: CliContext): string {
  return file === undefined
    ? words.say('logs.nothing', { unit, since })
    : words.say('logs.nothingInFile', { file })
}

function cannotRead({ file = '' }: LogsOptions, error: NodeJS.ErrnoException, { words }: CliContext) {
  return fileFault('read', file, error, words)
}

/** What is asked for. A person is looked up at the relay only where no pseudonym is given. */
async function filterOf(options: LogsOptions, context: CliContext): Promise<(line: ReadLine) => boolean> {
  const { user, session } = options
  const least = SHOWN_LEVELS.indexOf(options.level)
  const isPseudonym = user === undefined || /^[0-9a-f]{4,32}$/i.test(user)
  const pseudonym = isPseudonym
    ? user?.toLowerCase()
    : await pseudonymOf(user, new ControlClient(options, context), context)
  if (user !== undefined && pseudonym === undefined)
    throw new CommandError(context.words.say('control.noUser', { given: user }), Exit.failed)
  return ({ level, fields }) => {
    if (SHOWN_LEVELS.indexOf(level) < least && level !== 'fatal') return false
    if (session !== undefined && fields.allocation !== session) return false
    return pseudonym === undefined || (fields.user ?? '').toLowerCase().startsWith(pseudonym)
  }
}

interface LogSource {
  readonly input: Readable
  /** Resolves at the end; rejects where the log cannot be read. */
  readonly ended: Promise<void>
}

function source(options: LogsOptions, context: CliContext): LogSource {
  const { file, follow, lines, since, unit } = options
  if (file === '-') return { input: process.stdin, ended: Promise.resolve() }
  if (file !== undefined) {
    const path = absolute(file, context.io)
    if (follow) return programOutput('tail', ['-n', lines, '-F', path], context)
    return { input: createReadStream(path), ended: Promise.resolve() }
  }
  const span = follow ? ['-n', lines, '-f'] : ['--since', `-${since}`]
  return programOutput('journalctl', ['-u', unit, '-o', 'json', '--no-pager', ...span], context)
}

function programOutput(program: string, args: readonly string[], { io, words }: CliContext): LogSource {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  // What follows a log would wait for its next line, and for ever, with nobody to read it.
  io.unread?.addEventListener('abort', () => child.kill(), { once: true })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-500)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const key = error.code === 'ENOENT' ? 'logs.noJournal' : 'logs.failed'
      reject(new CommandError(words.say(key, { program, why: error.code ?? '?' }), Exit.failed))
    })
    child.once('close', code => {
      if (code === 0 || code === null) resolve()
      else reject(new CommandError(words.say('logs.failed', { program, why: complaint.trim() }), Exit.failed))
    })
  })
  ended.catch(() => {})
  return { input: child.stdout, ended }
}

/** A record of `journalctl -o json`; its MESSAGE is an array of octets where it is not UTF-8. */
function fromJournal(text: string): LogEntry | undefined {
  try {
    const { MESSAGE: message, __REALTIME_TIMESTAMP: at } = JSON.parse(text) as Record<string, unknown>
    const line = typeof message === 'string' ? readLogLine(message) : undefined
    return line && { line, at: Number(at) / 1000 }
  } catch {
    return undefined
  }
}

/** A line of a file, with whatever a container or syslog has put in front of it. */
function fromFile(text: string): LogEntry | undefined {
  const line = readLogLine(text) ?? readLogLine(text.slice(Math.max(0, text.indexOf(': ') + 2)))
  const at = line?.time === undefined ? Number.NaN : Date.parse(line.time)
  return line && { line, at: Number.isNaN(at) ? undefined : at }
}

function plainOf({ line: { level, message, fields, time }, at }: LogEntry) {
  const when = at === undefined ? time : new Date(at).toISOString()
  return { ...(when !== undefined && { time: when }), level, message, ...fields }
}

const COLOURS = { trace: 'dim', debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const

/**
 * The hint stands on a line of its own, as it is a sentence. What a file says
 * need not be what the relay has written, so the terminal is told nothing by it.
 */
function shown({ line, at }: LogEntry, { words }: CliContext, paint: Paint): string {
  const { hint, ...fields } = Object.fromEntries(
    Object.entries(line.fields).map(([key, value]) => [printable(key), printable(value, LONGEST_VALUE)]),
  )
  const when = at === undefined ? printable(line.time ?? '') : words.format.dateTime(at)
  const colour = COLOURS[line.level as keyof typeof COLOURS] ?? 'red'
  const values = Object.entries(fields).map(
    ([key, value]) => `${paint('dim', `${key}=`)}${/^[^\s"]+$/.test(value) ? value : JSON.stringify(value)}`,
  )
  const parts = [
    when,
    paint(colour, printable(line.level.padEnd(5))),
    printable(line.message, LONGEST_VALUE),
    values.join(' '),
  ]
  const text = parts.filter(part => part !== '').join('  ')
  return hint === undefined ? `${text}\n` : `${text}\n    ${paint('dim', hint)}\n`
}
