import { MESSAGES_DE } from './messages-de.ts'
import { MESSAGES_EN, type MessageKey } from './messages-en.ts'

export type { MessageKey }
export type Language = 'en' | 'de'

const MESSAGES = { en: MESSAGES_EN, de: MESSAGES_DE } as const

/** What is wrong and how to mend it, with the placeholders filled in. */
export function fill(
  key: MessageKey,
  values: Readonly<Record<string, string | number>>,
  language: Language,
): [what: string, mend: string] {
  const [what, mend] = MESSAGES[language][key]
  const insert = (text: string) =>
    text.replaceAll(/\{(\w+)\}/g, (_, name: string) => printable(String(values[name] ?? '')))
  return [insert(what), insert(mend)]
}

export function isMessageKey(text: string): text is MessageKey {
  return Object.hasOwn(MESSAGES_EN, text)
}

/** Values come out of a file; what they hold must not move the cursor of a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?')
}
