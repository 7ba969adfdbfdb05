import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { failed, type Result, succeeded } from '../base/result.ts'

/** So that a pipe that somebody has put there does not hold us up. */
const READING = constants.O_RDONLY | constants.O_NONBLOCK

/**
 * Reads a file of our state folder. The error is the user id of somebody else
 * who has put it there, or a link that leads to it, so that nothing in it may
 * be believed: this user, root and the folder's owner are trusted. Throws the
 * error of the system.
 */
export function readOwn(file: string): Result<string, number> {
  const fd = openSync(file, READING)
  try {
    const opened = fstatSync(fd)
    const named = lstatSync(file)
    const trusted = [0, process.getuid?.(), statSync(dirname(file)).uid]
    const foreign = [named, opened].find(({ uid }) => !trusted.includes(uid))
    if (foreign) return failed(foreign.uid)
    // What was opened has been exchanged for something better.
    if (!named.isSymbolicLink() && named.ino !== opened.ino) return failed(opened.uid)
    return succeeded(readFileSync(fd, 'utf8'))
  } finally {
    closeSync(fd)
  }
}
