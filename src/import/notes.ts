import type { Language } from '../config/messages/messages.ts'
import { NOTES_DE } from './notes-de.ts'
import { NOTES_EN, type NoteKey } from './notes-en.ts'

export type { NoteKey }

/** What fills the placeholders of a note. Never a secret: these are printed. */
export type NoteValues = Readonly<Record<string, string | number>>

const NOTES = { en: NOTES_EN, de: NOTES_DE } as const

/** Writes a note with its placeholders filled in. */
export function say(
  note: { readonly key: NoteKey; readonly values: NoteValues },
  language: Language,
): string {
  return NOTES[language][note.key].replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    String(note.values[name] ?? '').replaceAll(/\p{Cc}/gu, '?'),
  )
}
