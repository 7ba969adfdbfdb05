import de from '../texts/catalogues/notify.de.json' with { type: 'json' }
import en from '../texts/catalogues/notify.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

type NotifyKey = keyof typeof en
export type NotifyWords = Words<NotifyKey>

/** The texts around the findings of a notification. */
export function notifyWords(language: Language): NotifyWords {
  return wordsFrom<NotifyKey>({ en, de }, language)
}
