import type { ImportedLine } from '../line.ts'

/**
 * Reads the lines of a turnserver.conf as coturn does: the name ends at the
 * first space, tab or equals sign, `#` begins a comment at the start of a line
 * only, and a value may stand in quotes. Takes any text.
 */
export function readCoturnLines(text: string): ImportedLine[] {
  const lines: ImportedLine[] = []
  for (const [i, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const trimmed = raw.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const match = /^([^\s=]*)[\s=]*(.*)$/s.exec(trimmed)
    if (!match) continue
    lines.push({ key: match[1]!, value: unquoted(match[2]!), line: i + 1 })
  }
  return lines
}

function unquoted(value: string): string {
  const trimmed = value.trim()
  if (!trimmed.startsWith('"')) return trimmed
  return trimmed.slice(1).replace(/"$/, '')
}

/** False for what coturn takes as false; a flag without a value is true. */
export function isOn(value: string): boolean {
  return !/^(0|n|f|off)/i.test(value)
}

/** The whole number that a value begins with, as C's `atoi` reads it; undefined where it begins with none. */
export function leadingNumber(value: string): number | undefined {
  const digits = /^[0-9]{1,15}/.exec(value.trim())?.[0]
  return digits === undefined ? undefined : Number(digits)
}

/** The value up to the first white space, for what never holds any. */
export function firstWord(value: string): string {
  return value.trim().split(/\s/, 1)[0] ?? ''
}
