import runningDe from './catalogues/running.de.json' with { type: 'json' }
import runningEn from './catalogues/running.en.json' with { type: 'json' }
import waitingDe from './catalogues/waiting.de.json' with { type: 'json' }
import waitingEn from './catalogues/waiting.en.json' with { type: 'json' }
import type { Language } from './language.ts'
import { type Value, type Words, wordsFrom } from './words.ts'

export type RunningKey = keyof typeof runningEn | keyof typeof waitingEn

/** What stands inside another sentence: a text of the catalogue, or words without a translation, such as an errno. */
export type RunningPart = RunningText | string

/**
 * What a running relay says, not yet in any language: plain data, so that a worker thread can hand it over.
 * A value may be such a text itself.
 */
export interface RunningText {
  readonly key: RunningKey
  readonly values?: Readonly<Record<string, Value | RunningText>>
}

const CATALOGUES = { en: { ...runningEn, ...waitingEn }, de: { ...runningDe, ...waitingDe } }
const opened = new Map<Language, Words<RunningKey>>()

/** The texts of a relay that starts and runs: its banner, why it does not start, and what its log advises. */
export function runningWords(language: Language): Words<RunningKey> {
  let words = opened.get(language)
  if (!words) opened.set(language, (words = wordsFrom<RunningKey>(CATALOGUES, language)))
  return words
}

/** Writes what stands inside another sentence, or alone. */
export function sayPart(part: RunningPart, language: Language): string {
  return typeof part === 'string' ? part : sayRunning(part, language)
}

/** Writes a text as a sentence. */
export function sayRunning({ key, values = {} }: RunningText, language: Language): string {
  const said = Object.entries(values).map(([name, value]): [string, Value] => [
    name,
    typeof value === 'object' && 'key' in value ? sayRunning(value, language) : value,
  ])
  return runningWords(language).say(key, Object.fromEntries(said))
}
