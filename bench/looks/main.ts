import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { password } from '../../src/auth/shared-secret.ts'
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { LookClient } from './client.ts'

/*
 * What an operator's look costs the calls: the longest delay of a stream of 50
 * packets a second through a relay of one thread with many allocations, while
 * nothing is looked at, and while somebody does each of several things.
 */
const { values: options } = parseArgs({
  options: {
    allocations: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '6' },
    udp: { type: 'string', default: 'auto' },
    // Below the ports that the kernel hands out by itself.
    port: { type: 'string', default: '24810' },
    main: { type: 'string', default: join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js') },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --allocations (${options.allocations}; ulimit -n must allow as many sockets here and in the relay);
--seconds of each look (${options.seconds}); --udp native or dgram; --port of the relay, and the two above it (${options.port}); --main the program`)
  process.exit()
}
const allocations = Number(options.allocations)
const seconds = Number(options.seconds)
const port = Number(options.port)
const [metrics, console_] = [port + 1, port + 2]
const secret = randomBytes(32).toString('hex')
const token = randomBytes(32).toString('hex')
const folder = mkdtempSync(join(tmpdir(), 'bench-looks-'))
const file = join(folder, 'turnserver.json')
writeFileSync(file, JSON.stringify(settings('64 Mbit/s')), { mode: 0o600 })

const relay = spawn(process.execPath, [HEAP_FLAG, options.main, 'serve', '--config', file], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
process.on('exit', () => {
  relay.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (
  let i = 0;
  (await fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => undefined)) === undefined;
  i++
) {
  if (i > 100) throw new Error('the relay does not start')
  await sleep(100)
}

const delays: number[] = []
const peer = createSocket('udp4')
peer.bind(0, '127.0.0.1')
await once(peer, 'listening')
peer.on('message', bytes => void delays.push(performance.now() - bytes.readDoubleBE(0)))
const caller = await LookClient.connect(port, credential('@caller:example.org'))
await caller.allocate()
await caller.bind(peer.address().port)

console.log(`opening ${allocations} allocations`)
const crowd: LookClient[] = []
for (let i = 0; i < allocations; i += 50) {
  const some = await Promise.all(
    Array.from({ length: Math.min(50, allocations - i) }, () =>
      LookClient.connect(port, credential('@crowd:example.org')),
    ),
  )
  await Promise.all(some.map(one => one.allocate()))
  crowd.push(...some)
}

const stream = setInterval(() => {
  const payload = Buffer.alloc(160)
  payload.writeDoubleBE(performance.now())
  caller.send(payload)
}, 20)
const looker = new Worker(new URL('./looker.js', import.meta.url), {
  workerData: { metrics, console: console_, token },
})

await measure('warming up', () => {})
await measure('nothing', () => {})
await measure('GET /metrics', () => looker.postMessage('metrics'))
await measure('GET /api/v1/status', () => looker.postMessage('status'))
await measure('GET /api/v1/sessions', () => looker.postMessage('sessions'))
looker.postMessage('feed')
await measure('the console is open', () => {})
looker.postMessage('feed-end')
let changed = false
await measure('reload that changes a rate', () => {
  changed = !changed
  writeFileSync(file, JSON.stringify(settings(changed ? '32 Mbit/s' : '64 Mbit/s')))
  relay.kill('SIGHUP')
})
looker.postMessage('disconnect-all')
await measure('a user with all the others is disconnected', () => {})
clearInterval(stream)
await looker.terminate()
process.exit()

/** Does something once a second, and prints how long packets took meanwhile. */
async function measure(what: string, look: () => void): Promise<void> {
  await sleep(500)
  delays.length = 0
  for (let second = 0; second < seconds; second++) {
    look()
    await sleep(1000)
  }
  const sorted = delays.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)
  const longest = (sorted.at(-1) ?? Number.NaN).toFixed(2)
  console.log(
    `${what.padEnd(36)} longest ${longest.padStart(7)} ms   p99 ${at(0.99).padStart(7)}   median ${at(0.5).padStart(6)}   ${sorted.length} packets`,
  )
}

function credential(user: string) {
  const username = `${Math.floor(Date.now() / 1000) + 86_400}:${user}`
  return { username, password: password(Buffer.from(secret), username) }
}

function settings(bitratePerUser: string) {
  const most = allocations + 100
  return {
    realm: 'looks.example.org',
    listen: [`udp://127.0.0.1:${port}`],
    relay: { addresses: ['127.0.0.1'], ports: '30000-65000' },
    homeservers: [{ name: 'looks', secrets: [secret] }],
    peers: { deny: ['recommended'], allow: ['127.0.0.0/8'] },
    limits: {
      allocations: most,
      allocationsPerUser: most,
      allocationsPerAddress: most,
      allocationsPerUserPerMinute: 'unlimited',
      requestsPerUserPerSecond: 'unlimited',
      unverifiedAnswers: 'unlimited',
      unverifiedAnswersPerNetwork: 'unlimited',
      bitratePerUser,
    },
    metrics: `http://127.0.0.1:${metrics}`,
    console: {
      listen: `http://127.0.0.1:${console_}`,
      tokens: [{ name: 'bench', token, rights: 'act' }],
    },
    control: false,
    workers: 1,
    udp: options.udp,
    log: { level: 'warn' },
    state: folder,
  }
}
