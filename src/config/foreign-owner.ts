import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * The user id of somebody else who has put a file into our state folder, so
 * that nothing in it may be believed; undefined where it is this user's, root's
 * or the folder owner's. Throws the error of the system.
 */
export function foreignOwner(file: string): number | undefined {
  const { uid } = statSync(file)
  const trusted = [0, process.getuid?.(), statSync(dirname(file)).uid]
  return trusted.includes(uid) ? undefined : uid
}
