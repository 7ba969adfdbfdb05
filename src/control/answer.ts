import type { HttpReply } from '../http/server.ts'
import { chooseLanguage, type Language } from '../texts/language.ts'
import type { Values } from '../texts/words.ts'
import type { ApiError } from './view.ts'
import { type ControlKey, controlWords } from './words.ts'

/** What is answered to a request of the API. */
export interface ApiAnswer extends HttpReply {
  readonly body: unknown
  /** Where it is an error: what `body` says in English. */
  readonly fault?: ApiFault
}

/** Errors: each has a text, and another with `.hint` that says how to fix it. */
export type FaultKey = Extract<ControlKey, HintedKey<ControlKey>>
type HintedKey<K extends string> = K extends `${infer Stem}.hint` ? Stem : never

/** An error, not yet in any language. */
export interface ApiFault {
  readonly key: FaultKey
  readonly values?: Values
}

export function okAnswer(body: unknown): ApiAnswer {
  return { status: 200, body }
}

/** An error response, and how to fix it. */
export function fault(
  status: number,
  key: FaultKey,
  values: Values = {},
  headers?: HttpReply['headers'],
): ApiAnswer {
  const said = { key, values }
  return { status, body: sayFault(said, 'en'), fault: said, ...(headers && { headers }) }
}

/** Says an error in the language of the one who asks (Accept-Language). */
export function inLanguageOf(header: string | undefined, answer: HttpReply & Partial<ApiAnswer>): HttpReply {
  const { fault: said, ...reply } = answer
  return said === undefined ? reply : { ...reply, body: sayFault(said, languageAskedFor(header)) }
}

/** The language that an Accept-Language header asks for. */
export function languageAskedFor(header = ''): Language {
  return chooseLanguage(header.split(',').map(wish => wish.trim()))
}

/** An error in words. */
export function sayFault({ key, values = {} }: ApiFault, language: Language): ApiError {
  const { say } = controlWords(language)
  return { error: say(key, values), hint: say(`${key}.hint`, values) }
}

/** What every answer says to browsers: nothing of it is to be embedded, guessed at or handed on. */
export const SECURITY = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const
