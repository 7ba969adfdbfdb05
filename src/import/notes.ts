import de from '../texts/catalogues/import.de.json' with { type: 'json' }
import en from '../texts/catalogues/import.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

/** Why a setting was converted, is not needed or is not supported, and what to do instead. */
export type NoteKey = keyof typeof en

/** What fills the placeholders of a note. Never a secret: these are printed. */
export type NoteValues = Readonly<Record<string, string | number>>

/** The notes of an import in one language. */
export function noteWords(language: Language): Words<NoteKey> {
  return wordsFrom<NoteKey>({ en, de }, language)
}
