export type Language = 'en' | 'de'

/** The language to speak: what the address says, else what was chosen before, else the browser's, else English. */
export function chooseLanguage(
  query: string | null,
  stored: string | null,
  preferred: readonly string[],
): Language {
  for (const wish of [query, stored, ...preferred]) {
    const language = wish?.slice(0, 2).toLowerCase()
    if (language === 'en' || language === 'de') return language
  }
  return 'en'
}
