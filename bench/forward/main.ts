import { PerformanceObserver } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SEND } from '../../src/base/batch.ts'
import type { Time } from '../../src/base/time.ts'
import { widenInlining } from '../../src/system/inlining.ts'
import { NOW, type Scenario, Traffic } from './traffic.ts'

/** Rounds of which the median counts. */
const ROUNDS = 15
const ROUND_DATAGRAMS = 200_000
const WARM_UP_DATAGRAMS = 400_000
/** Datagrams of each scenario in the search for garbage. */
const STEADY_DATAGRAMS = 1_000_000

interface Result extends Scenario {
  /** Nanoseconds of processor time a datagram: the median round and the best. */
  readonly ns: { readonly median: number; readonly best: number }
}

const SCENARIOS: Scenario[] = []
for (const batch of [32, 1]) {
  for (const allocations of [10, 10_000]) {
    for (const direction of ['client to peer', 'peer to client', 'local'] as const) {
      for (const form of ['channel', 'indication'] as const) {
        for (const family of [4, 6] as const) {
          SCENARIOS.push({ direction, form, family, allocations, batch, buckets: 0 })
        }
      }
    }
  }
}
SCENARIOS.push({
  direction: 'client to peer',
  form: 'channel',
  family: 4,
  allocations: 10_000,
  batch: 32,
  buckets: 3,
})

// As the relay does.
widenInlining()
const results = SCENARIOS.map((scenario): Result => ({ ...scenario, ns: measure(new Traffic(scenario)) }))
const garbage = await findGarbage(SCENARIOS.filter(scenario => scenario.allocations === 10_000))

if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, arch: process.arch, results, garbage }, null, 2))
} else {
  for (const { direction, form, family, allocations, batch, buckets, ns } of results) {
    const what = `${direction}, ${form}, IPv${family}${buckets ? `, ${buckets} token buckets` : ''}`
    const where = `${allocations} allocations, batches of ${batch}`
    const figures = [ns.median, ns.best].map(figure => figure.toFixed(0).padStart(6)).join('')
    console.log(`${what.padEnd(48)}${where.padEnd(38)}${figures} ns (median, best)`)
  }
  console.log(
    `garbage: ${garbage.collections} collections in ${garbage.datagrams} datagrams, ` +
      `heap grown by ${garbage.bytes} octets (one boxed number a datagram would be ${garbage.datagrams * 16})`,
  )
}

/** What forwarding takes beyond filling the batch: rounds that do both, less rounds that only fill. */
function measure(traffic: Traffic): Result['ns'] {
  forward(traffic, WARM_UP_DATAGRAMS)
  if (traffic.batch.verdict.some(verdict => verdict !== SEND)) throw new Error('not everything was relayed')
  fill(traffic, WARM_UP_DATAGRAMS)
  const both: number[] = []
  const filling: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    both.push(nanoseconds(() => forward(traffic, ROUND_DATAGRAMS)) / ROUND_DATAGRAMS)
    filling.push(nanoseconds(() => fill(traffic, ROUND_DATAGRAMS)) / ROUND_DATAGRAMS)
  }
  return { median: median(both) - median(filling), best: Math.min(...both) - Math.min(...filling) }
}

function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1]!
}

/** Counts what the collector does, and how the heap grows, while datagrams are forwarded. */
async function findGarbage(scenarios: readonly Scenario[]) {
  const streams = scenarios.map(scenario => new Traffic(scenario))
  for (const traffic of streams) forward(traffic, WARM_UP_DATAGRAMS)
  let collections = 0
  const observer = new PerformanceObserver(list => {
    collections += list.getEntries().length
  })
  observer.observe({ entryTypes: ['gc'] })
  // What was thrown away while warming up is swept and reported before the count begins.
  collectGarbage()
  await turn()
  collections = 0
  const before = process.memoryUsage().heapUsed
  for (const traffic of streams) forward(traffic, STEADY_DATAGRAMS)
  const bytes = process.memoryUsage().heapUsed - before
  await turn()
  observer.disconnect()
  return { datagrams: streams.length * STEADY_DATAGRAMS, collections, bytes }
}

function forward(traffic: Traffic, datagrams: number): void {
  let passed = 0
  let now: number = NOW
  for (let left = datagrams; left > 0; left -= traffic.batch.count) {
    traffic.fill()
    // Time passes, or the fastest bucket there is would run empty.
    passed += traffic.batch.count - traffic.table.forward(traffic.batch, now++ as Time)
  }
  if (passed > 0) throw new Error(`${passed} datagrams were passed up`)
}

function fill(traffic: Traffic, datagrams: number): void {
  for (let left = datagrams; left > 0; left -= traffic.batch.count) traffic.fill()
}

/** Processor time, not time on the wall: other work on the machine would count as ours. */
function nanoseconds(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) * 1000
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

function turn(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 10))
}
