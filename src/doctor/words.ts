import { parseIp } from '../base/address.ts'
import de from '../texts/catalogues/doctor.de.json' with { type: 'json' }
import en from '../texts/catalogues/doctor.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { type Values, type Words, wordsFrom } from '../texts/words.ts'
import type { FindingId } from './kinds.ts'

type DoctorKey = keyof typeof en

/** A finding in words. Parts that its kind does not have are absent. */
export interface FindingText {
  /** What it is about in a few words. */
  readonly title: string
  /** What is wrong. */
  readonly problem?: string
  /** What users notice. */
  readonly effect?: string
  readonly fix?: string
  /** What was not looked at, or is not promised, although nothing is wrong; for the end of the report. */
  readonly gap?: string
}

const PARTS = ['title', 'problem', 'effect', 'fix', 'gap'] as const

/** Puts a finding into words. */
export function findingText(id: FindingId, values: Values, language: Language): FindingText {
  const words = wordsFrom<DoctorKey>({ en, de }, language)
  const all = { ...values, ...formValues(values.form, words) }
  const parts = PARTS.flatMap(part => {
    const key = `${id}.${part}`
    if (!words.knows(key)) return []
    const text = words.say(key, all)
    const isForName =
      text.includes('certbot certonly') &&
      parseIp(String(values.host).replace(/^\[(.*)\]$/, '$1')) !== undefined
    return [[part, isForName ? words.say('certificate-for-address', all) : text]]
  })
  return Object.fromEntries(parts)
}

/** For a mangled secret: what happened to it, and what to do about that. */
function formValues(form: Values[string], words: Words<DoctorKey>): Values {
  const [problem, fix] = [`form.${form}.problem`, `form.${form}.fix`]
  if (!words.knows(problem) || !words.knows(fix)) return {}
  return { formText: words.say(problem), formFix: words.say(fix) }
}
