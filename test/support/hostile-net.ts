import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Certificate, selfSigned } from './certificate.ts'
import type { Child, Exit } from './child.ts'
import { Namespace, wire } from './namespaces.ts'
import { MAIN } from './relay.ts'
import { ask, bindingRequest } from './stun.ts'

/*
 *     client ───── turn ───── victim         (every address there is lies behind the victim)
 *                   │
 *                 crowd                      (60.0.0.0/8, anybody and nobody; 61.0.0.0/8 answers TCP)
 */

/** The server as the world sees it: where it listens, and where it relays. */
export const SERVER = { ip4: '45.10.20.1', ip6: '2a01:4f8:1::1' } as const
/** Another address of the server, on the way to the client. */
export const INSIDE = { ip4: '81.2.69.1', ip6: '2a02:100:1::1' } as const
export const CLIENT = { ip4: '81.2.69.10', ip6: '2a02:100:1::10' } as const
export const PORT = 3478
export const TLS_PORT = 5349
export const METRICS_PORT = 9641
export const SECRET = 'a secret that only this test knows'
const VICTIM = { ip4: '45.10.20.2', ip6: '2a01:4f8:1::2' } as const
const REALM = 'turn.example.org'

export interface HostileNet {
  readonly turn: Namespace
  readonly victim: Namespace
  readonly crowd: Namespace
  /** MAC addresses of the wire between the server and the victim. */
  readonly macs: { readonly turn: string; readonly victim: string }
}

/** Lays out the network; this process must stand in the client's namespace. */
export async function hostileNet(t: Test): Promise<HostileNet> {
  const [turn, victim, crowd] = await Promise.all(['turn', 'victim', 'crowd'].map(Namespace.create))
  const client = Namespace.own()
  t.teardown(() => {
    client.run('ip', 'link', 'delete', 'outside')
    for (const one of [turn, victim, crowd]) one!.close()
  })
  const v4 = (ip: { ip4: string }) => `${ip.ip4}/24`
  const v6 = (ip: { ip6: string }) => `${ip.ip6}/64`
  wire(
    { at: turn!, device: 'inside', addresses: [v4(INSIDE), v6(INSIDE)] },
    { at: client, device: 'outside', addresses: [v4(CLIENT), v6(CLIENT)] },
  )
  const macs = wire(
    { at: turn!, device: 'world', addresses: [v4(SERVER), v6(SERVER)] },
    { at: victim!, device: 'world', addresses: [v4(VICTIM), v6(VICTIM)] },
  )
  wire(
    { at: turn!, device: 'many', addresses: ['62.1.0.1/24'] },
    { at: crowd!, device: 'many', addresses: ['62.1.0.2/24'] },
  )
  client.route('default', 'via', INSIDE.ip4)
  client.route('default', 'via', INSIDE.ip6)
  turn!.route('default', 'via', VICTIM.ip4)
  turn!.route('default', 'via', VICTIM.ip6)
  turn!.route('60.0.0.0/7', 'via', '62.1.0.2')
  crowd!.route('default', 'via', '62.1.0.1')
  crowd!.route('local', '61.0.0.0/8', 'dev', 'lo')
  return { turn: turn!, victim: victim!, crowd: crowd!, macs: { turn: macs.a, victim: macs.b } }
}

export interface HostileServer {
  readonly kind: 'taciturn' | 'coturn'
  readonly child: Child
  readonly folder: string
  readonly certificate: Certificate
  /** Writes the configuration anew with these keys over it and has it read; resolves when it is in force. */
  reload(settings: Readonly<Record<string, unknown>>): Promise<void>
  stop(): Promise<Exit>
}

/** Starts the relay in the server's namespace; `before` are words to put in front of the command. */
export async function startTaciturn(
  t: Test,
  { turn }: HostileNet,
  settings: Readonly<Record<string, unknown>> = {},
  before: readonly string[] = [],
): Promise<HostileServer> {
  const folder = folderFor(t)
  const certificate = selfSigned(folder)
  const file = join(folder, 'turnserver.json')
  const hosts = [SERVER.ip4, `[${SERVER.ip6}]`]
  const write = (over: Readonly<Record<string, unknown>>) =>
    writeFileSync(
      file,
      JSON.stringify({
        realm: REALM,
        listen: hosts.flatMap(host => [
          `udp://${host}:${PORT}`,
          `tcp://${host}:${PORT}`,
          `tls://${host}:${TLS_PORT}`,
        ]),
        tls: { certificate: certificate.certificate, key: certificate.key },
        relay: { addresses: [SERVER.ip4, SERVER.ip6], ports: '49152-65535' },
        homeservers: [{ name: 'example.org', secrets: [SECRET] }],
        metrics: `http://${INSIDE.ip4}:${METRICS_PORT}`,
        log: { level: 'info', format: 'json', privacy: 'none' },
        workers: 1,
        state: folder,
        ...settings,
        ...over,
      }),
      { mode: 0o600 },
    )
  write({})
  const words = [...before, process.execPath, MAIN, 'serve', '--config', file]
  const child = turn.start(words[0]!, words.slice(1))
  const stop = () => child.stop()
  t.teardown(stop)
  await answers(child)
  let reloads = 0
  return {
    kind: 'taciturn',
    child,
    folder,
    certificate,
    reload: async over => {
      write(over)
      child.signal('SIGHUP')
      reloads++
      await child.says(new RegExp(`(?:configuration reloaded[^]*){${reloads}}`))
    },
    stop,
  }
}

/** Starts Debian's coturn in the server's namespace, as its manual says to. */
export async function startCoturn(
  t: Test,
  { turn }: HostileNet,
  options: readonly string[] = [],
): Promise<HostileServer> {
  const folder = folderFor(t)
  const certificate = selfSigned(folder)
  const child = turn.start('turnserver', [
    ...['-n', '--use-auth-secret', `--static-auth-secret=${SECRET}`, `--realm=${REALM}`],
    ...[SERVER.ip4, SERVER.ip6].flatMap(ip => [`--listening-ip=${ip}`, `--relay-ip=${ip}`]),
    ...[`--listening-port=${PORT}`, `--tls-listening-port=${TLS_PORT}`],
    ...[`--cert=${certificate.certificate}`, `--pkey=${certificate.key}`],
    ...['--no-cli', '--log-file=stdout', `--pidfile=${folder}/pid`, `--db=${folder}/db`],
    ...options,
  ])
  const stop = () => child.stop()
  t.teardown(stop)
  await answers(child)
  const reload = async () => {
    throw new Error('coturn reads its configuration once')
  }
  return { kind: 'coturn', child, folder, certificate, reload, stop }
}

/** A value of the metrics page, as reached from the client. */
export async function metric(name: string): Promise<number> {
  const page = await (await fetch(`http://${INSIDE.ip4}:${METRICS_PORT}/metrics`)).text()
  const values = page.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function answers(child: Child): Promise<void> {
  const ended = child.exited.then(() => Promise.reject(new Error(`the server ended:\n${child.output}`)))
  ended.catch(() => undefined)
  if (await Promise.race([ask(PORT, bindingRequest(), 20_000, SERVER.ip4), ended])) return
  throw new Error(`the server answers no STUN:\n${child.output}`)
}
