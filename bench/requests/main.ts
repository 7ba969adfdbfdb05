import { parseArgs } from 'node:util'
import { median } from '../../src/load/measure/statistics.ts'
import { Hand, peer, sixth } from '../support/hand.ts'
import { type BenchRelay, MAIN, NO_RATES, startBenchRelay } from '../support/relay.ts'
import { HOST, indication, KINDS, type Kind, MOST_PEERS, type Opened, PAIRS } from './kinds.ts'

/*
 * Microseconds of processor time that the relay takes for one message of each
 * kind, by what its allocation holds. The relay is the built program, its
 * clients play here and do not count.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    messages: { type: 'string', default: '96' },
    udp: { type: 'string', default: 'auto' },
    port: { type: 'string', default: '24820' },
    main: { type: 'string', default: MAIN },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --rounds (${options.rounds}); --messages of a kind in each (${options.messages}); --udp native or dgram;
--port of the relay (${options.port}); --main the program; --json`)
  process.exit()
}
const rounds = Number(options.rounds)
const messages = Number(options.messages)

/** What the allocation of a column holds. */
interface State {
  readonly channels: number
  /** Holds all else that one allocation may, too. */
  readonly full?: true
}
const STATES: readonly State[] = [
  { channels: 0 },
  { channels: 1 },
  { channels: 16 },
  { channels: 256 },
  { channels: 256, full: true },
]
/** Peers without a channel that one allocation may have routes to. */
const ROUTED = 64

const relay = await startBenchRelay({
  port: Number(options.port),
  main: options.main,
  udp: options.udp,
  limits: NO_RATES,
})
const results: { family: 4 | 6; name: string; micros: number[] }[] = []
for (const family of [4, 6] as const) {
  const columns: Opened[] = []
  for (const state of STATES) columns.push(await open(family, state))
  for (const kind of KINDS) {
    results.push({ family, name: kind.name, micros: await compare(kind, columns) })
  }
  const empty: Opened = { ...columns[0]!, hand: await connect(family) }
  for (const kind of PAIRS) {
    results.push({ family, name: kind.name, micros: await compare(kind, [empty]) })
  }
  for (const { hand } of [...columns, empty]) hand.close()
}
await relay.stop()

if (options.json) console.log(JSON.stringify({ node: process.version, states: STATES, results }, null, 2))
else {
  for (const family of [4, 6] as const) {
    const heads = STATES.map(({ channels, full }) => (full ? 'all full' : `${channels}`).padStart(9)).join('')
    console.log(`IPv${family}: µs of processor time, by channels${' '.repeat(10)}${heads}`)
    for (const { name, micros } of results.filter(one => one.family === family)) {
      console.log(`  ${name.padEnd(44)}${micros.map(one => one.toFixed(0).padStart(9)).join('')}`)
    }
  }
}
process.exit()

function connect(family: 4 | 6): Promise<Hand> {
  return Hand.open({ port: relay.port, host: family === 4 ? '127.0.0.1' : '::1' }, '@bench:example.org')
}

async function open(family: 4 | 6, { channels, full }: State): Promise<Opened> {
  const hand = await connect(family)
  await hand.allocate(family === 6 ? sixth : undefined)
  await hand.ask(hand.permission(peer(family, HOST)))
  await hand.pour(
    Array.from({ length: channels }, (_, i) => hand.binding(0x4000 + i, peer(family, HOST, 4000 + i))),
  )
  const opened: Opened = { hand, family, channels }
  if (!full) return opened
  await hand.ask(
    hand.permission(...Array.from({ length: MOST_PEERS - 1 }, (_, i) => peer(family, HOST + 1 + i))),
  )
  for (let i = 0; i < ROUTED; i++) hand.send(indication(peer(family, HOST, 10_000 + i)))
  await hand.settled()
  return opened
}

/** The median of all rounds for each column; the first round is not counted. */
async function compare(kind: Kind, columns: readonly Opened[]): Promise<number[]> {
  const micros = columns.map((): number[] => [])
  for (let round = -1; round < rounds; round++) {
    for (const [at, column] of columns.entries()) {
      const all = Array.from({ length: messages }, (_, i) => kind.make(column, i))
      const took = await cost(relay, column.hand, all)
      if (round >= 0) micros[at]!.push(took / messages)
    }
  }
  return micros.map(of => median(of) ?? Number.NaN)
}

async function cost(from: BenchRelay, hand: Hand, all: readonly Buffer[]): Promise<number> {
  // Large messages fill the socket's buffer.
  const atOnce = Math.max(1, Math.min(32, Math.floor(100_000 / all[0]!.length)))
  const before = from.cpu()
  await hand.pour(all, atOnce)
  return from.cpu() - before
}
