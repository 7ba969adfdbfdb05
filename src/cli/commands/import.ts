import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { parseIp } from '../../base/address.ts'
import { quoted } from '../../config/find.ts'
import { load } from '../../config/load.ts'
import { ConfigError, plain } from '../../config/problem.ts'
import { type Imported, importCoturn } from '../../import/coturn.ts'
import type { ImportSurroundings } from '../../import/draft.ts'
import { importEturnal } from '../../import/eturnal.ts'
import { UnreadableFile } from '../../import/eturnal-file.ts'
import type { ImportedEntry } from '../../import/line.ts'
import { type NoteKey, noteWords } from '../../import/notes.ts'
import { type Comments, SECTIONS, writeDraft } from '../../import/write.ts'
import type { Words } from '../../texts/words.ts'
import { absolute, type CliContext } from '../context.ts'
import { refuseExisting, schemaFor, writeFresh } from '../fresh-file.ts'
import { type ImportOutcome, importReport } from '../import-report.ts'
import { CommandError, Exit } from '../io.ts'
import type { CliWords } from '../words.ts'

export interface ImportOptions {
  readonly file: string
  readonly from?: 'coturn' | 'eturnal' | undefined
  readonly out: string
  readonly homeserver?: string | undefined
  readonly force: boolean
  readonly json: boolean
}

/**
 * Writes a configuration made of another server's and reports on every setting
 * of it. Resolves with 1 where something is left to be filled in.
 */
export async function importConfig(options: ImportOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  if (options.out === '-') throw new CommandError(words.say('import.notOnStdout'), Exit.usage)
  const out = absolute(options.out, io)
  const fresh = { file: out, shownAs: options.out, force: options.force }
  refuseExisting(fresh, words)
  const source = absolute(options.file, io)
  const text = read(source, options.file, context)
  const from = options.from ?? originOf(options.file, text)
  const { draft, entries } = imported(from, text, source, options.file, context)
  const { homeserver } = options
  writeFresh(
    fresh,
    writeDraft(draft, { comments: importComments(words), schema: schemaFor(out), homeserver }),
    words,
  )
  const check = checked(options.out, context)
  const notes = noteWords(words.language)
  const outcome: ImportOutcome = {
    from,
    file: options.file,
    out: options.out,
    valid: check.problems.length === 0,
    settings: entries.map(entry => plainEntry(entry, notes)),
    remarks: draft.remarks.map(({ key, values }) => notes.say(key, values)),
    todo: draft.todo.map(({ key, values }) => notes.say(key, values)),
    ...check,
  }
  const file = quoted(options.out)
  if (options.json) io.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`)
  else io.stdout.write(importReport(outcome, words, io))
  const isDone = outcome.valid && outcome.todo.length === 0
  if (!options.json) {
    io.stderr.write(
      `${outcome.valid ? words.say('import.valid', { file }) : words.say('import.invalid', { file })}\n`,
    )
    io.stderr.write(`${words.say('import.next', { file })}\n`)
  }
  return isDone ? Exit.ok : Exit.failed
}

/** The comments of the file that an import writes. */
export function importComments({ say }: CliWords): Comments {
  const texts = SECTIONS.map(section => [section, say(`import.comments.${section}`)])
  return Object.fromEntries(texts)
}

function read(file: string, shownAs: string, { words }: CliContext): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandError(words.say('import.cannotRead', { file: shownAs, code: code ?? '?' }), Exit.failed)
  }
}

/** Whose file it is: eturnal's is YAML with `eturnal:` at the top. */
function originOf(file: string, text: string): 'coturn' | 'eturnal' {
  return /\.ya?ml$/i.test(file) || /^["']?eturnal["']?\s*:/m.test(text) ? 'eturnal' : 'coturn'
}

function imported(
  from: 'coturn' | 'eturnal',
  text: string,
  source: string,
  shownAs: string,
  { words }: CliContext,
): Imported {
  const around: ImportSurroundings = { folder: dirname(source), own: ownAddresses() }
  try {
    return from === 'coturn' ? importCoturn(text, around) : importEturnal(text, around)
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error
    throw new CommandError(words.say('import.notYaml', { file: shownAs, line: error.line }), Exit.config)
  }
}

/** What speaks against the file that was written. */
function checked(path: string, { io, language }: CliContext): Pick<ImportOutcome, 'problems' | 'warnings'> {
  try {
    const { warnings } = load({ path, env: io.env, cwd: io.cwd, language, mayWrite: false })
    return { problems: [], warnings }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { problems: error.problems.map(problem => plain(problem, language)), warnings: [] }
  }
}

function plainEntry(entry: ImportedEntry, { say }: Words<NoteKey>): ImportOutcome['settings'][number] {
  const { key, line, fate, into, note } = entry
  return {
    key,
    line,
    fate,
    ...(into !== undefined && { into }),
    ...(note && { why: say(note.key, note.values) }),
  }
}

/** Addresses that peers may know this machine by: no loopback, no link-local, no networks of containers or tunnels. */
function ownAddresses(): Uint8Array[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !VIRTUAL.test(name))
    .flatMap(([, infos]) => infos ?? [])
    .filter(({ internal, address }) => !internal && !/^(169\.254\.|fe[89ab])/i.test(address))
    .flatMap(({ address }) => parseIp(address.replace(/%.*$/, '')) ?? [])
}

const VIRTUAL = /^(docker|br-|veth|virbr|lxc|lxd|cni|flannel|cali|podman|tun|tap|wg|zt|tailscale)/
