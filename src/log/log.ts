import { type Logger, pino, stdTimeFunctions } from 'pino'
import type { Language } from '../texts/language.ts'
import { type RunningText, sayRunning } from '../texts/running.ts'
import { DescriptorSink, type LogGap } from './descriptor-sink.ts'
import { FloodGate } from './flood-gate.ts'
import { leadsToJournal, priorityPrefix } from './journald.ts'
import type { LogFormat, LogLevel, WritingLevel } from './level.ts'
import { formatText, formatUntimed } from './log-text.ts'
import { printable } from './printable.ts'

/** Values that a line may carry. Strings are escaped and cut on their way out, texts said in the log's language. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | undefined | readonly string[] | RunningText>
>

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Of hints and sentences; what programs look for, the words of events and fields, stays English. */
  readonly language?: Language
  /** Where lines go instead of stderr. */
  readonly sink?: Sink
  readonly now?: () => number
  /** True where lines go to the journal of systemd; found out unless said. */
  readonly isJournal?: boolean
}

/**
 * The log: one line per event, a message of a word or a sentence and fields
 * beside it. Every string passes `printable`, so nothing that came from the
 * network can forge a line or steer a terminal.
 */
export class Log {
  readonly #pino: Logger
  readonly #sink: Sink
  readonly #now: () => number
  readonly #gate = new FloodGate()
  readonly #language: Language

  constructor(options: LogOptions) {
    this.#language = options.language ?? 'en'
    // A wall clock that is set back would hold lines back until it has caught up.
    this.#now = options.now ?? (() => performance.now())
    const sink =
      options.sink ?? stderrSink(gap => this.warn('the log could not be written for a while', { ...gap }))
    const isJournal = options.isJournal ?? (options.sink === undefined && leadsToJournal(process.env, 2))
    const isText = isJournal || isTerminal(options)
    const text = options.format === 'text' || (options.format === 'auto' && isText)
    if (isJournal) this.#sink = journalSink(sink, text)
    else this.#sink = text ? textSink(sink, isTerminal(options) && !process.env.NO_COLOR) : sink
    this.#pino = pino(
      {
        level: options.level,
        base: null,
        timestamp: options.now
          ? () => `,"time":"${new Date(this.#now()).toISOString()}"`
          : stdTimeFunctions.isoTime,
        formatters: { level: label => ({ level: label }) },
        redact: { paths: SECRETS, censor: '[redacted]' },
      },
      { write: line => void this.#sink.write(line) },
    )
  }

  configure(level: LogLevel): void {
    this.#pino.level = level
  }

  isWritten(level: WritingLevel): boolean {
    return this.#pino.isLevelEnabled(level)
  }

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields)
  }

  warn(message: string | RunningText, fields?: LogFields): void {
    this.write('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields)
  }

  write(level: WritingLevel, message: string | RunningText, fields: LogFields = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return
    const said = typeof message === 'string' ? message : sayRunning(message, this.#language)
    this.#pino[level](clean(fields, this.#language), printable(said, 1024))
  }

  /**
   * Writes a line of which there may be many: of each kind only the first few
   * in ten seconds appear, the rest as one line that counts them. `kind` must
   * come from a fixed set. `fields` is called only for a line that appears.
   */
  limited(kind: string, level: WritingLevel, message: string, fields: () => LogFields = () => ({})): void {
    if (!this.#pino.isLevelEnabled(level)) return
    if (this.#gate.pass(kind, this.#now())) this.write(level, message, fields())
  }

  /** Counts lines that `limited` would have held back, had it been asked about each. */
  hold(kind: string, level: WritingLevel, count: number): void {
    if (this.#pino.isLevelEnabled(level)) this.#gate.hold(kind, count, this.#now())
  }

  /** Writes what `limited` held back. To be called once a second. */
  tick(): void {
    for (const { key, count } of this.#gate.sweep(this.#now())) {
      this.write('info', 'suppressed', { lines: key, count })
    }
  }

  /**
   * Brings everything written so far to its destination and calls `done`, or
   * gives up on a reader that has stalled. What is logged afterwards is lost.
   */
  close(done: () => void): void {
    this.#pino.level = 'silent'
    if (this.#sink.close) this.#sink.close(done)
    else done()
  }
}

/** Characters of a text of ours, whose values may be long. */
const LONGEST_HINT = 1024

/** Field names that never reach the log whatever they hold; none is ever passed on purpose. */
const SECRETS = ['secret', 'secrets', 'password', 'key', 'token', 'credential']

/** Where lines go in the end. */
export interface Sink {
  write(line: string): unknown
  close?(done: () => void): void
}

function textSink(sink: Sink, colour: boolean): Sink {
  return { ...sink, write: line => sink.write(formatText(JSON.parse(line), colour)) }
}

/** The journal has a time of its own, and takes the priority from the beginning of a line. */
function journalSink(sink: Sink, text: boolean): Sink {
  return {
    ...sink,
    write: line => {
      const record = JSON.parse(line) as { readonly level: string }
      sink.write(priorityPrefix(record.level) + (text ? formatUntimed({ ...record }) : line))
    },
  }
}

/** Standard error, with a last try to write what waits when the process exits by a fault. */
function stderrSink(resumed: (gap: LogGap) => void): Sink {
  const sink = new DescriptorSink({ descriptor: 2, resumed })
  process.once('exit', () => sink.flushSync())
  return { write: line => sink.write(line), close: done => sink.close(done) }
}

function isTerminal(options: LogOptions): boolean {
  return options.sink === undefined && process.stderr.isTTY === true
}

function clean(fields: LogFields, language: Language): Record<string, unknown> {
  const cleaned: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (typeof value === 'string') cleaned[name] = printable(value)
    else if (typeof value !== 'object') cleaned[name] = value
    else if ('key' in value) cleaned[name] = printable(sayRunning(value, language), LONGEST_HINT)
    else cleaned[name] = value.map(text => printable(text))
  }
  return cleaned
}
