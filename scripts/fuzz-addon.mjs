// Fuzzes the native addon: a whole relay whose addon was built with the address and undefined-behaviour sanitizers, with
// clients that come and go, bursts of every size, peers that are not there, and mutated datagrams in between.
//
//   npm run build && node scripts/fuzz-addon.mjs --seconds 600
//
// Options: --seconds N (60), --seed N (1), --port N (24850), --every SECONDS (30). Ends with 1 if a sanitizer had
// something to say, or the relay ended, or what it relays stopped.

import { execFileSync, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    port: { type: 'string', default: '24850' },
    every: { type: 'string', default: '30' },
  },
})
const port = Number(values.port)
const SECRET = 'qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'
const SIZES = [0, 1, 3, 4, 100, 160, 1200, 1201, 9000, 65_000, 65_507]
const CLIENTS = 12

const { TurnClient } = await import(join(root, 'dist/client/turn-client.js'))
const { parseAddress } = await import(join(root, 'dist/base/address.js'))
const { random } = await import(join(root, 'dist/relay/relay-config.js'))

// A copy of the program beside an addon of its own.
const folder = mkdtempSync(join(tmpdir(), 'fuzz-addon-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const name of ['node_modules', 'dist']) symlinkSync(join(root, name), join(folder, name))
rmSync(join(folder, 'dist'))
cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
cpSync(join(root, 'package.json'), join(folder, 'package.json'))
mkdirSync(join(folder, 'prebuilds'))
execFileSync(process.execPath, [
  join(root, 'scripts/build-native.mjs'),
  '--sanitize',
  '--out',
  join(folder, 'prebuilds'),
])
const file = join(folder, 'turnserver.json')
writeFileSync(
  file,
  JSON.stringify({
    realm: 'fuzz.example.org',
    listen: [`udp://127.0.0.1:${port}`],
    relay: { addresses: ['127.0.0.1'], ports: '30000-40000' },
    homeservers: [{ name: 'fuzz', secrets: [SECRET] }],
    peers: { deny: ['recommended'], allow: ['127.0.0.0/8'] },
    limits: {
      unverifiedAnswers: 'unlimited',
      unverifiedAnswersPerNetwork: 'unlimited',
      requestsPerUserPerSecond: 'unlimited',
      allocationsPerUserPerMinute: 'unlimited',
      peersPerUserPerMinute: 'unlimited',
      allocationsPerUser: 1000,
    },
    udp: 'native',
    workers: 1,
    console: false,
    control: false,
    metrics: false,
    state: folder,
    log: { level: 'error' },
  }),
  { mode: 0o600 },
)
const libraries = ['libasan.so', 'libubsan.so'].map(name =>
  execFileSync('cc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
)
const relay = spawn(process.execPath, [join(folder, 'dist/cli/main.js'), 'serve', '--config', file], {
  env: {
    ...process.env,
    LD_PRELOAD: libraries.join(':'),
    // Node leaves its heaps to the system when it ends.
    ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=0',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=0',
  },
  stdio: ['ignore', 'pipe', 'pipe'],
})
let said = ''
for (const stream of [relay.stdout, relay.stderr]) stream.on('data', text => (said += text))
process.once('exit', () => relay.kill('SIGKILL'))

let state = Number(values.seed) >>> 0 || 1
/** A whole number in [0, below), the same in every run. */
function upTo(below) {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % below
}

const corpus = readFileSync(join(root, 'test/fuzz/corpus/wire.txt'), 'latin1')
  .split('\n')
  .filter(line => line !== '')
  .map(line => Buffer.from(line, 'base64'))

function mutated() {
  const bytes = Buffer.from(corpus[upTo(corpus.length)])
  for (let i = upTo(4); i > 0 && bytes.length > 0; i--) bytes[upTo(bytes.length)] = upTo(256)
  return bytes.subarray(0, bytes.length - upTo(Math.min(4, bytes.length + 1)))
}

const counts = { datagrams: 0, allocations: 0, heard: 0 }

/** A client that lives for a while and is then another. */
async function life(number) {
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const peer = createSocket('udp4')
  peer.on('error', () => {})
  peer.bind(0, '127.0.0.1')
  await once(peer, 'listening')
  peer.on('message', () => counts.heard++)
  const username = `${Math.floor(Date.now() / 1000) + 3600}:@fuzz${number}:example.org`
  const password = createHmac('sha1', SECRET).update(username).digest('base64')
  const turn = new TurnClient({ username, password, random, reliable: false })
  const flush = () => {
    for (const bytes of turn.drain()) socket.send(bytes, () => {})
  }
  let relayed
  socket.on('message', bytes => {
    for (const event of turn.take(bytes, Date.now()))
      if (event.kind === 'allocated') [relayed] = event.relayed
    flush()
  })
  turn.allocate(upTo(3) === 0 ? { port: 'pair' } : {}, Date.now())
  flush()
  for (let i = 0; i < 40 && !relayed; i++) await sleep(25)
  if (relayed) {
    counts.allocations++
    const alive = parseAddress(`127.0.0.1:${peer.address().port}`)
    const dead = parseAddress('127.0.0.1:9')
    turn.permit([alive], Date.now())
    turn.bind(0x4000, alive, Date.now())
    turn.bind(0x4001, dead, Date.now())
    flush()
    await sleep(30)
    for (let round = 10 + upTo(60); round > 0; round--) {
      for (let burst = 1 + upTo(64); burst > 0; burst--) {
        counts.datagrams++
        const payload = Buffer.alloc(SIZES[upTo(SIZES.length)], burst)
        switch (upTo(6)) {
          case 0:
            socket.send(mutated(), () => {})
            break
          case 1:
            turn.sendIndication(upTo(2) ? alive : dead, payload.subarray(0, 9000))
            break
          case 2:
            peer.send(payload, relayed.port, '127.0.0.1', () => {})
            break
          default:
            turn.sendChannel(0x4000 + upTo(2), payload.subarray(0, 65_000))
        }
        flush()
      }
      await sleep(upTo(5))
    }
    if (upTo(2)) turn.release(Date.now())
    flush()
  }
  socket.close()
  peer.close()
}

const begun = performance.now()
const until = begun + Number(values.seconds) * 1000
let isOver = false
relay.once('exit', () => (isOver = true))
await sleep(5000)
const shown = setInterval(() => {
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(
    `${seconds} s  ${counts.datagrams} datagrams  ${counts.allocations} allocations  ${counts.heard} relayed`,
  )
}, Number(values.every) * 1000)
await Promise.all(
  Array.from({ length: CLIENTS }, async (_, number) => {
    while (performance.now() < until && !isOver) await life(number)
  }),
)
clearInterval(shown)
const wasOver = isOver
relay.kill('SIGTERM')
if (!wasOver) await once(relay, 'exit')
const reports = said.match(/runtime error|AddressSanitizer|UndefinedBehaviorSanitizer/g) ?? []
console.log(
  `${counts.datagrams} datagrams, ${counts.allocations} allocations, ${counts.heard} relayed to peers, ` +
    `${reports.length} reports of the sanitizers${wasOver ? ', and the relay has ended' : ''}`,
)
if (said.trim() !== '') console.log(said.slice(0, 8000))
process.exitCode = reports.length > 0 || wasOver || counts.heard === 0 ? 1 : 0
