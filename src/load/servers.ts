import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseIp } from '../base/address.ts'
import { HEAP_FLAG } from '../base/heap.ts'
import { loadAddon } from '../system/native-addon.ts'
import type { KeyPair } from '../system/self-signed.ts'
import { MessageWriter, Method, parse } from '../wire/message.ts'
import { benchCertificate } from './certificate.ts'
import { LoadError } from './fault.ts'
import { freePorts } from './ports.ts'
import { Program } from './program.ts'
import type { ClientTransport, Credentials, LoadTarget } from './protocol.ts'

/** A relay under test. */
export interface RunningServer {
  readonly target: LoadTarget
  readonly credentials: Credentials
  /** Its process, where it is on this machine and known. */
  readonly pid: number | undefined
  /** Rejects when the server ends before it is stopped. */
  readonly ended: Promise<never>
  stop(): Promise<void>
}

/** Somebody to put a load on. */
export interface Contestant {
  readonly name: string
  /** What was started, in a few words: version and transport. */
  readonly detail: string
  /** True if it is started for each round, and may be filled up. */
  readonly isOurs: boolean
  /** Starts it, or finds it. Throws a `LoadError`. */
  start(): Promise<RunningServer>
}

export interface OwnOptions {
  readonly version: string
  readonly transport: ClientTransport
  readonly udp: 'auto' | 'native' | 'dgram'
  readonly workers: number | 'auto'
}

export interface RemoteOptions {
  readonly host: string
  readonly port: number
  readonly transport: ClientTransport
  readonly credentials: Credentials
  readonly insecure: boolean
  readonly pid: number | undefined
}

const LOOPBACK = '127.0.0.1'
/** Below the ports that systems give to sockets that ask for any: those are the generator's. */
const RELAY_PORTS = { from: 10_000, to: 32_700 }
const PLENTY = 1_000_000
/** Milliseconds that a server has until it answers. */
const START = 20_000

/** This relay, with a configuration of its own, on loopback. */
export function ownRelay({ version, transport, udp, workers }: OwnOptions): Contestant {
  const kind = udp === 'dgram' || !loadAddon().ok ? 'dgram' : 'native'
  return {
    name: 'taciturn',
    detail: `${version}, ${kind}`,
    isOurs: true,
    start: () =>
      started('taciturn', transport, ({ folder, port, tlsPort, secret, pair }) => {
        const settings = {
          realm: 'bench',
          listen: [
            `udp://${LOOPBACK}:${port}`,
            `tcp://${LOOPBACK}:${port}`,
            ...(pair ? [`tls://${LOOPBACK}:${tlsPort}`] : []),
          ],
          ...(pair && { tls: { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } }),
          relay: { addresses: [LOOPBACK], ports: `${RELAY_PORTS.from}-${RELAY_PORTS.to}` },
          homeservers: [{ name: 'bench', secrets: [secret] }],
          peers: { allow: [`${LOOPBACK}/32`] },
          limits: {
            allocationsPerUser: PLENTY,
            allocationsPerAddress: PLENTY,
            allocations: PLENTY,
            connections: PLENTY,
            connectionsPerAddress: PLENTY,
            // All load comes from one address.
            allocationsPerUserPerMinute: 'unlimited',
            peersPerUserPerMinute: 'unlimited',
            requestsPerUserPerSecond: 'unlimited',
            unverifiedAnswersPerNetwork: 'unlimited',
            unverifiedAnswers: 'unlimited',
          },
          metrics: false,
          workers,
          udp,
          log: { level: 'warn', format: 'text' },
          state: folder,
        }
        write(folder, 'turnserver.json', JSON.stringify(settings))
        const main = fileURLToPath(new URL('../cli/main.js', import.meta.url))
        // As whatever starts it otherwise does, too.
        const args = [HEAP_FLAG, main, 'serve', '--config', join(folder, 'turnserver.json')]
        return new Program('taciturn', process.execPath, args, folder)
      }),
  }
}

/** The coturn that is installed here, on loopback. */
export function coturn(options: Pick<OwnOptions, 'transport' | 'workers'> & { version: string }): Contestant {
  return {
    name: 'coturn',
    detail: options.version,
    isOurs: true,
    start: () =>
      started('coturn', options.transport, ({ folder, port, tlsPort, secret, pair }) => {
        // What it is told in a file is not in its arguments, where others see it.
        const lines = [
          'use-auth-secret',
          `static-auth-secret=${secret}`,
          'realm=bench',
          `listening-ip=${LOOPBACK}`,
          `relay-ip=${LOOPBACK}`,
          `listening-port=${port}`,
          `min-port=${RELAY_PORTS.from}`,
          `max-port=${RELAY_PORTS.to}`,
          ...(pair
            ? [
                `tls-listening-port=${tlsPort}`,
                `cert=${join(folder, 'cert.pem')}`,
                `pkey=${join(folder, 'key.pem')}`,
              ]
            : ['no-tls']),
          'no-dtls',
          'allow-loopback-peers',
          'no-cli',
          'no-stdout-log',
          'log-file=/dev/null',
          `pidfile=${join(folder, 'pid')}`,
          `userdb=${join(folder, 'db')}`,
          ...(options.workers === 'auto' ? [] : [`relay-threads=${options.workers}`]),
        ]
        write(folder, 'turnserver.conf', `${lines.join('\n')}\n`)
        return new Program('coturn', 'turnserver', ['-c', join(folder, 'turnserver.conf')], folder)
      }),
  }
}

/** A relay that runs somewhere already. */
export function remote(options: RemoteOptions): Contestant {
  const { host, port, transport, credentials, insecure, pid } = options
  return {
    name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    detail: '',
    isOurs: false,
    async start() {
      let ip = host
      if (!parseIp(host)) {
        try {
          ip = (await lookup(host)).address
        } catch (error) {
          throw new LoadError({ kind: 'name', host, why: (error as NodeJS.ErrnoException).code ?? '' })
        }
      }
      return {
        target: {
          address: ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`,
          host,
          transport,
          insecure,
        },
        credentials,
        pid,
        ended: new Promise<never>(() => {}),
        stop: async () => {},
      }
    },
  }
}

/** Our address on the way to a server, which its answers and its peers' packets come back to. */
export async function localAddressFor(server: string): Promise<string> {
  const at = server.lastIndexOf(':')
  const host = server.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  try {
    socket.connect(Number(server.slice(at + 1)), host)
    await once(socket, 'connect')
    return socket.address().address
  } catch (error) {
    throw new LoadError({ kind: 'connection', why: (error as Error).message })
  } finally {
    socket.close()
  }
}

interface Place {
  readonly folder: string
  readonly port: number
  readonly tlsPort: number
  readonly secret: string
  /** Only where TLS is wanted. */
  readonly pair: KeyPair | undefined
}

async function started(
  name: string,
  transport: ClientTransport,
  start: (place: Place) => Program,
): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  let program: Program | undefined
  try {
    const pair = transport === 'tls' ? benchCertificate(parseIp(LOOPBACK)!, Date.now()) : undefined
    if (pair) {
      write(folder, 'cert.pem', pair.certificate)
      write(folder, 'key.pem', pair.key)
    }
    const secret = randomBytes(24).toString('base64url')
    const [first, second] = await freePorts(2)
    const place = { folder, port: first!, tlsPort: second!, secret, pair }
    program = start(place)
    const running = program
    if (!(await Promise.race([answers(place.port), running.ended]))) {
      throw new LoadError({ kind: 'start', server: name, output: running.output.trim() })
    }
    const port = transport === 'tls' ? place.tlsPort : place.port
    return {
      target: {
        address: `${LOOPBACK}:${port}`,
        host: LOOPBACK,
        transport,
        insecure: false,
        ...(pair && { ca: pair.certificate }),
      },
      credentials: { kind: 'secret', secret },
      pid: running.pid,
      ended: running.ended,
      async stop() {
        await running.stop()
        remove()
      },
    }
  } catch (error) {
    await program?.stop()
    remove()
    throw error
  }
}

/** True once the server answers a Binding request; false if it never does. */
async function answers(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  try {
    const answered = new Promise<boolean>(resolve => {
      socket.on('message', bytes => {
        if (parse(bytes).kind === 'message') resolve(true)
      })
    })
    // A port that nobody listens on yet.
    socket.on('error', () => {})
    for (const begin = performance.now(); performance.now() - begin < START; ) {
      socket.send(new MessageWriter('request', Method.Binding, randomBytes(12)).finish(), port, LOOPBACK)
      const pause = new Promise<false>(resolve => setTimeout(resolve, 50, false))
      if (await Promise.race([answered, pause])) return true
    }
    return false
  } finally {
    socket.close()
  }
}

function write(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
}
