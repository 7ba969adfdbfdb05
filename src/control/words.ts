import de from '../texts/catalogues/control.de.json' with { type: 'json' }
import en from '../texts/catalogues/control.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

export type ControlKey = keyof typeof en

/** The texts of the API that people read: what is wrong with what they asked for, and what to do. */
export function controlWords(language: Language): Words<ControlKey> {
  return wordsFrom<ControlKey>({ en, de }, language)
}
