import { Format } from './format.ts'
import type { Language } from './language.ts'

/** What fills a placeholder. A `Date` is written as a date and time with its zone. */
export type Value = string | number | Date
export type Values = Readonly<Record<string, Value | undefined>>

/** All texts of one language by key, as the JSON file has them. */
export type Catalogue<K extends string> = Readonly<Record<K, string>>

/** Keys of texts that depend on a number: in the catalogue they end in `.one` and `.other`. */
export type CountKey<K extends string> = K extends `${infer Stem}.one` ? Stem : never

/** A catalogue in one language. */
export interface Words<K extends string> {
  readonly language: Language
  readonly format: Format
  /** The text with its placeholders filled in. */
  say(key: K, values?: Values): string
  /** The text for `n` things, chosen by the plural rules of the language; `{n}` is the formatted number. */
  count(key: CountKey<K>, n: number, values?: Values): string
  /** Whether the catalogue has this key; for keys that are made of a word from outside. */
  knows(key: string): key is K
}

/** By language and time zone. Making one takes milliseconds. */
const formats = new Map<string, Format>()

function formatOf(language: Language, timeZone: string | undefined): Format {
  const key = `${language} ${timeZone ?? ''}`
  let format = formats.get(key)
  if (!format) formats.set(key, (format = new Format(language, timeZone)))
  return format
}

/** By language. */
const plurals = new Map<Language, Intl.PluralRules>()

function pluralOf(language: Language): Intl.PluralRules {
  let plural = plurals.get(language)
  if (!plural) plurals.set(language, (plural = new Intl.PluralRules(language)))
  return plural
}

/** Opens a catalogue in one language. Dates are written in `timeZone`; default: that of this machine. */
export function wordsFrom<K extends string>(
  catalogues: Readonly<Record<Language, Catalogue<K>>>,
  language: Language,
  timeZone?: string,
): Words<K> {
  const texts = catalogues[language]
  const format = formatOf(language, timeZone)
  const plural = pluralOf(language)
  const say: Words<K>['say'] = (key, values = {}) => fill(texts[key], values, format)
  return {
    language,
    format,
    say,
    count: (key, n, values) => {
      const form = plural.select(n) === 'one' ? 'one' : 'other'
      return say(`${key}.${form}` as K, { ...values, n: format.integer(n) })
    },
    knows: (key): key is K => Object.hasOwn(texts, key),
  }
}

/** `{name}` is a placeholder, `{{` and `}}` are braces. A placeholder without a value stays as it is. */
function fill(text: string, values: Values, format: Format): string {
  return text.replaceAll(/\{\{|\}\}|\{(\w+)\}/g, (found, name: string | undefined) => {
    if (name === undefined) return found[0]!
    const value = values[name]
    return value === undefined ? found : written(value, format)
  })
}

/**
 * Values may come from strangers, so control characters, which move the cursor of a terminal, and those that hide or
 * reorder what stands beside them are replaced.
 */
function written(value: Value, format: Format): string {
  if (value instanceof Date) return format.dateTime(value.getTime())
  if (typeof value === 'number') return format.plain(value)
  return value.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?')
}
