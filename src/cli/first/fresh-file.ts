import { chmodSync, chownSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileFault } from '../file-fault.ts'
import { CommandError, Exit } from '../io.ts'
import type { CliWords } from '../words.ts'

/** A file that is to be written: where, and what the operator calls it. */
export interface FreshFile {
  readonly file: string
  readonly shownAs: string
  readonly force: boolean
}

/** Throws `CommandError` where the file is there already and may not be replaced. */
export function refuseExisting({ file, shownAs, force }: FreshFile, words: CliWords): void {
  if (!force && existsSync(file)) throw new CommandError(words.say('exists', { file: shownAs }), Exit.refused)
}

/**
 * Writes a configuration for its owner's eyes only: it holds secrets. Returns whether a group may read it too, as it
 * could read the file that is replaced.
 */
export function writeFresh(
  { file, shownAs, force }: FreshFile,
  text: string,
  words: CliWords,
): 'owner' | 'group' {
  // A file beside it, renamed at the end: nobody ever reads half a configuration, or one with wider rights.
  const fresh = force ? `${file}.${process.pid}.new` : file
  try {
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
    if (force) {
      keepOwner(file, fresh)
      renameSync(fresh, file)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (force) rmSync(fresh, { force: true })
    if (code === 'EEXIST') throw new CommandError(words.say('exists', { file: shownAs }), Exit.refused)
    throw fileFault('write', shownAs, error, words)
  }
  return (statSync(file).mode & 0o040) === 0 ? 'owner' : 'group'
}

/**
 * Leaves a file to whom it belonged: a service that may read the configuration
 * of its package may still read the one that replaces it. Not so where everybody
 * could.
 */
function keepOwner(old: string, fresh: string): void {
  const was = statSync(old, { throwIfNoEntry: false })
  if (!was || (was.mode & 0o007) !== 0) return
  const now = statSync(fresh)
  if (was.uid !== now.uid || was.gid !== now.gid) {
    // Only root can give files away; anyone else keeps what is theirs.
    if (process.getuid?.() !== 0) return
    chownSync(fresh, was.uid, was.gid)
  }
  chmodSync(fresh, 0o600 | (was.mode & 0o040))
}

/** Where an editor finds the description of a configuration, as seen from it. */
export function schemaFor(file: string): string | undefined {
  const schema = fileURLToPath(new URL('../../turnserver.schema.json', import.meta.url))
  if (!existsSync(schema)) return undefined
  const path = relative(dirname(file), schema)
  return path.startsWith('..') ? schema : `./${path}`
}
