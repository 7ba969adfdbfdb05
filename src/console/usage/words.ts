import de from '../../texts/catalogues/own.de.json' with { type: 'json' }
import en from '../../texts/catalogues/own.en.json' with { type: 'json' }
import type { Language } from '../../texts/language.ts'
import { type Words, wordsFrom } from '../../texts/words.ts'

export type OwnKey = keyof typeof en
export type OwnWords = Words<OwnKey>

/** The texts of the page about one's own use. */
export function ownWords(language: Language, timeZone?: string): OwnWords {
  return wordsFrom<OwnKey>({ en, de }, language, timeZone)
}
