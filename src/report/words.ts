import de from '../texts/catalogues/report.de.json' with { type: 'json' }
import en from '../texts/catalogues/report.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Words, wordsFrom } from '../texts/words.ts'

export type UsageReportKey = keyof typeof en
export type UsageReportWords = Words<UsageReportKey>

/** The texts of reports. Their days are those of UTC, wherever they are read. */
export function usageReportWords(language: Language): UsageReportWords {
  return wordsFrom<UsageReportKey>({ en, de }, language, 'UTC')
}
