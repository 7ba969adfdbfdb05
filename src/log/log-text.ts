/**
 * Writes one record of the log as people read it on a terminal:
 * `12:03:04.123 info  opened  user=… transport=udp`. Values are quoted where
 * they hold spaces; the record stays one line whatever is in it.
 */
export function formatText(record: Readonly<Record<string, unknown>>, colour: boolean): string {
  const { level, time, msg, ...fields } = record
  const name = String(level)
  const clock = String(time).slice(11, 23)
  const parts = Object.entries(fields).map(([key, value]) => `${dim(key, colour)}=${plain(value)}`)
  const head = `${dim(clock, colour)} ${paint(name, colour)} ${plainMessage(String(msg ?? ''))}`
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
