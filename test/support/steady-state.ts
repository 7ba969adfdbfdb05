import { PerformanceObserver } from 'node:perf_hooks'
import { NOW, type Scenario, Traffic } from '../../bench/forward/traffic.ts'
import { seeded } from './route-table-rig.ts'

/**
 * Forwards a million datagrams of every kind, several times, and prints how
 * many collections each million took, as JSON. The compiler may still be at
 * work on a busy machine, which makes some garbage of its own; so the caller
 * looks at the best million. With `litter`, one small object is thrown away
 * for each datagram.
 *
 *     node --max-semi-space-size=1 steady-state.ts [litter]
 */
const MILLION = 1_000_000
const WARM_UP_ROUNDS = 2
const ROUNDS = 3

const litter = process.argv[2] === 'litter'
let kept: { n: number } | undefined

const streams: Traffic[] = []
for (const direction of ['client to peer', 'peer to client', 'local'] as const) {
  for (const form of ['channel', 'indication'] as const) {
    for (const family of [4, 6] as const) {
      const scenario: Scenario = { direction, form, family, allocations: 100, batch: 32, buckets: 2 }
      streams.push(new Traffic(scenario, seeded(1)))
    }
  }
}

let collections = 0
const observer = new PerformanceObserver(list => {
  collections += list.getEntries().length
})
observer.observe({ entryTypes: ['gc'] })

const counts: number[] = []
// A whole number: fractions would be boxed on their own account.
const share = Math.ceil(MILLION / streams.length)
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  // Collections are reported once the loop turns.
  await turn()
  collections = 0
  for (const traffic of streams) forward(traffic, share)
  await turn()
  if (round >= WARM_UP_ROUNDS) counts.push(collections)
}
if (litter && !kept) throw new Error('nothing was littered')
console.log(JSON.stringify(counts))

function forward(traffic: Traffic, datagrams: number): void {
  let passed = 0
  for (let left = datagrams; left > 0; left -= traffic.batch.count) {
    traffic.fill()
    passed += traffic.batch.count - traffic.table.forward(traffic.batch, NOW)
    if (litter) for (let i = 0; i < traffic.batch.count; i++) kept = { n: i }
  }
  if (passed > 0) throw new Error(`${passed} datagrams were passed up`)
}

function turn(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 1))
}
