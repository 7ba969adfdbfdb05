import { Format } from './format.ts'
import type { Language } from './language.ts'
import { CONSOLE_DE } from './texts-de.ts'
import { CONSOLE_EN, type TextKey } from './texts-en.ts'

export type { TextKey }

/** Keys that come as two, `….one` and `….other`. */
export type CountKey<K extends string = TextKey> = K extends `${infer Stem}.one` ? Stem : never

/** Everything that is said in one language. */
export interface ConsoleWords<K extends string = TextKey> {
  readonly language: Language
  readonly format: Format
  /** A text with its placeholders filled in. */
  say(key: K, values?: Readonly<Record<string, string>>): string
  /** A text that depends on a number; `{n}` is the number, formatted. */
  count(key: CountKey<K>, n: number): string
  /** True for a text that exists; for keys made of a word that the relay sent. */
  knows(key: string): key is K
}

/** The words of the console. */
export function wordsOf(language: Language, timeZone?: string): ConsoleWords {
  return wordsFrom({ en: CONSOLE_EN, de: CONSOLE_DE }, language, timeZone)
}

/** The words of a catalogue. */
export function wordsFrom<K extends string>(
  catalogues: Readonly<Record<Language, Readonly<Record<K, string>>>>,
  language: Language,
  timeZone?: string,
): ConsoleWords<K> {
  const texts = catalogues[language]
  const format = new Format(language, timeZone)
  const plural = new Intl.PluralRules(language)
  const say: ConsoleWords<K>['say'] = (key, values = {}) =>
    texts[key].replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
  return {
    language,
    format,
    say,
    count: (key, n) =>
      say(`${key}.${plural.select(n) === 'one' ? 'one' : 'other'}` as K, { n: format.integer(n) }),
    knows: (key): key is K => Object.hasOwn(texts, key),
  }
}
