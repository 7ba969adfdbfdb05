import de from '../texts/catalogues/health.de.json' with { type: 'json' }
import en from '../texts/catalogues/health.en.json' with { type: 'json' }
import type { Language } from '../texts/language.ts'
import { waitingWords } from '../texts/waiting.ts'
import { type CountKey, type Words, wordsFrom } from '../texts/words.ts'

type HealthKey = keyof typeof en
export type HealthWords = Words<HealthKey>

/** The texts of what the health of a relay is judged by. */
export function healthWords(language: Language, timeZone?: string): HealthWords {
  return wordsFrom<HealthKey>({ en, de }, language, timeZone)
}

/** A finding as a sentence; one that a newer relay has and this program does not know keeps its English `text`. */
export function healthText({ id, values = {}, text = id }: FindingToSay, words: HealthWords): string {
  const { format, language } = words
  const waiting = waitingWords(language)
  const written = Object.fromEntries(
    Object.entries(values).map(([key, value]): [string, string | Date] => {
      if (typeof value === 'string') return [key, waiting.knows(value) ? waiting.say(value, values) : value]
      if (key === 'share') return [key, format.percent(value)]
      return [key, key === 'at' ? new Date(value) : format.integer(value)]
    }),
  )
  const { n } = values
  if (typeof n === 'number' && words.knows(`${id}.one`))
    return words.count(id as CountKey<HealthKey>, n, written)
  return words.knows(id) ? words.say(id, written) : text
}

interface FindingToSay {
  readonly id: string
  readonly values?: Readonly<Record<string, string | number>>
  readonly text?: string
}

/** What could not be looked at, as a sentence. */
export function uncheckedText(what: string, words: HealthWords): string {
  const key = `unchecked.${what}`
  return words.knows(key) ? words.say(key) : what
}
