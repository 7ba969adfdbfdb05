/** The languages that there is a catalogue for. */
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

/**
 * The first language among the wishes that there is a catalogue for; English if none.
 * A wish is a tag or a locale: `de`, `de-AT`, `de_DE.UTF-8`.
 */
export function chooseLanguage(wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const tag = wish?.toLowerCase().split(/[^a-z]/, 1)[0]
    const language = LANGUAGES.find(one => one === tag)
    if (language) return language
  }
  return 'en'
}
