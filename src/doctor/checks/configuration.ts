import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { DoctorCheck } from '../check.ts'
import type { Facts } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { listedSockets, mayRead, userName } from '../proc.ts'

/** Characters below which a shared secret is taken, but not recommended. */
const GOOD_SECRET = 32
/** No machine that runs this is older. */
const RELEASED = Date.UTC(2026, 0, 1)

/** The configuration is sound, and somebody may use the relay. */
export const configuration: DoctorCheck = {
  name: 'configuration',
  run({ subject: { config } }) {
    if (!config) return []
    const { settings, source, warnings } = config
    const found: Finding[] = [
      source === null ? finding('config-defaults') : finding('config-ok', { file: source }),
      ...warnings.map(text => finding('config-warning', { text })),
    ]
    for (const { name, secrets, paused } of settings.homeservers) {
      if (paused) {
        const isOnly = settings.homeservers.every(homeserver => homeserver.paused)
        found.push(
          finding('homeserver-paused', { homeserver: name }, { severity: isOnly ? 'error' : 'warn' }),
        )
      }
      const shortest = Math.min(...secrets.map(({ value }) => value.length))
      if (shortest < GOOD_SECRET) found.push(finding('secret-short', { homeserver: name, length: shortest }))
    }
    const hasSecret = settings.homeservers.some(({ secrets }) => secrets.length > 0)
    if (!hasSecret && settings.users.length === 0) found.push(finding('nobody-may'))
    if (settings.credentials.strictExpiry) found.push(finding('strict-expiry'))
    return found
  },
}

/** The user that the relay runs as can read its files, also when they are read again. */
export const files: DoctorCheck = {
  name: 'files',
  run(facts) {
    const { config } = facts.subject
    if (!config || !facts.isOnRelay) return []
    const uid = relayUser(facts)
    if (uid === undefined) return []
    const unreadable = config.files.filter(file => !mayRead(file, uid))
    const user = userName(uid)
    if (unreadable.length === 0) return [finding('files-ok', { user })]
    return unreadable.map(file => finding('file-unreadable', { file, user }))
  },
}

/** The clock is plausible, and kept right: an expiry is a time of day. */
export const clock: DoctorCheck = {
  name: 'clock',
  async run(facts) {
    if (!facts.isOnRelay) return []
    if (Date.now() < RELEASED) return [finding('clock-implausible', { date: new Date() })]
    const synchronised = await isSynchronised()
    if (synchronised === undefined) return []
    return [finding(synchronised ? 'clock-ok' : 'clock-unsynchronised')]
  },
}

/** Undefined where nobody can tell. */
async function isSynchronised(): Promise<boolean | undefined> {
  try {
    const options = { timeout: 3000 }
    const { stdout } = await promisify(execFile)('timedatectl', ['show', '-p', 'NTPSynchronized'], options)
    return /=(yes|no)/.exec(stdout)?.[1] === undefined ? undefined : stdout.includes('=yes')
  } catch {
    return undefined
  }
}

/** The user that holds the relay's ports, by Linux's tables. */
function relayUser({ subject: { config } }: Facts): number | undefined {
  for (const { transport, address } of config?.settings.listen ?? []) {
    const held = listedSockets(transport === 'udp' ? 'udp' : 'tcp').find(({ port }) => port === address.port)
    if (held) return held.uid
  }
  return undefined
}
