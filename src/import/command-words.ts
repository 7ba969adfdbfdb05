import { COTURN_FLAGS, COTURN_OPTIONS } from './coturn/coturn-options.ts'
import type { ImportedLine } from './line.ts'

/** A word of a command line, and the line of the file that it begins in. */
export interface CommandWord {
  readonly text: string
  readonly line: number
}

/** coturn's one-letter options and what they stand for. `c` and `n` say which file to read. */
const LETTERS: Readonly<Record<string, string>> = {
  d: 'listening-device',
  p: 'listening-port',
  L: 'listening-ip',
  i: 'relay-device',
  E: 'relay-ip',
  X: 'external-ip',
  m: 'relay-threads',
  v: 'verbose',
  V: 'Verbose',
  o: 'daemon',
  f: 'fingerprint',
  a: 'lt-cred-mech',
  z: 'no-auth',
  u: 'user',
  r: 'realm',
  b: 'userdb',
  e: 'psql-userdb',
  M: 'mysql-userdb',
  J: 'mongo-userdb',
  N: 'redis-userdb',
  O: 'redis-statsdb',
  q: 'user-quota',
  Q: 'total-quota',
  s: 'max-bps',
  B: 'bps-capacity',
  l: 'log-file',
  S: 'stun-only',
  C: 'rest-api-separator',
  K: 'keep-address-family',
  A: 'allocation-default-address-family',
  c: '-c',
}

/** Splits a text into words as a shell does: white space parts them, quotes and backslashes hold them together. */
export function splitWords(text: string, firstLine: number): CommandWord[] {
  const words: CommandWord[] = []
  let line = firstLine
  let word: { text: string; line: number } | undefined
  let quote = ''
  const add = (part: string) => {
    word ??= { text: '', line }
    word.text += part
  }
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    const next = text[i + 1]
    if (character === '\\' && quote !== "'" && next !== undefined) {
      if (next === '\n') line++
      else add(next)
      i++
    } else if (quote !== '') {
      if (character === quote) quote = ''
      else add(character)
    } else if (character === '"' || character === "'") {
      quote = character
      add('')
    } else if (character === '$' && next === '(') {
      const end = text.indexOf(')', i)
      add(text.slice(i, end < 0 ? undefined : end + 1))
      i = end < 0 ? text.length : end
    } else if (/\s/.test(character)) {
      if (word) words.push(word)
      word = undefined
    } else add(character)
    if (character === '\n') line++
  }
  if (word) words.push(word)
  return words
}

/** Whether a word is an option of coturn: `--realm`, `--realm=x`, with or without a value behind it. */
export function isCoturnOption(word: string): boolean {
  const name = /^--([A-Za-z][\w-]*)(=|$)/.exec(word)?.[1]
  return name !== undefined && Object.hasOwn(COTURN_OPTIONS, name)
}

/** Reads the options of a `turnserver` command line, as getopt does. What is not an option is left out. */
export function readOptions(words: readonly CommandWord[]): ImportedLine[] {
  const lines: ImportedLine[] = []
  for (let i = 0; i < words.length; i++) {
    const { text, line } = words[i]!
    const follows = words[i + 1]?.text
    const takesNext = (key: string) =>
      !COTURN_FLAGS.has(key) && follows !== undefined && !/^-{1,2}[A-Za-z]/.test(follows)
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(text)
    if (long) {
      const key = long[1]!
      if (long[2] === undefined && takesNext(key)) {
        lines.push({ key, value: follows!, line })
        i++
      } else lines.push({ key, value: long[2] ?? '', line })
      continue
    }
    const short = /^-([A-Za-z])(.*)$/s.exec(text)
    if (!short || short[1] === 'n') continue
    const key = LETTERS[short[1]!]
    if (key === undefined) lines.push({ key: text.slice(0, 2), value: '', line })
    else if (COTURN_FLAGS.has(key)) {
      for (const letter of text.slice(1)) {
        if (letter !== 'n') lines.push({ key: LETTERS[letter] ?? `-${letter}`, value: '', line })
      }
    } else if (short[2] !== '') lines.push({ key, value: short[2]!, line })
    else if (takesNext(key)) {
      lines.push({ key, value: follows!, line })
      i++
    } else lines.push({ key, value: '', line })
  }
  return lines
}
