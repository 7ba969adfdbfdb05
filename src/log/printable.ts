/**
 * Makes text from the network safe for one line of a log: control characters,
 * line separators and the invisible characters that reorder or hide text are
 * written as escapes, and what is longer than `most` characters is cut.
 */
export function printable(text: string, most = 256): string {
  const escaped = text.replace(UNPRINTABLE, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
  return escaped.length > most ? `${escaped.slice(0, most)}…` : escaped
}

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu

/**
 * A value as JSON that gives a terminal no orders: characters that print
 * nothing, or that hide or reorder what stands beside them, are written as
 * escapes, so a program reads the same value.
 */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(NOT_IN_JSON, character =>
    Array.from({ length: character.length }, (_, i) => escaped(character.charCodeAt(i))).join(''),
  )
}

/** A value of JSON with every text in it as a terminal may show it; see `printable`. */
export function safeTexts<T>(value: T): T {
  return safe(value) as T
}

function safe(value: unknown): unknown {
  if (typeof value === 'string') return printable(value, Number.POSITIVE_INFINITY)
  if (Array.isArray(value)) return value.map(safe)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, safe(inner)]))
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

/** All but line feeds, which JSON has between its lines and never within a text. */
const NOT_IN_JSON = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu
