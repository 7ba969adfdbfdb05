import de from './catalogues/waiting.de.json' with { type: 'json' }
import en from './catalogues/waiting.en.json' with { type: 'json' }
import type { Language } from './language.ts'
import { type Words, wordsFrom } from './words.ts'

type WaitingKey = keyof typeof en

/** An address that new calls wait for, and why it is not there. */
export interface WaitingText {
  readonly key: WaitingKey
  readonly values: Readonly<Record<string, string | number>>
}

/** The texts of what new calls wait for; apart from those of a running relay, since the console says them too. */
export function waitingWords(language: Language): Words<WaitingKey> {
  return wordsFrom<WaitingKey>({ en, de }, language)
}
