import { type Stats, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import { quoted } from '../config/find.ts'
import { groupName, userName } from '../doctor/proc.ts'
import type { CliContext } from './context.ts'

/** Where the package keeps the configuration of the service. */
const SERVICE_FOLDER = '/etc/taciturn/'

/** Says who may read the configuration, and what somebody types who may not. */
export function forbiddenText(path: string, argv: readonly string[], { words }: CliContext): string {
  const closed = closedPlace(path)
  const isService = argv[0] === 'serve' && path.startsWith(SERVICE_FOLDER)
  const command = isService
    ? 'sudo systemctl start taciturn'
    : `sudo ${['taciturn', ...argv].map(quoted).join(' ')}`
  const owner = userName(closed.stat.uid)
  const values = { path: closed.path, owner, command }
  const needed = closed.stat.isDirectory() ? 0o050 : 0o040
  // Nobody is told to join the group of root.
  const hasGroup = (closed.stat.mode & needed) === needed && closed.stat.gid !== 0
  if (!hasGroup) return words.say('forbidden.owner', values)
  const group = groupName(closed.stat.gid)
  return words.say('forbidden.group', { ...values, group, user: userInfo().username })
}

/** The file, or the lowest folder above it that can be looked at: that one keeps us out. */
function closedPlace(path: string): { readonly path: string; readonly stat: Stats } {
  for (let place = path; ; place = dirname(place)) {
    try {
      return { path: place, stat: statSync(place) }
    } catch (error) {
      if (place === dirname(place)) throw error
    }
  }
}
