import type { Language } from '../config/messages/messages.ts'
import { DE } from './notes-de.ts'
import { EN, type NoteKey } from './notes-en.ts'

export type { NoteKey }

/** What fills the placeholders of a note. Never a secret: these are printed. */
export type Values = Readonly<Record<string, string | number>>

const NOTES = { en: EN, de: DE } as const

/** Writes a note with its placeholders filled in. */
export function say(note: { readonly key: NoteKey; readonly values: Values }, language: Language): string {
  return NOTES[language][note.key].replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    String(note.values[name] ?? '').replaceAll(/\p{Cc}/gu, '?'),
  )
}
