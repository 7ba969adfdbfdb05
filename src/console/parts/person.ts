import type { ConsoleContext } from '../context.ts'

/** Digits of a pseudonym that tell people apart at a glance. */
const SHORT = 8

/** A name where names are shown, else the beginning of the pseudonym. */
export function personName(pseudonym: string, { words, names }: ConsoleContext): string {
  if (pseudonym === '') return words.say('user.nobody')
  return names.user(pseudonym) ?? pseudonym.slice(0, SHORT)
}
