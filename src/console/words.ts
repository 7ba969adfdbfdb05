import { Format } from './format.ts'
import type { Language } from './language.ts'
import { DE } from './texts-de.ts'
import { EN, type TextKey } from './texts-en.ts'

export type { TextKey }

const TEXTS: Readonly<Record<Language, Readonly<Record<TextKey, string>>>> = { en: EN, de: DE }

/** Keys that come as two, `….one` and `….other`. */
export type CountKey = TextKey extends infer K ? (K extends `${infer Stem}.one` ? Stem : never) : never

/** Everything that is said in one language. */
export interface Words {
  readonly language: Language
  readonly format: Format
  /** A text with its placeholders filled in. */
  say(key: TextKey, values?: Readonly<Record<string, string>>): string
  /** A text that depends on a number; `{n}` is the number, formatted. */
  count(key: CountKey, n: number): string
  /** True for a text that exists; for keys made of a word that the relay sent. */
  knows(key: string): key is TextKey
}

/** Makes the words of a language. */
export function wordsOf(language: Language, timeZone?: string): Words {
  const texts = TEXTS[language]
  const format = new Format(language, timeZone)
  const plural = new Intl.PluralRules(language)
  const say: Words['say'] = (key, values = {}) =>
    texts[key].replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
  return {
    language,
    format,
    say,
    count: (key, n) =>
      say(`${key}.${plural.select(n) === 'one' ? 'one' : 'other'}` as TextKey, { n: format.integer(n) }),
    knows: (key): key is TextKey => Object.hasOwn(texts, key),
  }
}
