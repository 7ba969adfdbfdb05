import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { cpuMicros, residentOctets } from '../../src/load/measure/process-figures.ts'
import { Hand, SECRET } from './hand.ts'

export interface BenchRelay {
  readonly port: number
  readonly pid: number
  /** Microseconds of processor time of all its threads so far. */
  cpu(): number
  /** Bytes that are resident. */
  resident(): number
  stop(): Promise<void>
}

export interface BenchRelayOptions {
  readonly port: number
  readonly main?: string
  readonly udp?: string
  readonly workers?: number
  readonly limits?: Readonly<Record<string, unknown>>
  /** More arguments for Node.js. */
  readonly node?: readonly string[]
}

/** The built program, seen from a benchmark that is built too. */
export const MAIN = join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js')

/** No limit on rates, for benchmarks of what one thing costs. */
export const NO_RATES = {
  requestsPerUserPerSecond: 'unlimited',
  peersPerUserPerMinute: 'unlimited',
  allocationsPerUserPerMinute: 'unlimited',
  unverifiedAnswers: 'unlimited',
  unverifiedAnswersPerNetwork: 'unlimited',
} as const

// The relay ends with the benchmark.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Starts the built relay on loopback, UDP and TCP, for both families. */
export async function startBenchRelay(options: BenchRelayOptions): Promise<BenchRelay> {
  const { port, main = MAIN, udp = 'auto', workers = 1, limits = {}, node = [] } = options
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const file = join(folder, 'turnserver.json')
  const settings = {
    realm: 'bench.example.org',
    listen: ['127.0.0.1', '[::1]'].flatMap(host => [`udp://${host}:${port}`, `tcp://${host}:${port}`]),
    relay: { addresses: ['127.0.0.1', '::1'], ports: '30000-65000' },
    homeservers: [{ name: 'bench', secrets: [SECRET] }],
    peers: { deny: ['recommended'], allow: ['127.0.0.0/8', '::1/128', '2001:db8::/32'] },
    limits,
    metrics: false,
    console: false,
    control: false,
    workers,
    udp,
    log: { level: 'error' },
    state: folder,
  }
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  const child = spawn(process.execPath, [HEAP_FLAG, ...node, main, 'serve', '--config', file], {
    stdio: ['ignore', 'inherit', node.length > 0 ? 'ignore' : 'inherit'],
  })
  const orphan = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', orphan)
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) throw new Error('the relay has ended')
    const first = await Promise.race([
      Hand.open({ port }, 'first').catch(() => undefined),
      sleep(500, undefined),
    ])
    first?.close()
    if (first) break
    if (tries > 40) throw new Error('the relay does not answer')
  }
  const pid = child.pid!
  return {
    port,
    pid,
    cpu: () => cpuMicros(pid) ?? Number.NaN,
    resident: () => residentOctets(pid) ?? Number.NaN,
    stop: async () => {
      const ended = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      process.off('exit', orphan)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
