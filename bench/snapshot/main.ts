import { parseArgs } from 'node:util'
import { median } from '../../src/load/measure/statistics.ts'
import { Sim } from '../../test/sim/sim.ts'

/**
 * What it takes to write a relay's whole state down and to restore it: CPU
 * time in all, and the longest slice, in which nothing else has its turn. The
 * relay and what is around it are simulated; the forwarder is the route table.
 */
const { values: options } = parseArgs({
  options: {
    allocations: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(
    `Options: --allocations, each with a channel (${options.allocations}); --rounds (${options.rounds}); --json`,
  )
  process.exit()
}
const allocations = Number(options.allocations)
const rounds = Number(options.rounds)

const sim = new Sim()
const peer = sim.peer('198.51.100.7:40000')
for (let i = 0; i < allocations; i++) {
  const client = sim.client(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:50000`, {
    user: '@alice:example.org',
  })
  client.allocate()
  client.bind(0x4001, peer)
}

const taken: Taken[] = []
const restored: Taken[] = []
let size = 0
// The first two rounds warm it up.
for (let round = -2; round < rounds; round++) {
  const [snapshot, writing] = timed(sim.shard.snapshot())
  const [result, reading] = timed(new Sim({ seed: 2 }).shard.restore(snapshot))
  if (!result.ok || result.value !== allocations) throw new Error('it is not restored')
  size = snapshot.length
  if (round < 0) continue
  taken.push(writing)
  restored.push(reading)
}
const report = { allocations, rounds, bytes: size, snapshot: summary(taken), restore: summary(restored) }
if (options.json) console.log(JSON.stringify(report))
else {
  console.log(
    `${allocations} allocations with a channel each, ${(size / 1e6).toFixed(1)} MB, median of ${rounds} rounds`,
  )
  for (const [name, { total, longest, slices }] of [
    ['snapshot', report.snapshot],
    ['restore', report.restore],
  ] as const) {
    console.log(
      `${name}: ${total.toFixed(0)} ms CPU in ${slices} slices, the longest ${longest.toFixed(1)} ms`,
    )
  }
}

/** Milliseconds of CPU time. */
interface Taken {
  readonly total: number
  readonly longest: number
  readonly slices: number
}

/** Runs a generator to its end. Times are of this thread alone where it can be told: a slice is compared with the clock, too. */
function timed<T>(slices: Generator<undefined, T>): [T, Taken] {
  const before = process.cpuUsage()
  let longest = 0
  for (let count = 1; ; count++) {
    const began = process.cpuUsage()
    const clock = performance.now()
    const next = slices.next()
    // The CPU time has that of helping threads (garbage, compiling), the clock that of other processes.
    longest = Math.max(longest, Math.min(cpuSince(began), performance.now() - clock))
    if (next.done) return [next.value, { total: cpuSince(before), longest, slices: count }]
  }
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function summary(all: readonly Taken[]): Taken {
  const pick = (of: (one: Taken) => number) => median(all.map(of)) ?? Number.NaN
  return { total: pick(one => one.total), longest: pick(one => one.longest), slices: pick(one => one.slices) }
}
