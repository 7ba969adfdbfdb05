import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { type Certificate, selfSigned } from './certificate.ts'
import { Child, type Exit } from './child.ts'
import { freePort } from './ports.ts'
import { ask, bindingRequest } from './stun.ts'

/** What a test may hang its scenario on: this relay, or Debian's coturn as a control. */
export type Server = 'taciturn' | 'coturn'

export interface RelayOptions {
  /** Default: what TEST_AGAINST says, else this relay. */
  readonly against?: Server
  /** Listens on ::1 too and relays for both families. */
  readonly ipv6?: boolean
  /** Opens 127.0.0.0/8 and ::1 as peers, for a peer that is not a relayed address of the server. */
  readonly loopbackPeers?: boolean
  /** Keys to put over the written configuration; this relay only. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** The port of UDP and TCP, where `settings` name it; a free one otherwise. */
  readonly port?: number
  /** Puts more files beside the configuration. */
  readonly before?: (folder: string) => void
  /** Added to the environment; this relay only. */
  readonly env?: Readonly<Record<string, string>>
  /** More arguments for `taciturn serve`. */
  readonly arguments?: readonly string[]
  /** The node to run it with. */
  readonly node?: string
}

/** A relay in a process of its own on free loopback ports. */
export interface RunningRelay {
  readonly against: Server
  readonly child: Child
  /** UDP and TCP. */
  readonly port: number
  readonly tlsPort: number
  readonly realm: string
  readonly secret: string
  readonly relayPorts: { readonly from: number; readonly to: number }
  /** Absent for coturn. */
  readonly metrics?: string
  readonly certificate: Certificate
  /** The written configuration file; absent for coturn. */
  readonly config?: string
  readonly folder: string
  stop(): Promise<Exit>
}

export const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const SECRET = 'a secret that only this test knows'
const REALM = 'turn.example.org'
const FIRST_RELAY_PORT = 49152
const RELAY_PORTS = 2000

/** Starts a relay and resolves when it answers a Binding request. Throws with its output when it does not. */
export async function startRelay(options: RelayOptions = {}): Promise<RunningRelay> {
  const against = options.against ?? (process.env.TEST_AGAINST === 'coturn' ? 'coturn' : 'taciturn')
  const folder = mkdtempSync(join(tmpdir(), 'relay-test-'))
  const certificate = selfSigned(folder)
  const port = options.port ?? (await freePort())
  const tlsPort = await freePort()
  const metricsPort = await freePort()
  const relayPorts = { from: FIRST_RELAY_PORT, to: FIRST_RELAY_PORT + RELAY_PORTS - 1 }
  const plan: Plan = { options, folder, certificate, port, tlsPort, metricsPort, relayPorts }
  const child = against === 'coturn' ? startCoturn(plan) : startTaciturn(plan)
  const stop = async () => {
    const exit = await child.stop()
    rmSync(folder, { recursive: true, force: true })
    return exit
  }
  try {
    await answers(child, port)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    against,
    child,
    port,
    tlsPort,
    realm: REALM,
    secret: SECRET,
    relayPorts,
    certificate,
    folder,
    ...(against === 'taciturn' && {
      metrics: `http://127.0.0.1:${metricsPort}/metrics`,
      config: join(folder, 'turnserver.json'),
    }),
    stop,
  }
}

interface Plan {
  readonly options: RelayOptions
  readonly folder: string
  readonly certificate: Certificate
  readonly port: number
  readonly tlsPort: number
  readonly metricsPort: number
  readonly relayPorts: { readonly from: number; readonly to: number }
}

function startTaciturn(plan: Plan): Child {
  if (!existsSync(MAIN)) throw new Error('the relay is not built: run npm run build')
  const hosts = plan.options.ipv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']
  const file = join(plan.folder, 'turnserver.json')
  plan.options.before?.(plan.folder)
  const settings = {
    realm: REALM,
    listen: hosts.flatMap(host => [
      `udp://${host}:${plan.port}`,
      `tcp://${host}:${plan.port}`,
      `tls://${host}:${plan.tlsPort}`,
    ]),
    tls: plan.certificate,
    relay: {
      addresses: plan.options.ipv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'],
      ports: `${plan.relayPorts.from}-${plan.relayPorts.to}`,
    },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    peers: { deny: ['recommended'], allow: plan.options.loopbackPeers ? ['127.0.0.0/8', '::1/128'] : [] },
    metrics: `http://127.0.0.1:${plan.metricsPort}`,
    console: false,
    log: { level: 'debug', format: 'json', privacy: 'none' },
    state: plan.folder,
    udp: process.env.TEST_UDP ?? 'auto',
    ...plan.options.settings,
  }
  writeFileSync(file, JSON.stringify(settings, undefined, 2), { mode: 0o600 })
  const more = plan.options.arguments ?? []
  const args = [HEAP_FLAG, MAIN, 'serve', '--config', file, ...more]
  const env = { ...process.env, ...plan.options.env }
  return new Child(plan.options.node ?? process.execPath, args, { cwd: plan.folder, env })
}

function startCoturn(plan: Plan): Child {
  const hosts = plan.options.ipv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  return new Child(
    'turnserver',
    [
      '-n',
      '--use-auth-secret',
      `--static-auth-secret=${SECRET}`,
      `--realm=${REALM}`,
      ...hosts.flatMap(host => [`--listening-ip=${host}`, `--relay-ip=${host}`]),
      `--listening-port=${plan.port}`,
      `--tls-listening-port=${plan.tlsPort}`,
      `--cert=${plan.certificate.certificate}`,
      `--pkey=${plan.certificate.key}`,
      `--min-port=${plan.relayPorts.from}`,
      `--max-port=${plan.relayPorts.to}`,
      '--allow-loopback-peers',
      '--no-cli',
      '--log-file=stdout',
      `--pidfile=${join(plan.folder, 'pid')}`,
      `--db=${join(plan.folder, 'db')}`,
    ],
    { cwd: plan.folder },
  )
}

/** Resolves when the server answers STUN; rejects when it ended, or said nothing for a minute. */
async function answers(child: Child, port: number): Promise<void> {
  const ended = child.exited.then(exit => {
    throw new Error(`the server ended at once (${exit.signal ?? exit.code}):\n${child.output}`)
  })
  // When the answer comes first, nobody waits for this promise any more.
  ended.catch(() => undefined)
  const answer = await Promise.race([ask(port, bindingRequest(), 60_000), ended])
  if (!answer) throw new Error(`the server answers no STUN on port ${port}:\n${child.output}`)
}
