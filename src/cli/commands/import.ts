import { closeSync, openSync, readSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { parseIp } from '../../base/address.ts'
import { quoted } from '../../config/find.ts'
import { load } from '../../config/load.ts'
import { ConfigError, plain } from '../../config/problem.ts'
import { type Draft, type ImportSurroundings, lacksIssuer } from '../../import/draft.ts'
import { UnreadableFile } from '../../import/eturnal-file.ts'
import { ForeignFile, importFile, type Origin } from '../../import/import-file.ts'
import type { ImportedEntry } from '../../import/line.ts'
import { type NoteKey, noteWords } from '../../import/notes.ts'
import { type Comments, SECTIONS, writeDraft } from '../../import/write.ts'
import { safeJson, safeTexts } from '../../log/printable.ts'
import type { Words } from '../../texts/words.ts'
import { absolute, type CliContext } from '../context.ts'
import { fileFault } from '../file-fault.ts'
import { refuseExisting, schemaFor, writeFresh } from '../first/fresh-file.ts'
import { type ImportOutcome, importReport } from '../import-report.ts'
import { CommandError, Exit } from '../io.ts'
import { lookAtMachine, machineFindings } from '../this-machine.ts'
import type { CliWords } from '../words.ts'

export interface ImportOptions {
  readonly file: string
  readonly from?: Origin | undefined
  readonly out: string
  readonly homeserver?: string | undefined
  readonly force: boolean
  readonly json: boolean
}

/**
 * Writes a configuration made of another server's and reports on every setting
 * of it. Resolves with 1 where something is left to be filled in.
 */
export async function importConfig(given: ImportOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  // yargs hands a lone dash over as an empty text.
  const options = given.file === '' ? { ...given, file: '-' } : given
  if (options.out === '-') throw new CommandError(words.say('import.notOnStdout'), Exit.usage)
  const out = absolute(options.out, io)
  const fresh = { file: out, shownAs: options.out, force: options.force }
  refuseExisting(fresh, words)
  const { from, draft, entries } = imported(options, context)
  const { homeserver } = options
  const readers = writeFresh(
    fresh,
    writeDraft(draft, { comments: importComments(words), schema: schemaFor(out), homeserver }),
    words,
  )
  const check = checked(options.out, context, draft)
  const notes = noteWords(words.language)
  const outcome: ImportOutcome = {
    from,
    file: options.file,
    out: options.out,
    valid: check.problems.length === 0 && !lacksIssuer(draft),
    settings: entries.map(entry => plainEntry(entry, notes)),
    remarks: draft.remarks.map(({ key, values }) => notes.say(key, values)),
    todo: draft.todo.map(({ key, values }) => notes.say(key, values)),
    ...check,
  }
  const file = quoted(options.out)
  if (options.json) io.stdout.write(`${safeJson(outcome, 2)}\n`)
  else io.stdout.write(importReport(safeTexts(outcome), words, io))
  const isDone = outcome.valid && outcome.todo.length === 0
  if (!options.json) {
    io.stderr.write(
      `${outcome.valid ? words.say(`import.valid.${readers}`, { file }) : words.say('import.invalid', { file })}\n`,
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

/** Bytes of the longest file that is looked at. */
const LONGEST = 512 << 10

/** `-` is the standard input. */
function read(file: string, { io, words }: CliContext): string {
  try {
    const bytes = file === '-' ? start(0) : startOf(absolute(file, io))
    if (bytes.length > LONGEST)
      throw new CommandError(words.say('import.tooLong', { file, most: LONGEST }), Exit.failed)
    const text = decoded(bytes)
    if (text.includes('\0')) throw new CommandError(words.say('import.notText', { file }), Exit.config)
    return text
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw fileFault('read', file, error, words)
  }
}

/** Windows writes text as UTF-16, with a mark in front. */
function decoded(bytes: Buffer): string {
  if (bytes.length >= 2 && bytes.readUInt16LE(0) === 0xfeff) return bytes.toString('utf16le', 2)
  if (bytes.length >= 2 && bytes.readUInt16BE(0) === 0xfeff) {
    const even = Buffer.from(bytes.subarray(2, bytes.length & ~1))
    return even.swap16().toString('utf16le')
  }
  return bytes.toString('utf8')
}

function startOf(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    return start(fd)
  } finally {
    closeSync(fd)
  }
}

/** What can be read, up to one byte more than is looked at. */
function start(fd: number): Buffer {
  const bytes = Buffer.alloc(LONGEST + 1)
  let length = 0
  for (let read = -1; read !== 0 && length < bytes.length; length += read)
    read = readSync(fd, bytes, length, bytes.length - length, null)
  return bytes.subarray(0, length)
}

function imported({ file, from }: ImportOptions, context: CliContext): ReturnType<typeof importFile> {
  const { words, io } = context
  const text = read(file, context)
  const folder = file === '-' ? io.cwd : dirname(absolute(file, io))
  const around: ImportSurroundings = { folder, own: ownAddresses() }
  try {
    return importFile({ text, name: file, from }, around)
  } catch (error) {
    if (error instanceof UnreadableFile)
      throw new CommandError(words.say('import.notYaml', { file, line: error.line }), Exit.config)
    if (error instanceof ForeignFile)
      throw new CommandError(words.say(`import.foreign.${error.sort}`, { file }), Exit.config)
    throw error
  }
}

/** What speaks against the file that was written. */
function checked(
  path: string,
  { io, language, words }: CliContext,
  draft: Draft,
): Pick<ImportOutcome, 'problems' | 'warnings'> {
  try {
    const loaded = load({ path, env: io.env, cwd: io.cwd, language, mayWrite: false })
    // It may be meant for another machine, so what would prevent a start here does not fail the import.
    const here = machineFindings(loaded, lookAtMachine([], words), words).map(
      ({ text }) => `${words.say('machine.title')} ${text}`,
    )
    return { problems: [], warnings: [...loaded.warnings, ...here] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const problems = error.problems.map(problem => plain(problem, language))
    // The placeholder for a missing secret is an open point of the draft already.
    const isOurs = ({ path }: { path: string }) => lacksIssuer(draft) && path === 'homeservers[0].secrets[0]'
    return { problems: problems.filter(problem => !isOurs(problem)), warnings: [] }
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
