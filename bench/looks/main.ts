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
import type { Stretch } from './stretch.ts'

/*
 * What an operator's look costs the calls, and what it costs them when many
 * allocations end in one moment: the longest delay of a stream of 500 packets a
 * second through a relay of one thread with many allocations.
 *
 * By the clock other programs are in it. So it is also said how much CPU time
 * the relay used at most between two looks for datagrams (see `stretch.ts`):
 * that is what a packet waits on a machine that has nothing else to do.
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
  console.log(`Options: --allocations (${options.allocations}; ulimit -n must allow twice as many sockets in the relay);
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

const stretch = new URL('./stretch.js', import.meta.url).href
const relay = spawn(
  process.execPath,
  [HEAP_FLAG, '--import', stretch, options.main, 'serve', '--config', file],
  { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
)
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

const stream = setInterval(() => {
  const payload = Buffer.alloc(160)
  payload.writeDoubleBE(performance.now())
  caller.send(payload)
}, 2)
const looker = new Worker(new URL('./looker.js', import.meta.url), {
  workerData: { metrics, console: console_, token },
})

const overUdp = crowd('udp')
await measure(`${allocations} clients open`, () => overUdp({ open: allocations }), 1)
await measure('nothing', () => {})
await measure('GET /metrics', () => looker.postMessage('metrics'))
await measure('GET /api/v1/status', () => looker.postMessage('status'))
await measure('GET /api/v1/sessions', () => looker.postMessage('sessions'))
await measure('GET /api/v1/sessions?limit=20000', () => looker.postMessage('all-sessions'))
await measure('all sessions and past figures as CSV', () => looker.postMessage('tables'))
await measure('GET /api/v1/history and /history/hours', () => looker.postMessage('history'))
looker.postMessage('feed')
await measure('the console is open', () => {})
looker.postMessage('feed-end')
let changed = false
await measure('reload that changes a rate', () => {
  changed = !changed
  writeFileSync(file, JSON.stringify(settings(changed ? '32 Mbit/s' : '64 Mbit/s')))
  relay.kill('SIGHUP')
})
// All were granted ten minutes; the caller refreshes in between.
relay.send({ ahead: 400_000 })
// Answered after what was asked before.
await longest()
await caller.refresh()
await caller.bind(peer.address().port)
await measure('all the others expire at once', () => void relay.send({ ahead: 230_000 }), 1)
await overUdp('leave')
await measure(`${allocations} clients open`, () => overUdp({ open: allocations }), 1)
await measure('a user with all of these is disconnected', () => looker.postMessage('disconnect-all'), 1)
await overUdp('leave')
const overTcp = crowd('tcp')
// Each takes two descriptors of the relay.
const streams = Math.floor(allocations * 0.9)
await measure(`${streams} clients open over TCP`, () => overTcp({ open: streams }), 1)
await measure('all of these hang up at once', () => void overTcp('leave'), 1)
clearInterval(stream)
await looker.terminate()
process.exit()

/** Clients in a thread of their own; resolves when they have done what they are told. */
function crowd(via: 'udp' | 'tcp'): (what: { readonly open: number } | 'leave') => Promise<void> {
  const worker = new Worker(new URL('./crowd.js', import.meta.url), {
    workerData: { port, via, ...credential('@crowd:example.org') },
  })
  return async what => {
    worker.postMessage(what)
    await once(worker, 'message')
  }
}

/** Does something once a second, so many times, and prints how long packets took until some seconds after it. */
async function measure(what: string, look: () => void | Promise<void>, times = seconds): Promise<void> {
  await sleep(500)
  await longest()
  delays.length = 0
  for (let second = 0; second < times; second++) {
    await look()
    await sleep(1000)
  }
  await sleep((seconds - times) * 1000)
  const { cpu } = await longest()
  const sorted = delays.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)
  const most = (sorted.at(-1) ?? Number.NaN).toFixed(2)
  console.log(
    `${what.padEnd(42)} longest ${most.padStart(7)} ms, in CPU ${cpu.toFixed(2).padStart(7)} ms   p99 ${at(0.99).padStart(7)}   median ${at(0.5).padStart(6)}   ${sorted.length} packets`,
  )
}

/** Asks the relay for the longest stretch since it was asked last. */
async function longest(): Promise<Stretch> {
  relay.send('stretch')
  const [answer] = (await once(relay, 'message')) as [Stretch]
  return answer
}

function credential(user: string) {
  const username = `${Math.floor(Date.now() / 1000) + 86_400}:${user}`
  return { username, password: password(Buffer.from(secret), username) }
}

function settings(bitratePerUser: string) {
  const most = allocations + 100
  return {
    realm: 'looks.example.org',
    listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`],
    relay: { addresses: ['127.0.0.1'], ports: '30000-65000' },
    homeservers: [{ name: 'looks', secrets: [secret] }],
    peers: { deny: ['recommended'], allow: ['127.0.0.0/8'] },
    limits: {
      allocations: most,
      allocationsPerUser: most,
      allocationsPerAddress: most,
      connections: most,
      connectionsPerAddress: most,
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
