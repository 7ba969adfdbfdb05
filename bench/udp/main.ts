import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatAddress, parseAddress } from '../../src/base/address.ts'
import type { NativeTally } from '../../src/net/udp/native.ts'
import { allocate, startCoturn } from './coturn.ts'
import { type Flow, Generator, type Load } from './generator.ts'
import type { Answer, Ask } from './relay.ts'

/**
 * CPU time that relaying a datagram costs: transport and route table alone,
 * native and dgram, and beside them a whole coturn if one is installed.
 */
const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '0' },
    window: { type: 'string', default: '128' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    allocations: { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
    load: { type: 'string', default: '' },
    pin: { type: 'boolean', default: false },
  },
})

const TRANSPORTS: { readonly name: string; readonly args: readonly string[] }[] = [
  { name: 'native', args: ['native'] },
  { name: 'native, best effort', args: ['native', '{"carryTos":false}'] },
  { name: 'native, TTL too', args: ['native', '{"carryTtl":true}'] },
  { name: 'native, no bursts', args: ['native', '{"gso":false,"gro":false}'] },
  { name: 'dgram', args: ['dgram'] },
  { name: 'coturn', args: ['coturn'] },
].filter(transport => options.only.split('/').some(name => transport.name === name || !name))

const rate = Number(options.rate)
const window = Number(options.window)
const seconds = Number(options.seconds)
const LOADS: { readonly name: string; readonly gso: boolean; readonly load: Load }[] = [
  {
    name: 'single 172, to peers',
    gso: false,
    load: { direction: 'up', octets: 172, burst: 1, rate, window, seconds },
  },
  {
    name: 'single 172, to clients',
    gso: false,
    load: { direction: 'down', octets: 172, burst: 1, rate, window, seconds },
  },
  {
    name: 'single 172, both',
    gso: false,
    load: { direction: 'both', octets: 172, burst: 1, rate, window, seconds },
  },
  {
    name: '8 x 1100, to peers',
    gso: false,
    load: { direction: 'up', octets: 1100, burst: 8, rate, window, seconds },
  },
  {
    name: '8 x 1100, to clients',
    gso: false,
    load: { direction: 'down', octets: 1100, burst: 8, rate, window, seconds },
  },
  {
    name: '8 x 1100 sent as one, both',
    gso: true,
    load: { direction: 'both', octets: 1100, burst: 8, rate, window, seconds },
  },
]

const COTURN_PORT = 34780

interface Figure {
  readonly pps: number
  readonly micros: number
  readonly lost: number
  readonly tally: NativeTally | undefined
}

const loads = LOADS.filter(load => load.name.includes(options.load))
const figures = new Map<string, Figure[]>()
for (let round = 0; round < Number(options.rounds); round++) {
  for (const { name, gso, load } of loads) {
    for (const transport of TRANSPORTS) {
      const key = `${name}|${transport.name}`
      const figure = await measure(transport.args, gso, load)
      figures.set(key, [...(figures.get(key) ?? []), figure])
    }
  }
}
for (const [key, all] of figures) {
  const sorted = all.toSorted((a, b) => a.micros - b.micros)
  const middle = sorted[sorted.length >> 1]!
  const [load, transport] = key.split('|')
  const range = `${sorted[0]!.micros.toFixed(2)}-${sorted.at(-1)!.micros.toFixed(2)}`
  const tally = middle.tally
  const calls = tally
    ? `  ${(tally.received / tally.receives).toFixed(1)} a receive, ${(tally.sent / tally.sends).toFixed(1)} a send`
    : ''
  console.log(
    `${load!.padEnd(28)}${transport!.padEnd(24)}${middle.micros.toFixed(2).padStart(6)} µs  (${range})  ${(middle.pps / 1000).toFixed(0).padStart(4)} kpps  lost ${(middle.lost * 100).toFixed(2)} %${calls}`,
  )
}
process.exit()

async function measure(args: readonly string[], gso: boolean, load: Load): Promise<Figure> {
  const generator = new Generator(gso)
  const relay = args[0] === 'coturn' ? await coturn(generator) : await bare(generator, args)
  if (options.pin) pin(process.pid, 1)
  if (options.pin) pin(relay.child.pid!, 0)
  await generator.run(relay.flows, { ...load, seconds: 0.5 })
  const before = cpuMicros(relay.child.pid!)
  const { sent, received } = await generator.run(relay.flows, load)
  const micros = cpuMicros(relay.child.pid!) - before
  const tally = await relay.tally()
  generator.transport.stop()
  relay.child.kill()
  return { micros: micros / received, lost: 1 - received / sent, pps: received / load.seconds, tally }
}

interface Relay {
  readonly child: ChildProcess
  readonly flows: readonly Flow[]
  tally(): Promise<NativeTally | undefined>
}

async function bare(generator: Generator, args: readonly string[]): Promise<Relay> {
  const script = fileURLToPath(new URL('relay.js', import.meta.url))
  const child = fork(script, [args[0]!, options.allocations, args[1] ?? '{}'])
  const bound = await hear(child, 'bound')
  const flows: Flow[] = []
  for (const [i, port] of bound.relays.entries()) {
    flows.push({
      client: await generator.bind(),
      peer: await generator.bind(),
      server: parseAddress(`127.0.0.1:${bound.listener}`)!,
      relayed: parseAddress(`127.0.0.1:${port}`)!,
      channel: 0x4000 + i,
    })
  }
  say(child, {
    kind: 'routes',
    flows: flows.map(flow => ({
      client: formatAddress(flow.client.local),
      peer: formatAddress(flow.peer.local),
    })),
  })
  await hear(child, 'ready')
  return {
    child,
    flows,
    async tally() {
      say(child, { kind: 'tally' })
      return (await hear(child, 'tally')).tally
    },
  }
}

async function coturn(generator: Generator): Promise<Relay> {
  const child = startCoturn(COTURN_PORT)
  const flows = await allocate(generator, COTURN_PORT, Number(options.allocations))
  return { child, flows, tally: async () => undefined }
}

/** Keeps a process on one core, and before others that want it too. */
function pin(pid: number, core: number): void {
  spawnSync('taskset', ['-a', '-p', '-c', `${core}`, `${pid}`])
  for (const thread of readdirSync(`/proc/${pid}/task`)) spawnSync('renice', ['-n', '-15', '-p', thread])
}

/** CPU time of all threads of a process, user and system, as the scheduler counts it. */
function cpuMicros(pid: number): number {
  let nanos = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
  }
  return nanos / 1000
}

function say(child: ChildProcess, ask: Ask): void {
  child.send(ask)
}

function hear<K extends Answer['kind']>(child: ChildProcess, kind: K): Promise<Extract<Answer, { kind: K }>> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer: Answer) => {
      if (answer.kind === kind) resolve(answer as Extract<Answer, { kind: K }>)
      else reject(new Error(`expected ${kind}, got ${answer.kind}`))
    })
    child.once('exit', code => reject(new Error(`the relay ended with ${code}`)))
  })
}
