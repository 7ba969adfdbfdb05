import { setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { type Contestant, startCoturn, startTaciturn } from './contestants.ts'
import { Allocator } from './endpoint.ts'
import { type Direction, type Form, PAYLOAD, Rig } from './load.ts'

/**
 * The whole relay beside Debian's coturn, over loopback: CPU time for a
 * relayed packet, and CPU time and memory for an allocation.
 */
const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    flows: { type: 'string', default: '20' },
    allocations: { type: 'string', default: '5000' },
    // Below the ports that the kernel hands out by itself.
    port: { type: 'string', default: '24780' },
    nice: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`Options: --rate packets a second of all flows together (${options.rate}); --seconds of each measurement;
--rounds; --flows allocations under load; --allocations opened for the figures of memory, 0 to leave them out;
--port first UDP port of the relays (${options.port}); --nice=-15 puts everything before other programs, as root; --json`)
  process.exit()
}
// The relays inherit it, with every thread they make.
if (options.nice !== undefined) setPriority(0, Number(options.nice))
const rate = Number(options.rate)
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)
const allocations = Number(options.allocations)
const firstPort = Number(options.port)

const FORMS: readonly Form[] = ['channel', 'indication']
const DIRECTIONS: readonly Direction[] = ['to peers', 'to clients', 'both']
/** Allocations of one user when thousands are opened; a relay's limit for a user is higher. */
const PER_USER = 100
/** Seconds that a relay is left alone before its memory is read. */
const REST = 2

interface Summary {
  readonly median: number
  readonly best: number
  readonly worst: number
}
interface PacketFigure {
  readonly form: Form
  readonly direction: Direction
  readonly relay: string
  /** CPU microseconds for a delivered packet. */
  readonly micros: Summary
  /** Share of the packets that did not arrive, median of the rounds. */
  readonly lost: number
  /** coturn's microseconds over these: packets for the same CPU time. */
  readonly ratio: number | undefined
}
interface AllocationFigure {
  readonly relay: string
  readonly idleMegabytes: number
  readonly loadedMegabytes: number
  readonly kilobytesEach: number
  readonly microsEach: number
}

const packets = await measurePackets()
const memory = allocations > 0 ? await measureAllocations() : []
if (options.json)
  console.log(JSON.stringify({ rate, payload: PAYLOAD, packets, allocations, memory }, undefined, 2))
else report()

/** All relays run from beginning to end; each load goes to each of them in turn, round after round. */
async function measurePackets(): Promise<PacketFigure[]> {
  const contestants = await start()
  const samples = new Map<string, { micros: number[]; lost: number[] }>()
  for (const form of FORMS) {
    const rigs: Rig[] = []
    for (const { port } of contestants) rigs.push(await Rig.open(port, form, Number(options.flows)))
    for (let round = -1; round < rounds; round++) {
      for (const direction of DIRECTIONS) {
        for (const [i, relay] of contestants.entries()) {
          // The round before the first warms the code up.
          const before = relay.cpu()
          const { sent, received } = await rigs[i]!.carry(direction, rate, round < 0 ? 1 : seconds)
          const micros = (relay.cpu() - before) / received
          if (round < 0) continue
          const key = `${form}|${direction}|${relay.name}`
          const all = samples.get(key) ?? { micros: [], lost: [] }
          all.micros.push(micros)
          all.lost.push(1 - received / sent)
          samples.set(key, all)
        }
      }
      if (round >= 0) progress(`${form}: round ${round + 1} of ${rounds}`)
    }
    for (const rig of rigs) rig.close()
  }
  await Promise.all(contestants.map(relay => relay.stop()))
  const median = (key: string) => {
    const all = samples.get(key)
    return all && summary(all.micros).median
  }
  return [...samples].map(([key, { micros, lost }]) => {
    const [form, direction, relay] = key.split('|') as [Form, Direction, string]
    const coturn = median(`${form}|${direction}|coturn`)
    const mine = summary(micros)
    const ratio = coturn && coturn / mine.median
    return { form, direction, relay, micros: mine, lost: summary(lost).median, ratio }
  })
}

async function measureAllocations(): Promise<AllocationFigure[]> {
  const figures: AllocationFigure[] = []
  for (const relay of await start()) {
    await rest()
    const idle = relay.resident()
    const before = relay.cpu()
    const clients: Allocator[] = []
    for (let i = 0; i < allocations; i++) {
      clients.push(await Allocator.allocate(relay.port, `user${Math.floor(i / PER_USER)}`))
    }
    const cpu = relay.cpu() - before
    await rest()
    const loaded = relay.resident()
    figures.push({
      relay: relay.name,
      idleMegabytes: idle / 1e6,
      loadedMegabytes: loaded / 1e6,
      kilobytesEach: (loaded - idle) / 1e3 / allocations,
      microsEach: cpu / allocations,
    })
    progress(`${allocations} allocations at ${relay.name}`)
    for (const { endpoint } of clients) endpoint.close()
    await relay.stop()
  }
  return figures
}

/** Starts whatever this machine has of the contestants. */
async function start(): Promise<Contestant[]> {
  const coturn = await startCoturn(firstPort)
  if (!coturn) progress('no coturn here to compare with')
  const dgram = await startTaciturn('dgram', firstPort + 1)
  if (!dgram) throw new Error('the relay does not start; is it built?')
  const native = await startTaciturn('native', firstPort + 2)
  if (!native) progress('no native sockets here')
  return [coturn, dgram, native].filter(relay => relay !== undefined)
}

function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: sorted[sorted.length >> 1]!, best: sorted[0]!, worst: sorted.at(-1)! }
}

function rest(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, REST * 1000))
}

function progress(text: string): void {
  console.error(text)
}

function report(): void {
  console.log(
    `\n${rate} packets of ${PAYLOAD} octets a second; CPU time for a delivered packet, ${rounds} rounds\n`,
  )
  console.log('| form | direction | relay | median | best | worst | beside coturn | lost |')
  console.log('| --- | --- | --- | --: | --: | --: | --: | --: |')
  for (const { form, direction, relay, micros, ratio, lost } of packets) {
    const times = [micros.median, micros.best, micros.worst].map(value => `${value.toFixed(1)} µs`)
    const share = ratio === undefined ? '' : `${ratio.toFixed(2)} ×`
    console.log(
      `| ${[form, direction, relay, ...times, share, `${(lost * 100).toFixed(2)} %`].join(' | ')} |`,
    )
  }
  if (memory.length === 0) return
  console.log(`\n${allocations} UDP allocations\n`)
  console.log('| relay | idle | with allocations | each | CPU time each |')
  console.log('| --- | --: | --: | --: | --: |')
  for (const { relay, idleMegabytes, loadedMegabytes, kilobytesEach, microsEach } of memory) {
    const cells = [`${idleMegabytes.toFixed(1)} MB`, `${loadedMegabytes.toFixed(1)} MB`]
    console.log(
      `| ${[relay, ...cells, `${kilobytesEach.toFixed(1)} kB`, `${microsEach.toFixed(0)} µs`].join(' | ')} |`,
    )
  }
}
