import de from '../../texts/catalogues/setup.de.json' with { type: 'json' }
import en from '../../texts/catalogues/setup.en.json' with { type: 'json' }
import type { Language } from '../../texts/language.ts'
import { type Words, wordsFrom } from '../../texts/words.ts'

export type SetupKey = keyof typeof en
export type SetupWords = Words<SetupKey>

/** The texts of the set-up page. */
export function setupWords(language: Language, timeZone?: string): SetupWords {
  return wordsFrom<SetupKey>({ en, de }, language, timeZone)
}
