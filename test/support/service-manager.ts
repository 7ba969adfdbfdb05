import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Child } from './child.ts'
import { freePort } from './ports.ts'
import { MAIN } from './relay.ts'

const MANAGER = join(import.meta.dirname, 'service-manager.py')
export const SECRET = 'a secret that only this test knows'
/** Microseconds between two signs of life at most. */
export const WATCHDOG_USEC = 600_000

export interface ManagedOptions {
  readonly main?: string
  readonly watchdog?: boolean
  /** Has the manager bind the listeners: both, or these. */
  readonly sockets?: true | readonly string[]
  readonly settings?: Readonly<Record<string, unknown>>
  /** Has the manager keep descriptors for the next process. */
  readonly store?: boolean
}

export interface Managed {
  readonly manager: Child
  readonly port: number
  readonly pid: number
  /** The file with the settings. */
  readonly config: string
}

/** Starts a relay under a service manager. */
export async function startManaged(t: Test, options: ManagedOptions = {}): Promise<Managed> {
  const { main = MAIN, settings = {}, sockets = [] } = options
  const folder = mkdtempSync(join(tmpdir(), 'service-manager-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, `${port}.json`)
  const listen = ['udp', 'tcp'].map(transport => `${transport}://127.0.0.1:${port}`)
  const config = {
    realm: 'turn.example.org',
    listen,
    relay: { addresses: ['127.0.0.1'] },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    metrics: false,
    control: false,
    console: false,
    log: { format: 'json' },
    state: join(folder, 'state'),
    ...settings,
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  const handed = listen.filter(at => sockets === true || sockets.includes(at.slice(0, 3)))
  const command = [process.execPath, main, 'serve', '--config', file]
  const manager = new Child('python3', [MANAGER, ...handed, '--', ...command], {
    env: {
      PATH: process.env.PATH,
      ...(options.watchdog && { WATCHDOG_USEC: `${WATCHDOG_USEC}` }),
      ...(options.store && { STORE: '1' }),
    },
  })
  t.teardown(() => manager.stop())
  const [, pid] = await manager.says(/^pid (\d+)$/m)
  return { manager, port, pid: Number(pid), config: file }
}
