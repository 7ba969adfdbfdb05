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
