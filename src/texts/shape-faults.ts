import { z } from 'zod'
import type { Language } from './language.ts'

const FAULTS = { en: z.locales.en, de: z.locales.de } as const

/** Options for `parse` and `safeParse` of a schema, with which it says in this language what is wrong. */
export function shapeFaults(language: Language): { readonly error: z.core.$ZodErrorMap } {
  return { error: FAULTS[language]().localeError }
}
