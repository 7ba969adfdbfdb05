import de from '../texts/catalogues/test.de.json' with { type: 'json' }
import en from '../texts/catalogues/test.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

type TestKey = keyof typeof en
export type TestWords = Words<TestKey>

/** The texts of the test page. */
export function testWords(language: Language, timeZone?: string): TestWords {
  return wordsFrom<TestKey>({ en, de }, language, timeZone)
}
