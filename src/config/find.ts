import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { succeeded } from '../base/result.ts'
import { notAccepted, type Parsed } from './fault.ts'

export type Env = Readonly<Record<string, string | undefined>>

const LOCAL_FILE = 'turnserver.json'
/** Where the service of the package has its configuration. */
export const SYSTEM_FILE = '/etc/taciturn/turnserver.json'
const SYSTEM_STATE = '/var/lib/taciturn'

/** A place that may hold the configuration is closed to the user who asks. */
export class ForbiddenFile extends Error {
  override readonly name = 'ForbiddenFile'
  readonly path: string

  constructor(path: string) {
    super(`no permission to read ${path}`)
    this.path = path
  }
}

/**
 * Finds the configuration file: the one asked for, that of TACITURN_CONFIG,
 * `turnserver.json` beside us, or the machine's. `null` where there is none to be found.
 * Throws `ForbiddenFile` where a folder may not be looked into.
 */
export function findConfig(asked: string | undefined, env: Env, cwd: string): string | null {
  const named = asked ?? env.TACITURN_CONFIG
  if (named) return named
  return [LOCAL_FILE, SYSTEM_FILE].find(file => isThere(resolve(cwd, file))) ?? null
}

/** Resolves the state folder. It is not made here. */
export function findState(written: string, folder: string, env: Env): Parsed<string> {
  if (env.TACITURN_STATE) return succeeded(resolve(folder, env.TACITURN_STATE))
  if (written !== 'auto') return expandPath(written, folder, env)
  // systemd gives a list when a unit has several state directories.
  const given = env.STATE_DIRECTORY?.split(':')[0]
  if (given) return succeeded(given)
  if (isWritable(SYSTEM_STATE) || (userInfo().uid === 0 && !isThere(SYSTEM_STATE)))
    return succeeded(SYSTEM_STATE)
  const home = env.XDG_STATE_HOME
  const folders = home && isAbsolute(home) ? home : join(homedir(), '.local', 'state')
  return succeeded(join(folders, 'taciturn'))
}

/** Makes a path of the configuration absolute: beside the file, or in systemd's credential store. */
export function expandPath(written: string, folder: string, env: Env): Parsed<string> {
  if (!written.startsWith('$')) return succeeded(resolve(folder, written))
  const inStore = /^\$(?:CREDENTIALS_DIRECTORY|\{CREDENTIALS_DIRECTORY\})\/(.+)$/.exec(written)
  if (!inStore) return notAccepted('path-variable', { given: written })
  if (!env.CREDENTIALS_DIRECTORY)
    return notAccepted('path-credentials', { given: written, name: inStore[1]! })
  return succeeded(join(env.CREDENTIALS_DIRECTORY, inStore[1]!))
}

/** Reads a file that the operator named; a fault says why it cannot be read. */
export function readNamed(file: string, read = readText): Parsed<string> {
  try {
    return succeeded(read(file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return notAccepted('file-missing', { file })
    if (code === 'EACCES' || code === 'EPERM') {
      return notAccepted('file-unreadable', { file: quoted(file), user: userInfo().username })
    }
    return code === 'EISDIR'
      ? notAccepted('file-folder', { file })
      : notAccepted('file-error', { file, code: code ?? '?' })
  }
}

function readText(file: string): string {
  return readFileSync(file, 'utf8')
}

/** True when everybody on this machine can read the file. */
export function isWorldReadable(file: string): boolean {
  if (process.platform === 'win32') return false
  return (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) % 8 >= 4
}

/**
 * The command that closes a file to others. In a folder that belongs to a group, as /etc/taciturn to that of the
 * service, the group goes on reading: `chmod 600` would lock the service out.
 */
export function closing(file: string): string {
  const folder = dirname(resolve(file))
  const { gid, mode } = statSync(folder)
  const isShared = gid !== 0 && (mode & 0o057) === 0o050
  const name = quoted(file)
  return isShared ? `chgrp --reference=${quoted(folder)} ${name} && chmod 640 ${name}` : `chmod 600 ${name}`
}

/** A path as a shell takes it. */
export function quoted(file: string): string {
  return /^[\w./:@%+-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'EACCES' || code === 'EPERM' ? new ForbiddenFile(path) : error
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
