import de from '../../texts/catalogues/config.de.json' with { type: 'json' }
import en from '../../texts/catalogues/config.en.json' with { type: 'json' }
import type { Language } from '../../texts/language.ts'
import { type Values, type Words, wordsFrom } from '../../texts/words.ts'

type ConfigKey = keyof typeof en

/** What can be wrong with a configuration: `KEY.what` in the catalogue says it, `KEY.fix` what to do. */
export type MessageKey = ConfigKey extends infer K ? (K extends `${infer Name}.what` ? Name : never) : never

/** What is wrong and how to fix it, with the placeholders filled in. */
export function fill(key: MessageKey, values: Values, language: Language): [what: string, fix: string] {
  const { say } = WORDS[language]
  return [say(`${key}.what`, values), say(`${key}.fix`, values)]
}

export function isMessageKey(text: string): text is MessageKey {
  return Object.hasOwn(en, `${text}.what`)
}

const WORDS: Readonly<Record<Language, Words<ConfigKey>>> = {
  en: wordsFrom<ConfigKey>({ en, de }, 'en'),
  de: wordsFrom<ConfigKey>({ en, de }, 'de'),
}
