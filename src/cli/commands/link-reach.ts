import { hostname, networkInterfaces, userInfo } from 'node:os'
import type { CliContext } from '../context.ts'
import type { Io } from '../io.ts'

/** Says from where a link can be opened that leads to the relay's own machine; undefined where it leads elsewhere. */
export function linkReach(
  link: string,
  kind: 'console' | 'test' | 'usage',
  { io, words }: CliContext,
): string | undefined {
  const url = new URL(link)
  if (!/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)) return undefined
  if (kind !== 'console') return words.say('control.testLinkHere')
  return words.say('control.linkHere', { ssh: sshLine(url, io) })
}

/** The command that brings a port of this machine to another one. */
export function sshLine(url: URL, { env }: Io): string {
  const port = url.port === '' ? '80' : url.port
  const user = env.SUDO_USER ?? userInfo().username
  return `ssh -L ${port}:${url.hostname}:${port} ${user}@${ownAddress() ?? hostname()}`
}

/** An IPv4 address that the neighbours reach this machine at. */
function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address
}
