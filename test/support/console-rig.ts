import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleConsole, compressed } from '../../scripts/console.mjs'
import { AccessLog } from '../../src/control/access-log.ts'
import { webDoor } from '../../src/control/door.ts'
import { Feed } from '../../src/control/feed/feed.ts'
import { OidcDoor } from '../../src/control/sign-in/oidc-door.ts'
import { TestRuns } from '../../src/control/tests/test-runs.ts'
import { Tokens } from '../../src/control/tokens.ts'
import { WrongTokens } from '../../src/control/wrong-tokens.ts'
import { type ScriptedControl, scriptedControl } from './scripted-control.ts'
import { SCRIPTED_BUDGETS, scriptedLedger } from './scripted-use.ts'

export const ACT = 'token-that-may-act'
export const READ = 'token-that-may-read'

/** The relay's own doors and feed before a relay that follows a script. */
export interface ConsoleRig {
  readonly url: string
  readonly control: ScriptedControl
  readonly log: AccessLog
  readonly oidc: OidcDoor
  /** Consoles that are told what happens. */
  listeners(): number
  /** Cuts all connections. */
  cut(): void
  /** Takes no connection any more until `open`. */
  shut(): Promise<void>
  open(): Promise<void>
  stop(): Promise<void>
}

export interface RigOptions {
  readonly sessions?: number
  /** Milliseconds that the script's second takes. */
  readonly tick?: number
}

/** Bundles the console of this source tree and serves it on a free port of 127.0.0.1. */
export async function startConsole({ sessions, tick = 250 }: RigOptions = {}): Promise<ConsoleRig> {
  const folder = mkdtempSync(join(tmpdir(), 'console-test-'))
  const pages = join(folder, 'pages')
  await writePages(pages)
  const control = scriptedControl(sessions)
  const tokens = new Tokens()
  tokens.configure([
    { name: 'operator', rights: 'act', token: ACT },
    { name: 'display', rights: 'read', token: READ },
  ])
  const fault = (error: unknown) => {
    throw error
  }
  const tests = new TestRuns({
    realm: 'turn.example.org',
    uris: () => ['turn:turn.example.org:3478?transport=udp'],
    credential: username => ({ username, password: 'good for nothing' }),
  })
  const log = new AccessLog({ file: join(folder, 'access.log'), broken: fault })
  const wrong = new WrongTokens(20)
  const feed = new Feed({ control, tokens, wrong, refused: () => undefined, fault, patience: { tick } })
  let port = 0
  const url = () => `http://127.0.0.1:${port}`
  const oidc = new OidcDoor({ desk: { log, tokens, url }, failed: fault })
  const server = webDoor({
    desk: {
      ...{ control, log, tokens, url, tests },
      ledger: scriptedLedger(),
      budgets: SCRIPTED_BUDGETS,
      provider: () => oidc.provider,
    },
    oidc,
    names: () => ({ host: '127.0.0.1', origins: [] }),
    trustedProxies: () => [],
    feed,
    wrong,
    pages,
    fault,
  })
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const open = async () => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const shut = async () => {
    const closed = once(server, 'close')
    server.close()
    cut()
    await closed
  }
  await open()
  return {
    url: url(),
    control,
    log,
    oidc,
    listeners: () => feed.listeners,
    cut,
    shut,
    open,
    stop: async () => {
      feed.close()
      if (server.listening) await shut()
      log.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function writePages(folder: string): Promise<void> {
  mkdirSync(folder)
  for (const [name, bytes] of await bundleConsole()) {
    writeFileSync(join(folder, name), bytes)
    writeFileSync(join(folder, `${name}.gz`), compressed(bytes))
  }
}
