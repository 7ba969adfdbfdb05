/**
 * Writes one record of the log as people read it on a terminal:
 * `12:03:04.123 info  opened  user=… transport=udp`. Values are quoted where
 * they hold spaces; the record stays one line whatever is in it.
 */
export function formatText(record: Readonly<Record<string, unknown>>, colour: boolean): string {
  const clock = String(record.time).slice(11, 23)
  return `${dim(clock, colour)} ${formatUntimed(record, colour)}`
}

/** The same without the time, for a journal that has one of its own. */
export function formatUntimed(record: Readonly<Record<string, unknown>>, colour = false): string {
  const { level, time: _, msg, ...fields } = record
  const name = String(level)
  const parts = Object.entries(fields).map(([key, value]) => `${dim(key, colour)}=${plain(value)}`)
  const head = `${paint(name, colour)} ${plainMessage(String(msg ?? ''))}`
  return parts.length > 0 ? `${head}  ${parts.join(' ')}\n` : `${head}\n`
}

const COLOURS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 36,
  warn: 33,
  error: 31,
  fatal: 31,
}

function paint(level: string, colour: boolean): string {
  const padded = level.padEnd(5)
  return colour ? `\x1b[${COLOURS[level] ?? 0}m${padded}\x1b[0m` : padded
}

function dim(text: string, colour: boolean): string {
  return colour ? `\x1b[90m${text}\x1b[0m` : text
}

function plainMessage(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r')
}

function plain(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^[^\s"=\\]+$/u.test(value) ? value : JSON.stringify(value)
}

/** A line of the log, read again. `time` is ISO 8601; a text has only the clock, or, in a journal, no time at all. */
export interface ReadLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, string>>
  readonly time?: string
}

/** Reads a line in any form that this log has; undefined for one that is not of it. */
export function readLogLine(line: string): ReadLine | undefined {
  const text = line.replace(/^<[0-7]>/, '')
  if (text.startsWith('{')) return readJson(text)
  const head = /^(?:([0-9:.]{12}) )?(trace|debug|info|warn|error|fatal) +(.*)$/.exec(text)
  if (!head) return undefined
  const [, time, level, rest] = head
  const [message = '', ...parts] = rest!.split(/ {2}(?=[\w-]+=)/)
  const fields = parts.length === 0 ? {} : readFields(parts.join('  '))
  return { level: level!, message, fields, ...(time !== undefined && { time }) }
}

function readFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [, key, quoted, bare] of text.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|(\[.*?\]|\S+))/g)) {
    fields[key!] = quoted === undefined ? (bare ?? '') : unquoted(quoted)
  }
  return fields
}

/** What was quoted; as it stands, where we have not quoted it. */
function unquoted(quoted: string): string {
  try {
    return JSON.parse(`"${quoted}"`) as string
  } catch {
    return quoted
  }
}

function readJson(text: string): ReadLine | undefined {
  try {
    const { level, time, msg, ...fields } = JSON.parse(text) as Record<string, unknown>
    if (typeof level !== 'string') return undefined
    const written = Object.entries(fields).map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ])
    return {
      level,
      message: String(msg ?? ''),
      fields: Object.fromEntries(written),
      ...(typeof time === 'string' && { time }),
    }
  } catch {
    return undefined
  }
}
