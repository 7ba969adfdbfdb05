import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseIp } from '../../src/base/address.ts'
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { benchCertificate } from '../../src/load/certificate.ts'
import { freePorts } from '../../src/load/ports.ts'

const MAIN = resolve('dist/cli/main.js')

/** What `taciturn upgrade --json` says. */
export interface Upgrade {
  readonly ok: boolean
  readonly pid: number
  readonly allocations: number
  readonly stays: number
  readonly gap: number
  readonly why?: string
}

/** The relay that is upgraded again and again: a chain of processes. */
export class UpgradedRelay {
  readonly port: number
  readonly tlsPort: number
  readonly secret: string
  readonly #folder: string
  readonly #first: ChildProcess

  private constructor(folder: string, at: Pick<UpgradedRelay, 'port' | 'tlsPort' | 'secret'>) {
    this.port = at.port
    this.tlsPort = at.tlsPort
    this.secret = at.secret
    this.#folder = folder
    this.#first = spawn(process.execPath, [HEAP_FLAG, MAIN, 'serve', '--config', this.#file], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }

  static async start(workers: number): Promise<UpgradedRelay> {
    if (!existsSync(MAIN)) throw new Error('the relay is not built: run npm run build')
    const folder = mkdtempSync(join(tmpdir(), 'bench-upgrade-'))
    const [port, tlsPort] = await freePorts(2)
    const pair = benchCertificate(parseIp('127.0.0.1')!, Date.now())
    writeFileSync(join(folder, 'cert.pem'), pair.certificate)
    writeFileSync(join(folder, 'key.pem'), pair.key, { mode: 0o600 })
    const secret = randomBytes(24).toString('base64url')
    const at = { port: port!, tlsPort: tlsPort!, secret }
    writeFileSync(join(folder, 'turnserver.json'), JSON.stringify(settings(folder, workers, at)), {
      mode: 0o600,
    })
    const relay = new UpgradedRelay(folder, at)
    const until = performance.now() + 20_000
    while (!existsSync(join(folder, 'hand-over.sock'))) {
      if (performance.now() > until || relay.#first.exitCode !== null)
        throw new Error('the relay does not start')
      await sleep(100)
    }
    return relay
  }

  upgrade(): Promise<Upgrade> {
    const line = [MAIN, 'upgrade', '--json', '--config', this.#file]
    return new Promise((done, failed) => {
      execFile(process.execPath, line, { cwd: this.#folder }, (error, stdout, stderr) => {
        if (stdout === '') failed(error ?? new Error(stderr))
        else done(JSON.parse(stdout) as Upgrade)
      })
    })
  }

  /** The processes that there are. */
  processes(): number[] {
    return readdirSync('/proc').flatMap(name => {
      if (!/^\d+$/.test(name)) return []
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
        return line.includes('serve') && line.includes(this.#file) ? [Number(name)] : []
      } catch {
        return []
      }
    })
  }

  /** Ends what there is of it. */
  async stop(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      for (const pid of this.processes()) process.kill(pid, signal)
      const until = performance.now() + 5000
      while (this.processes().length > 0 && performance.now() < until) await sleep(50)
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #file(): string {
    return join(this.#folder, 'turnserver.json')
  }
}

function settings(folder: string, workers: number, at: Pick<UpgradedRelay, 'port' | 'tlsPort' | 'secret'>) {
  const { port, tlsPort, secret } = at
  return {
    realm: 'upgrade',
    listen: ['127.0.0.1', '[::1]'].flatMap(host => [
      `udp://${host}:${port}`,
      `tcp://${host}:${port}`,
      `tls://${host}:${tlsPort}`,
    ]),
    tls: { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') },
    // Below the ports that the system chooses from, where sockets of clients are.
    relay: { addresses: ['127.0.0.1', '::1'], ports: '10000-19999' },
    homeservers: [{ name: 'upgrade', secrets: [secret] }],
    peers: { allow: ['127.0.0.1/32', '::1/128'] },
    // All calls come from one address here.
    limits: { allocationsPerAddress: 10_000, connectionsPerAddress: 10_000 },
    metrics: false,
    console: false,
    control: join(folder, 'control.sock'),
    workers,
    udp: 'native',
    log: { level: 'error', format: 'json' },
    state: folder,
  }
}
