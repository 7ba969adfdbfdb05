import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { parseIp } from '../../base/address.ts'
import { quoted } from '../../config/find.ts'
import { load } from '../../config/load.ts'
import { ConfigError, type PlainProblem, plain } from '../../config/problem.ts'
import { type Imported, importCoturn } from '../../import/coturn.ts'
import type { ImportSurroundings } from '../../import/draft.ts'
import { importEturnal } from '../../import/eturnal.ts'
import { UnreadableFile } from '../../import/eturnal-file.ts'
import type { Fate, ImportedEntry } from '../../import/line.ts'
import { say } from '../../import/notes.ts'
import { writeDraft } from '../../import/write.ts'
import { absolute, type CliContext } from '../context.ts'
import { refuseExisting, schemaFor, writeFresh } from '../fresh-file.ts'
import { importReport } from '../import-report.ts'
import { CommandError, Exit } from '../io.ts'
import { IMPORT_TEXTS } from '../texts/import-texts.ts'

export interface ImportOptions {
  readonly file: string
  readonly from?: 'coturn' | 'eturnal' | undefined
  readonly out: string
  readonly homeserver?: string | undefined
  readonly force: boolean
  readonly json: boolean
}

/** What became of a file; secrets are in no part of it. */
export interface ImportOutcome {
  readonly from: 'coturn' | 'eturnal'
  readonly file: string
  readonly out: string
  readonly valid: boolean
  /** Every setting of the file, in its order. */
  readonly settings: readonly {
    readonly key: string
    readonly line: number
    readonly fate: Fate
    readonly into?: string
    readonly why?: string
  }[]
  readonly remarks: readonly string[]
  /** What has to be filled in by hand. */
  readonly todo: readonly string[]
  /** Why the new configuration is not valid yet. */
  readonly problems: readonly PlainProblem[]
  readonly warnings: readonly string[]
}

/**
 * Writes a configuration made of another server's and reports on every setting
 * of it. Resolves with 1 where something is left to be filled in.
 */
export async function importConfig(options: ImportOptions, context: CliContext): Promise<number> {
  const { io, texts, language } = context
  const own = IMPORT_TEXTS[language]
  if (options.out === '-') throw new CommandError(own.notOnStdout, Exit.usage)
  const out = absolute(options.out, io)
  const fresh = { file: out, shownAs: options.out, force: options.force }
  refuseExisting(fresh, texts)
  const source = absolute(options.file, io)
  const text = read(source, options.file, context)
  const from = options.from ?? originOf(options.file, text)
  const { draft, entries } = imported(from, text, source, options.file, context)
  const { homeserver } = options
  writeFresh(fresh, writeDraft(draft, { comments: own.comments, schema: schemaFor(out), homeserver }), texts)
  const check = checked(options.out, context)
  const outcome: ImportOutcome = {
    from,
    file: options.file,
    out: options.out,
    valid: check.problems.length === 0,
    settings: entries.map(entry => plainEntry(entry, context)),
    remarks: draft.remarks.map(note => say(note, language)),
    todo: draft.todo.map(note => say(note, language)),
    ...check,
  }
  const file = quoted(options.out)
  if (options.json) io.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`)
  else io.stdout.write(importReport(outcome, own, io))
  const isDone = outcome.valid && outcome.todo.length === 0
  if (!options.json) {
    io.stderr.write(`${outcome.valid ? own.valid(file) : own.invalid(file)}\n`)
    io.stderr.write(`${own.next(file)}\n`)
  }
  return isDone ? Exit.ok : Exit.failed
}

function read(file: string, shownAs: string, { language }: CliContext): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandError(IMPORT_TEXTS[language].cannotRead(shownAs, code ?? '?'), Exit.failed)
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
  { language }: CliContext,
): Imported {
  const around: ImportSurroundings = { folder: dirname(source), own: ownAddresses() }
  try {
    return from === 'coturn' ? importCoturn(text, around) : importEturnal(text, around)
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error
    throw new CommandError(IMPORT_TEXTS[language].notYaml(shownAs, error.line), Exit.config)
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

function plainEntry(entry: ImportedEntry, { language }: CliContext): ImportOutcome['settings'][number] {
  const { key, line, fate, into, note } = entry
  return { key, line, fate, ...(into !== undefined && { into }), ...(note && { why: say(note, language) }) }
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
