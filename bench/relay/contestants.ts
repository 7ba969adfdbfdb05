import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HEAP_FLAG } from '../../src/base/heap.ts'

/** A relay under load: a process of its own on 127.0.0.1. */
export interface Contestant {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** CPU time of all its threads so far, user and system, in microseconds. */
  cpu(): number
  /** Resident memory in octets. */
  resident(): number
  stop(): Promise<void>
}

const SECRET = 'nothing but a benchmark knows this'
/** Milliseconds in which a relay has to answer its first Binding request. */
const PATIENCE = 20_000

// The relays end with the benchmark.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A credential that every contestant takes. */
export function credential(user: string): { username: string; password: string } {
  const username = `${Math.floor(Date.now() / 1000) + 3600}:${user}`
  return { username, password: createHmac('sha1', SECRET).update(username).digest('base64') }
}

/** Bit rates that are set, such as "100 Gbit/s". */
export interface Rates {
  readonly ofUser?: string
  readonly ofHomeserver?: string
  readonly inAll?: string
}

/** Starts the built relay with this kind of socket; undefined when this machine cannot have it. */
export async function startTaciturn(
  udp: 'dgram' | 'native',
  port: number,
  node = process.execPath,
  { ofUser, ofHomeserver, inAll }: Rates = {},
): Promise<Contestant | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-relay-'))
  const file = join(folder, 'turnserver.json')
  const settings = {
    realm: 'bench',
    listen: [`udp://127.0.0.1:${port}`],
    relay: { addresses: ['127.0.0.1'] },
    homeservers: [
      { name: 'bench', secrets: [SECRET], ...(ofHomeserver && { limits: { bitrate: ofHomeserver } }) },
    ],
    peers: { deny: ['recommended'], allow: ['127.0.0.0/8'] },
    limits: {
      allocationsPerAddress: 16384,
      allocationsPerUserPerMinute: 'unlimited',
      requestsPerUserPerSecond: 'unlimited',
      unverifiedAnswersPerNetwork: 'unlimited',
      ...(ofUser && { bitratePerUser: ofUser }),
      ...(inAll && { bitrate: inAll }),
    },
    metrics: false,
    console: false,
    control: false,
    workers: 1,
    udp,
    log: { level: 'warn' },
    state: folder,
  }
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  const main = join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js')
  const child = spawn(node, [HEAP_FLAG, main, 'serve', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return contestant(`taciturn, ${udp}`, child, port, folder)
}

/** Starts Debian's coturn; undefined when it is not installed. */
export async function startCoturn(port: number): Promise<Contestant | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-relay-'))
  const quiet = ['-n', '--no-cli', '--log-file=/dev/null', '--pidfile', join(folder, 'pid')]
  const network = ['-L', '127.0.0.1', '-E', '127.0.0.1', '-p', `${port}`, '--no-tls', '--no-dtls', '--no-tcp']
  const users = ['--use-auth-secret', `--static-auth-secret=${SECRET}`, '-r', 'bench']
  // One relay thread costs it the least CPU time for a packet.
  const rest = ['-m', '1', '--allow-loopback-peers', '--db', join(folder, 'db')]
  const child = spawn('turnserver', [...quiet, ...network, ...users, ...rest], { stdio: 'ignore' })
  return contestant('coturn', child, port, folder)
}

async function contestant(
  name: string,
  child: ChildProcess,
  port: number,
  folder: string,
): Promise<Contestant | undefined> {
  let ended = false
  const orphan = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', orphan)
  const end = new Promise<void>(resolve => {
    const note = () => {
      ended = true
      process.off('exit', orphan)
      resolve()
    }
    child.once('exit', note)
    child.once('error', note)
  })
  const stop = async () => {
    if (!ended) child.kill('SIGKILL')
    await end
    rmSync(folder, { recursive: true, force: true })
  }
  if (!(await answers(port, () => ended))) {
    await stop()
    return undefined
  }
  const pid = child.pid!
  return { name, port, pid, cpu: () => cpuTime(pid), resident: () => resident(pid), stop }
}

async function answers(port: number, ended: () => boolean): Promise<boolean> {
  const request = Buffer.alloc(20)
  request.writeUInt16BE(0x0001, 0)
  request.writeUInt32BE(0x2112a442, 4)
  const socket = createSocket('udp4')
  // Refused until the relay listens.
  socket.on('error', () => {})
  let answered = false
  socket.on('message', () => {
    answered = true
  })
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  for (const begin = performance.now(); !answered && !ended() && performance.now() - begin < PATIENCE; ) {
    socket.send(request, () => {})
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  socket.close()
  return answered
}

/** As the scheduler counts it, to the nanosecond; /proc/PID/stat has the same in ticks of ten milliseconds. */
function cpuTime(pid: number): number {
  let nanos = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
  }
  return nanos / 1000
}

function resident(pid: number): number {
  const kilobytes = readFileSync(`/proc/${pid}/status`, 'latin1').match(/^VmRSS:\s+(\d+) kB$/m)
  return Number(kilobytes![1]) * 1024
}
