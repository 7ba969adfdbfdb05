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
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { LookClient } from './client.ts'
import { credential } from './credential.ts'
import { bansOf, settings } from './settings.ts'
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
    bans: { type: 'string', default: '16000' },
    only: { type: 'string', default: '' },
    udp: { type: 'string', default: 'auto' },
    // Below the ports that the kernel hands out by itself.
    port: { type: 'string', default: '24810' },
    main: { type: 'string', default: join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js') },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --allocations (${options.allocations}; ulimit -n must allow twice as many sockets in the relay);
--seconds of each look (${options.seconds}); --bans that are in force (${options.bans}); --only looks whose name begins so, with commas between; --udp native or dgram; --port of the relay, and the two above it (${options.port}); --main the program`)
  process.exit()
}
const allocations = Number(options.allocations)
const seconds = Number(options.seconds)
const port = Number(options.port)
const [metrics, console_] = [port + 1, port + 2]
const secrets = { caller: randomBytes(32).toString('hex'), crowd: randomBytes(32).toString('hex') }
const token = randomBytes(32).toString('hex')
const folder = mkdtempSync(join(tmpdir(), 'bench-looks-'))
const file = join(folder, 'turnserver.json')
const lookedAt = {
  ...{ port, metrics, console: console_, allocations },
  ...{ secrets, token, state: folder, udp: options.udp },
}
const configure = (changed?: Parameters<typeof settings>[1]) =>
  writeFileSync(file, JSON.stringify(settings(lookedAt, changed)), { mode: 0o600 })
configure()
writeFileSync(join(folder, 'bans.json'), JSON.stringify(bansOf(Number(options.bans))), { mode: 0o600 })

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
const caller = await LookClient.connect(port, credential(secrets.caller, '@caller:example.org'))
await caller.allocate()
await caller.bind(peer.address().port)

const stream = setInterval(() => {
  const payload = Buffer.alloc(160)
  payload.writeDoubleBE(performance.now())
  caller.send(payload)
}, 2)
const looker = new Worker(new URL('./looker.js', import.meta.url), {
  workerData: { metrics, port: console_, token, state: folder },
})
looker.on('error', error => {
  throw error
})
const only = options.only.split(',').filter(name => name !== '')

const LOOKS: readonly (readonly [name: string, what: string])[] = [
  ['metrics', 'GET /metrics'],
  ['status', 'GET /api/v1/status'],
  ['sessions', 'GET /api/v1/sessions'],
  ['all-sessions', 'GET /api/v1/sessions?limit=20000'],
  ['tables', 'all sessions and past figures as CSV'],
  ['history', 'GET /api/v1/history and /history/hours'],
  ['usage', 'usage of every user, as JSON and as CSV'],
  ['find', 'the pseudonym of a name'],
  ['bans', `all ${options.bans} bans`],
  ['ban', 'a ban is made and lifted'],
  ['drain', 'a drain begins and is cancelled'],
  ['limit', 'a limit is changed and changed back'],
  ['pause', 'a homeserver is paused and resumed'],
  ['block', 'a user is blocked and unblocked'],
  ['rehearse', 'the whole state is written, for an upgrade'],
]

const overUdp = crowd('udp')
await measure('open', `${allocations} clients open`, () => overUdp({ open: allocations }), 1)
await measure('nothing', 'nothing', () => {})
for (const [name, what] of LOOKS) await measure(name, what, () => look(name))
if (isWanted('feed')) {
  await look('feed')
  await measure('feed', 'the console is open', () => {})
  await look('feed-end')
}
let changed = false
const reload = (how: Parameters<typeof settings>[1]) => () => {
  changed = !changed
  configure(changed ? how : {})
  relay.kill('SIGHUP')
}
await measure('reload', 'reload that changes a rate', reload({ bitratePerUser: '32 Mbit/s' }))
await measure('reload-homeserver', 'reload without the homeserver of all', reload({ withoutCrowd: true }))
configure()
if (isWanted('expire')) {
  // All were granted ten minutes; the caller refreshes in between.
  relay.send({ ahead: 400_000 })
  // Answered after what was asked before.
  await longest()
  await caller.refresh()
  await caller.bind(peer.address().port)
  await measure('expire', 'all the others expire at once', () => void relay.send({ ahead: 230_000 }), 1)
  await overUdp('leave')
}
if (isWanted('disconnect')) {
  const ofOne = crowd('udp', '@crowd:example.org')
  await measure('open', `${allocations} clients of one user open`, () => ofOne({ open: allocations }), 1)
  await measure(
    'disconnect',
    'a user with all of these is disconnected',
    async () => looker.postMessage('disconnect-all'),
    1,
  )
  await ofOne('leave')
}
if (isWanted('ban-all')) {
  const banned = crowd('udp')
  await measure('open', `${allocations} clients open`, () => banned({ open: allocations }), 1)
  await measure('ban-all', 'the address of all of these is banned', () => look('ban-all'), 1)
  await look('ban-end')
  await banned('leave')
}
if (isWanted('hang-up')) {
  const overTcp = crowd('tcp')
  // Each takes two descriptors of the relay.
  const streams = Math.floor(allocations * 0.9)
  await measure('open', `${streams} clients open over TCP`, () => overTcp({ open: streams }), 1)
  await measure('hang-up', 'all of these hang up at once', () => void overTcp('leave'), 1)
}
clearInterval(stream)
await looker.terminate()
process.exit()

/** Clients in a thread of their own, of one user or of one each; resolves when they have done what they are told. */
function crowd(
  via: 'udp' | 'tcp',
  user?: string,
): (what: { readonly open: number } | 'leave') => Promise<void> {
  const worker = new Worker(new URL('./crowd.js', import.meta.url), {
    workerData: { port, via, secret: secrets.crowd, from: '127.0.0.2', user },
  })
  return async what => {
    worker.postMessage(what)
    await once(worker, 'message')
  }
}

/** Has somebody look; resolves when what was asked for has come. */
async function look(name: string): Promise<void> {
  looker.postMessage(name)
  await once(looker, 'message')
}

function isWanted(name: string): boolean {
  return only.length === 0 || name === 'open' || only.some(one => name.startsWith(one))
}

/** Does something once a second, so many times, and prints how long packets took until some seconds after it. */
async function measure(
  name: string,
  what: string,
  look: () => void | Promise<void>,
  times = seconds,
): Promise<void> {
  if (name !== 'open' && !isWanted(name)) return
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
