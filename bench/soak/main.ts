import { randomBytes, randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once, setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MessageWriter, Method } from '../../src/wire/message.ts'
import type { Via } from '../support/wire.ts'
import { Call, type Carried, type Manner } from './call.ts'
import { judge, type Sample, type Soak, table } from './report.ts'
import { Server } from './server.ts'
import { malformed, Strangers } from './strangers.ts'

/** A real relay under mixed calls, strangers and reloads, for as long as one likes; then everything must be as before. */
const { values: options } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    calls: { type: 'string', default: '24' },
    rate: { type: 'string', default: '20' },
    workers: { type: 'string', default: '2' },
    udp: { type: 'string', default: 'auto' },
    json: { type: 'string' },
    every: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --hours (${options.hours}); --calls at a time (${options.calls}); --rate packets a second of a call, each
way (${options.rate}); --workers (${options.workers}); --udp auto, native or dgram; --json FILE, where all samples go; --every seconds
a line of progress (${options.every}). Ctrl-C ends early, and properly.`)
  process.exit()
}
const duration = Number(options.hours) * 3_600_000
const isLong = duration >= 600_000
const workers = Number(options.workers)
/** A minute, or shorter in a short soak, so that each thing happens. */
const minute = Math.min(60_000, duration / 4)
const MANNERS: readonly { readonly via: Via; readonly method: Manner['method'] }[] = [
  { via: 'udp', method: 'channel' },
  { via: 'udp', method: 'channel' },
  { via: 'udp', method: 'indication' },
  { via: 'tcp', method: 'channel' },
  { via: 'tls', method: 'channel' },
  { via: 'tls', method: 'indication' },
]
/** Packets of ours for which there is one that is malformed. */
const ONE_MALFORMED_IN = 100
const FLOOD_SECONDS = 3
const FLOOD_RATE = 2000
/** Milliseconds after which the allocation of a client that vanished is over, and its sockets may go. */
const LAPSED = 660_000

const over = new AbortController()
// Everybody listens for the end.
setMaxListeners(0, over.signal)
const server = await Server.start(workers, options.udp)
const strangers = await Strangers.at(server.place.port, server.place.tlsPort)
const probe = createSocket('udp4').bind(0, '127.0.0.1')
await once(probe, 'listening')

const calls = { opened: 0, failed: 0, lost: 0, vanished: 0 }
const packets: Carried = { sent: 0, arrived: 0, bytes: 0 }
const guesses = { refused: 0, admitted: 0 }
const reloads = { asked: 0, done: 0 }
const scrapes = { asked: 0, failed: 0 }
const samples: Sample[] = []
const ghosts = new Set<Call>()
let floods = 0
let running = 0
let number = 0

const begun = Date.now()
const at = () => Date.now() - begun
// The first connection for metrics stays open and belongs to the beginning.
await server.scrape()
const start = await sample()
const cpuBefore = server.cpu()
const end = setTimeout(() => over.abort(), duration)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => over.abort())

const chores = [
  every(1000, async () => {
    samples.push(await sample())
    if (!server.isAlive) over.abort()
  }),
  every(minute, reload),
  every(minute * 1.7, async () => {
    floods++
    await strangers.flood(Math.min(FLOOD_SECONDS, minute / 4000), FLOOD_RATE)
  }),
  every(2000, guess),
  every(5000, async () => strangers.intrude()),
  every(Number(options.every) * 1000, async () => progress()),
]
const lines = Array.from({ length: Number(options.calls) }, (_, i) => line(i))
await Promise.all([...lines, ...chores])
clearTimeout(end)

console.log('all calls leave')
await Promise.all([...ghosts].map(ghost => ghost.release()))
strangers.close()
const cpuShare = (server.cpu() - cpuBefore) / 1000 / at()
const left = await settle()
const last = await sample()
const metrics = await server.scrape().catch(() => new Map<string, number>())
probe.close()
const exit = await server.stop()
const soak: Soak = {
  minutes: at() / 60_000,
  workers,
  samples,
  start,
  end: last,
  calls,
  packets,
  strangers: { datagrams: strangers.sent, floods, ...guesses },
  reloads,
  scrapes,
  cpuShare,
  logLines: server.lines,
  left,
  faults: metrics.get('taciturn_faults_total') ?? Number.NaN,
  exit,
}
const verdict = judge(soak)
console.log(`\n${table(soak, verdict)}`)
if (options.json) writeFileSync(options.json, JSON.stringify({ ...soak, verdict }))
if (!verdict.every(({ holds }) => holds)) {
  console.log(`\nThe last lines of the relay's log:\n${server.log.slice(-20).join('\n')}`)
  process.exitCode = 1
}

/** One call after another, until the soak is over. */
async function line(index: number): Promise<void> {
  // Not all at once.
  await pause(randomInt(3000))
  while (!over.signal.aborted) {
    const { via, method } = MANNERS[number % MANNERS.length]!
    const manner: Manner = {
      via,
      method,
      user: `@soak-${index}:example.org`,
      rate: Number(options.rate),
      seconds: isLong ? randomInt(5, 60) : randomInt(2, 6),
      vanishes: isLong && number % 40 === 7,
    }
    number++
    await one(manner).catch(error => {
      calls.failed++
      console.log(`a call over ${via} failed: ${error instanceof Error ? error.message : error}`)
    })
  }
}

async function one(manner: Manner): Promise<void> {
  const call = await Call.open(manner, server.place)
  calls.opened++
  running++
  // Anything that is not a frame would end a stream, so only datagrams are disturbed.
  const packetsEach = ONE_MALFORMED_IN / (manner.rate * 2)
  const disturbed = setInterval(() => {
    if (manner.via === 'udp') call.disturb(malformed())
    else strangers.malformed()
  }, packetsEach * 1000)
  const carried = await call.talk(over.signal)
  clearInterval(disturbed)
  running--
  packets.sent += carried.sent
  packets.arrived += carried.arrived
  packets.bytes += carried.bytes
  if (carried.arrived < carried.sent) calls.lost++
  if (!manner.vanishes) {
    await call.release()
    return
  }
  calls.vanished++
  if (manner.via !== 'udp') {
    call.close()
    return
  }
  call.leave()
  ghosts.add(call)
  setTimeout(() => {
    if (ghosts.delete(call)) call.close()
  }, LAPSED).unref()
}

/** Logs in with a wrong password, and as nobody. */
async function guess(): Promise<void> {
  for (const user of ['@mallory:example.org', 'nobody']) {
    const place = {
      ...server.place,
      credentials: () => ({
        username: user === 'nobody' ? user : `${Math.floor(Date.now() / 1000) + 600}:${user}`,
        password: 'guessed',
      }),
    }
    const manner: Manner = { via: 'udp', method: 'channel', user, rate: 1, seconds: 1, vanishes: false }
    try {
      const call = await Call.open(manner, place)
      guesses.admitted++
      call.close()
    } catch {
      guesses.refused++
    }
  }
}

async function reload(): Promise<void> {
  const name = 'taciturn_config_last_reload_success_timestamp_seconds'
  const before = (await server.scrape()).get(name)
  reloads.asked++
  server.reload()
  for (let i = 0; i < 50; i++) {
    await pause(100, false)
    const metrics = await server.scrape().catch(() => undefined)
    if (metrics && metrics.get(name) !== before) {
      reloads.done++
      return
    }
  }
}

async function sample(): Promise<Sample> {
  scrapes.asked++
  const [metrics, binding] = await Promise.all([server.scrape().catch(() => undefined), ping()])
  if (!metrics) scrapes.failed++
  return {
    at: at(),
    ...(server.isAlive ? server.figures() : { rss: 0, descriptors: 0, sockets: 0 }),
    heap: metrics?.get('nodejs_heap_size_used_bytes') ?? 0,
    external: metrics?.get('nodejs_external_memory_bytes') ?? 0,
    allocations: metrics?.get('taciturn_allocations') ?? 0,
    binding,
    lag: (metrics?.get('nodejs_eventloop_lag_p99_seconds') ?? 0) * 1000,
  }
}

/** Milliseconds until a Binding is answered. */
function ping(): Promise<number | undefined> {
  const sent = performance.now()
  probe.send(
    new MessageWriter('request', Method.Binding, randomBytes(12)).finish(),
    server.place.port,
    '127.0.0.1',
  )
  return new Promise(resolve => {
    const answered = () => {
      clearTimeout(timer)
      resolve(performance.now() - sent)
    }
    const timer = setTimeout(() => {
      probe.off('message', answered)
      resolve(undefined)
    }, 900)
    probe.once('message', answered)
  })
}

/** Waits until the relay holds nothing any more; returns what is left after half a minute. */
async function settle(): Promise<Record<string, number>> {
  const names = [
    'taciturn_allocations',
    'taciturn_users',
    'taciturn_connections',
    'taciturn_relay_ports_used',
  ]
  const left: Record<string, number> = {}
  for (let i = 0; i < 60; i++) {
    const metrics = await server.scrape().catch(() => undefined)
    for (const name of names) left[name.slice('taciturn_'.length)] = metrics?.get(name) ?? Number.NaN
    const { descriptors } = server.isAlive ? server.figures() : { descriptors: 0 }
    if (Object.values(left).every(count => count === 0) && descriptors <= start.descriptors) break
    await pause(500, false)
  }
  return left
}

function progress(): void {
  const { rss, descriptors, allocations } = samples.at(-1) ?? start
  console.log(
    `${(at() / 60_000).toFixed(1).padStart(6)} min  ${running} calls of ${calls.opened}  ${allocations} allocations  ` +
      `${packets.sent - packets.arrived} of ${packets.sent} packets lost  RSS ${(rss / 1e6).toFixed(1)} MB  ` +
      `${descriptors} descriptors  ${reloads.done} reloads  ${floods} floods`,
  )
}

/** Does something again and again until the soak is over. */
async function every(milliseconds: number, what: () => Promise<void>): Promise<void> {
  for (let next = milliseconds; ; next = Math.max(next + milliseconds, at())) {
    await pause(Math.max(0, next - at()))
    if (over.signal.aborted) return
    await what().catch(error => console.log(error instanceof Error ? error.message : error))
  }
}

/** Waits; not beyond the end of the soak unless `toTheEnd` is false. */
function pause(milliseconds: number, toTheEnd = true): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      over.signal.removeEventListener('abort', done)
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    if (!toTheEnd) return
    over.signal.addEventListener('abort', done, { once: true })
    if (over.signal.aborted) done()
  })
}
