import { lstatSync, mkdirSync, statSync } from 'node:fs'
import { failed, type Result, succeeded } from '../base/result.ts'

/** Write permission of the group and of all others. */
const OTHERS = 0o022

/**
 * Makes the folder for the loader's sockets, unless it is there. Refuses one
 * that somebody else owns or may write to: they could put sockets of their own
 * in the place of ours, and links that a `chmod` follows. Throws the error of
 * the system.
 */
export function makeFolder(folder: string): Result<undefined, string> {
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  // systemd may have made a link of its own.
  const found = statSync(folder)
  const foreign = [lstatSync(folder), found].find(({ uid }) => uid !== 0 && uid !== process.getuid?.())
  if (foreign) return failed(`${folder} belongs to another user (${foreign.uid})`)
  if ((found.mode & OTHERS) !== 0)
    return failed(`others may write to ${folder}; take that from them (chmod go-w), or name another folder`)
  return succeeded(undefined)
}
