import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseIp } from '../../src/base/address.ts'
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { benchCertificate } from '../../src/load/certificate.ts'
import { cpuMicros, residentOctets } from '../../src/load/measure/process-figures.ts'
import { freePorts } from '../../src/load/ports.ts'
import type { Place } from './call.ts'

const LOOPBACK = '127.0.0.1'
const MAIN = resolve('dist/cli/main.js')
/** Lines of its log that are kept. */
const KEPT = 200

/** The relay under test, a process of its own. */
export class Server {
  readonly place: Place
  readonly metricsUrl: string
  /** What it wrote, last lines. */
  readonly log: string[] = []
  lines = 0
  readonly #process: ChildProcess
  readonly #folder: string
  readonly #settings: Record<string, unknown>
  #reloads = 0

  private constructor(folder: string, settings: Record<string, unknown>, place: Place, metricsUrl: string) {
    this.#folder = folder
    this.#settings = settings
    this.place = place
    this.metricsUrl = metricsUrl
    this.#write()
    this.#process = spawn(process.execPath, [HEAP_FLAG, MAIN, 'serve', '--config', this.#file], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        const lines = text.split('\n').filter(line => line !== '')
        this.lines += lines.length
        this.log.push(...lines)
        this.log.splice(0, this.log.length - KEPT)
      })
    }
  }

  /** Starts a relay and waits until it says that it is ready. */
  static async start(workers: number, udp: string): Promise<Server> {
    if (!existsSync(MAIN)) throw new Error('the relay is not built: run npm run build')
    const folder = mkdtempSync(join(tmpdir(), 'taciturn-soak-'))
    const [port, tlsPort, metricsPort] = await freePorts(3)
    const pair = benchCertificate(parseIp(LOOPBACK)!, Date.now())
    writeFileSync(join(folder, 'cert.pem'), pair.certificate)
    writeFileSync(join(folder, 'key.pem'), pair.key, { mode: 0o600 })
    const secret = randomBytes(24).toString('base64url')
    const settings = {
      realm: 'soak',
      listen: [`udp://${LOOPBACK}:${port}`, `tcp://${LOOPBACK}:${port}`, `tls://${LOOPBACK}:${tlsPort}`],
      tls: { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') },
      relay: { addresses: [LOOPBACK], ports: '20000-32000' },
      homeservers: [{ name: 'soak', secrets: [secret] }],
      peers: { allow: [`${LOOPBACK}/32`] },
      // All calls come from one address here.
      limits: { allocationsPerAddress: 10_000, connectionsPerAddress: 10_000 },
      metrics: `http://${LOOPBACK}:${metricsPort}`,
      workers,
      udp,
      log: { level: 'warn', format: 'json' },
      state: folder,
    }
    const credentials = (user: string) => {
      const username = `${Math.floor(Date.now() / 1000) + 7200}:${user}`
      return { username, password: createHmac('sha1', secret).update(username).digest('base64') }
    }
    const place = { port: port!, tlsPort: tlsPort!, certificate: pair.certificate, credentials }
    const server = new Server(folder, settings, place, `http://${LOOPBACK}:${metricsPort}`)
    const until = performance.now() + 20_000
    while (performance.now() < until && server.#process.exitCode === null) {
      const metrics = await server.scrape().catch(() => undefined)
      if (metrics?.get('taciturn_ready') === 1) return server
      await new Promise(done => setTimeout(done, 100))
    }
    await server.stop()
    throw new Error(`the relay does not start:\n${server.log.join('\n')}`)
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Fetches the metrics; sums by name, as labels do not matter here. */
  async scrape(): Promise<Map<string, number>> {
    const response = await fetch(`${this.metricsUrl}/metrics`, { signal: AbortSignal.timeout(5000) })
    const sums = new Map<string, number>()
    for (const line of (await response.text()).split('\n')) {
      const found = /^([a-z_0-9]+)(\{[^}]*\})? (\S+)/.exec(line)
      if (!found) continue
      const name = found[1]!
      sums.set(name, (sums.get(name) ?? 0) + Number(found[3]))
      if (found[2]?.includes('state="used"')) sums.set(`${name}_used`, Number(found[3]))
    }
    return sums
  }

  /** Octets of memory, and descriptors, of which how many are sockets. */
  figures(): { readonly rss: number; readonly descriptors: number; readonly sockets: number } {
    const folder = `/proc/${this.#process.pid}/fd`
    let sockets = 0
    const names = readdirSync(folder)
    for (const name of names) {
      try {
        if (readlinkSync(join(folder, name)).startsWith('socket:')) sockets++
      } catch {
        // Closed in between.
      }
    }
    return { rss: residentOctets(this.#process.pid!) ?? 0, descriptors: names.length, sockets }
  }

  /** Microseconds of processor time so far. */
  cpu(): number {
    return cpuMicros(this.#process.pid!) ?? 0
  }

  /** Changes the configuration under the calls: one secret more, one range denied, every other time. */
  reload(): void {
    this.#reloads++
    this.#write()
    this.#process.kill('SIGHUP')
  }

  /** Ends it as systemd does; returns its exit code, or the signal that was needed. */
  async stop(): Promise<number | string> {
    const ended = this.isAlive ? once(this.#process, 'exit') : undefined
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), 20_000)
    await ended
    clearTimeout(force)
    rmSync(this.#folder, { recursive: true, force: true })
    return this.#process.exitCode ?? this.#process.signalCode ?? 'unknown'
  }

  get #file(): string {
    return join(this.#folder, 'turnserver.json')
  }

  #write(): void {
    const isOdd = this.#reloads % 2 === 1
    const [homeserver] = this.#settings.homeservers as { name: string; secrets: string[] }[]
    const { secrets } = homeserver!
    const settings = {
      ...this.#settings,
      homeservers: [{ name: 'soak', secrets: isOdd ? [...secrets, SECOND] : secrets }],
      peers: { allow: [`${LOOPBACK}/32`], deny: isOdd ? ['recommended', '192.0.2.0/24'] : ['recommended'] },
    }
    writeFileSync(`${this.#file}.new`, JSON.stringify(settings), { mode: 0o600 })
    renameSync(`${this.#file}.new`, this.#file)
  }
}

const SECOND = randomBytes(24).toString('base64url')
