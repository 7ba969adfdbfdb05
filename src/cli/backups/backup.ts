import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { basename, dirname } from 'node:path'
import { controlPaths } from '../../config/values/control-paths.ts'
import { printable, safeJson } from '../../log/printable.ts'
import type { BackupDesk } from '../../process/usage/backups.ts'
import { absolute, type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit } from '../io.ts'

/** Milliseconds after which, and then every so often, it is said how far it has come. */
const TELL_EVERY = 2000
/** Milliseconds that a relay may take to say that it is there. */
const PATIENCE = 2000

export interface BackupOptions extends ConfigOption {
  readonly action: 'make' | 'list' | 'restore' | 'key'
  readonly name?: string | undefined
  readonly file?: string | undefined
  readonly identity?: string | undefined
  readonly output?: string | undefined
  readonly replace: boolean
  readonly json: boolean
}

/** Backs the ledger up, restores it, and makes keys for that. */
export async function backup(options: BackupOptions, context: CliContext): Promise<number> {
  if (options.action === 'key') return key(options, context)
  const { words } = context
  const { settings } = await loadFor(options, context, { mayWrite: false, warn: !options.json })
  const { BackupDesk } = await import('../../process/usage/backups.ts')
  const desk = BackupDesk.of(settings)
  if (!desk) throw new CommandError(words.say('backup.noLedger'), Exit.refused)
  if (desk.where === undefined && (options.action !== 'restore' || options.file === undefined))
    throw new CommandError(words.say('backup.nowhere'), Exit.refused)
  const act = { make, list, restore }[options.action]
  try {
    return await act(desk, options, context)
  } catch (error) {
    throw explained(error, context)
  }
}

async function make(desk: BackupDesk, { json }: BackupOptions, context: CliContext): Promise<number> {
  const { words } = context
  const made = await desk.make(progress(context))
  const { rows, octets: bytes, name, removed } = made
  const where = desk.where!
  say(context, json, { name, where, rows, bytes, removed }, [
    words.say('backup.made', {
      ...{ name, where: printable(where) },
      ...{ rows: words.format.integer(rows), bytes: words.format.bytes(bytes) },
    }),
    ...(removed.length > 0 ? [words.count('backup.removed', removed.length)] : []),
  ])
  return Exit.ok
}

async function list(desk: BackupDesk, { json }: BackupOptions, context: CliContext): Promise<number> {
  const { words } = context
  const found = await desk.list()
  const backups = found.map(({ name, size, made }) => ({ name, bytes: size, made }))
  const lines = backups.map(({ name, bytes }) => `${name}  ${words.format.bytes(bytes)}`)
  const none = words.say('backup.none', { where: printable(desk.where!) })
  say(context, json, { where: desk.where, backups }, lines.length > 0 ? lines : [none])
  return Exit.ok
}

async function restore(desk: BackupDesk, options: BackupOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const { file, replace, json } = options
  for (const path of controlPaths(options.config, io.env, io.cwd))
    if (await answers(path)) throw new CommandError(words.say('backup.running'), Exit.refused)
  const path = file === undefined ? undefined : absolute(file, io)
  const name = path === undefined ? (options.name ?? (await desk.list())[0]?.name) : basename(path)
  if (name === undefined)
    throw new CommandError(words.say('backup.none', { where: printable(desk.where!) }), Exit.failed)
  const identities = await identitiesOf(options, context)
  const folder = path === undefined ? undefined : dirname(path)
  const { rows, before } = await desk.restore({ name, folder, identities, replace }, progress(context))
  say(context, json, { name, rows, before }, [
    words.say('backup.restored', { name: printable(name), rows: words.format.integer(rows) }),
    ...(before === undefined ? [] : [words.say('backup.before', { file: before })]),
  ])
  return Exit.ok
}

/** Makes a pair of keys; the secret one goes into a file that only its owner may read. */
async function key({ output, json }: BackupOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  if (output === undefined) throw new CommandError(words.say('backup.keyWhere'), Exit.usage)
  const { freshBackupKeys } = await import('../../process/usage/backups.ts')
  const { recipient, identity } = freshBackupKeys()
  const file = absolute(output, io)
  try {
    writeFileSync(file, `# public key: ${recipient}\n${identity}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new CommandError(words.say('backup.keyThere', { file }), Exit.refused)
    throw fileFault('write', output, error, words)
  }
  say(context, json, { recipient, file }, [words.say('backup.key', { recipient, file })])
  return Exit.ok
}

async function identitiesOf({ identity }: BackupOptions, { io, words }: CliContext) {
  if (identity === undefined) return undefined
  let text: string
  try {
    text = readFileSync(absolute(identity, io), 'utf8')
  } catch (error) {
    throw fileFault('read', identity, error, words)
  }
  const { readBackupKeys } = await import('../../process/usage/backups.ts')
  const read = readBackupKeys(text)
  if (!read.ok) throw new CommandError(words.say('backup.noIdentity', { file: identity }), Exit.refused)
  return read.value
}

function say({ io }: CliContext, json: boolean, answer: unknown, lines: readonly string[]): void {
  io.stdout.write(`${json ? safeJson(answer) : lines.join('\n')}\n`)
}

/** Says how far long work has come, now and then. */
function progress({ io, words }: CliContext) {
  let told = performance.now()
  return ({ rows, octets }: { readonly rows: number; readonly octets: number }) => {
    if (performance.now() - told < TELL_EVERY) return
    told = performance.now()
    const so = { rows: words.format.integer(rows), bytes: words.format.bytes(octets) }
    io.stderr.write(`${words.say('backup.progress', so)}\n`)
  }
}

const REASONS = {
  'in-use': 'backup.inUse',
  'not-empty': 'backup.notEmpty',
  'no-key': 'backup.noKey',
  'other-key': 'backup.otherKey',
  damaged: 'backup.damaged',
  'not-a-backup': 'backup.notABackup',
  'cut-off': 'backup.cutOff',
  newer: 'backup.newer',
} as const

/** What is known of an error, in people's language. */
function explained(error: unknown, { words }: CliContext): unknown {
  if (error instanceof CommandError || !(error instanceof Error)) return error
  const why = 'why' in error && REASONS[error.why as keyof typeof REASONS]
  if (why) return new CommandError(words.say(why), Exit.refused)
  return new CommandError(words.say('backup.failed', { why: printable(error.message, 400) }), Exit.failed)
}

/** Whether a relay answers at a control socket. */
function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) return Promise.resolve(false)
  return new Promise(resolve => {
    const asked = request({ socketPath, path: '/api/v1/status', headers: { host: 'localhost' } }, answer => {
      answer.resume()
      resolve(true)
    })
    asked.setTimeout(PATIENCE, () => asked.destroy())
    // One that may not be asked is there all the same.
    asked.on('error', error => resolve((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED'))
    asked.end()
  })
}
