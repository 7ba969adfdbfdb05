import type { NoteKey, NoteValues } from './notes.ts'

/** One setting of the file that is read: its name, its value, and the line it begins in. */
export interface ImportedLine {
  readonly key: string
  /** Empty where there is none. It may be a secret, so it is never printed. */
  readonly value: string
  readonly line: number
}

/** What becomes of a setting. */
export type Fate = 'taken' | 'unneeded' | 'unsupported' | 'unknown'

/** A sentence, and what fills its placeholders. */
export interface ImportNote {
  readonly key: NoteKey
  readonly values: NoteValues
}

/** What became of one line. */
export interface ImportedEntry {
  readonly key: string
  readonly line: number
  readonly fate: Fate
  /** Where in turnserver.json it stands now; only what was taken over has it. */
  readonly into?: string
  readonly note?: ImportNote
}

/** Keeps what becomes of each line, so that none is forgotten and none is told twice. */
export class Ledger {
  readonly #lines: readonly ImportedLine[]
  readonly #entries = new Map<ImportedLine, ImportedEntry>()

  constructor(lines: readonly ImportedLine[]) {
    this.#lines = lines
  }

  taken(line: ImportedLine, into: string, key?: NoteKey, values: NoteValues = {}): void {
    const note = key && { note: { key, values } }
    this.#entries.set(line, { key: line.key, line: line.line, fate: 'taken', into, ...note })
  }

  unneeded(line: ImportedLine, key: NoteKey, values: NoteValues = {}): void {
    this.#settle(line, 'unneeded', key, values)
  }

  unsupported(line: ImportedLine, key: NoteKey, values: NoteValues = {}): void {
    this.#settle(line, 'unsupported', key, values)
  }

  unknown(line: ImportedLine, guess: string | undefined): void {
    const entry: ImportedEntry = {
      key: presentable(line.key),
      line: line.line,
      fate: 'unknown',
      note:
        guess === undefined ? { key: 'unknown', values: {} } : { key: 'unknown-guess', values: { guess } },
    }
    this.#entries.set(line, entry)
  }

  /** One entry for each line, in the order of the file. */
  entries(): ImportedEntry[] {
    return this.#lines.map(
      line =>
        this.#entries.get(line) ?? {
          key: presentable(line.key),
          line: line.line,
          fate: 'unsupported',
          note: { key: 'not-understood', values: {} },
        },
    )
  }

  #settle(line: ImportedLine, fate: Fate, key: NoteKey, values: NoteValues): void {
    this.#entries.set(line, { key: line.key, line: line.line, fate, note: { key, values } })
  }
}

/**
 * What is not a known name may be a secret that slipped out of its line, so only
 * what looks like the name of an option is shown in full.
 */
function presentable(key: string): string {
  const words = key.replaceAll(/\[[0-9]+\]/g, '')
  const looksLikeName = /^[A-Za-z][A-Za-z_.-]{0,39}[0-9]{0,2}$/.test(words)
  return looksLikeName ? key : `${key.slice(0, 2).replaceAll(/[^\w-]/g, '?')}…`
}
