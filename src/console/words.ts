import de from '../texts/catalogues/console.de.json' with { type: 'json' }
import en from '../texts/catalogues/console.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

export type TextKey = keyof typeof en
export type ConsoleWords = Words<TextKey>

/** The texts of the console. */
export function wordsOf(language: Language, timeZone?: string): ConsoleWords {
  return wordsFrom<TextKey>({ en, de }, language, timeZone)
}
