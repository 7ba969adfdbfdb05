import t from 'tap'
import type { Address } from '../../../src/base/address.ts'
import { Counters } from '../../../src/base/counters.ts'
import type { RouteId } from '../../../src/base/ids.ts'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import { after } from '../../../src/base/time.ts'
import { KernelForwarder } from '../../../src/forward/kernel/kernel-forwarder.ts'
import type { KernelTable } from '../../../src/forward/kernel/kernel-table.ts'
import { BUCKET_OCTETS, PASS_REASONS, ROUTE_AT, ROUTE_OCTETS } from '../../../src/forward/kernel/layout.ts'
import { Meters } from '../../../src/limits/meters.ts'
import { NoForwarder } from '../../../src/shard/no-forwarder.ts'
import { addressOf, NOW, route } from '../../support/route-table-rig.ts'

const ROUTES = 1000

/** Maps in memory, and how many flows were led somewhere. */
function tableOf(count: number): { readonly table: KernelTable; readonly flows: () => number } {
  let flows = 0
  const table: KernelTable = {
    routes: new ArrayBuffer(count * ROUTE_OCTETS),
    buckets: new ArrayBuffer(count * BUCKET_OCTETS),
    first: 0,
    count,
    setFlow: () => ++flows > 0,
    deleteFlow: () => {},
    setNamedPeer: () => true,
    deleteNamedPeer: () => {},
    nanoseconds: time => time * 1e6,
    passed: () => Object.fromEntries(PASS_REASONS.map(reason => [reason, 0])) as never,
  }
  return { table, flows: () => flows }
}

function rig() {
  const waiting: (() => void)[] = []
  const counters = new Counters()
  const lifetimes = new Lifetimes()
  const sockets = new Map<number, Address>([[1, addressOf('203.0.113.1:3478')]])
  const forwarder: KernelForwarder = new KernelForwarder({
    behind: new NoForwarder(),
    counters,
    meters: new Meters(),
    lifetimes,
    now: () => NOW,
    boundTo: socket => sockets.get(socket),
    settled: () => {},
    later: () => {},
    soon: () => waiting.push(() => forwarder.proceed()),
  })
  const ends = { expires: after(NOW, 300), relayedExpires: after(NOW, 3600) }
  for (let i = 0; i < ROUTES; i++) {
    const relaySocket = i + 2
    const relayed = `203.0.113.1:${49160 + i}`
    sockets.set(relaySocket, addressOf(relayed))
    const client = `192.0.2.10:${20_000 + i}`
    forwarder.add(route({ ...ends, id: i + 1, client, relaySocket, relayed }, lifetimes))
  }
  /** Lets everybody have a turn; false where nothing waits. */
  const turn = () => {
    const due = waiting.splice(0)
    for (const run of due) run()
    return due.length > 0
  }
  return { forwarder, counters, turn }
}

t.test('S-14: when the kernel can relay, a few of the routes enter it in each turn', async t => {
  const { forwarder, turn } = rig()
  forwarder.connect(tableOf(2 * ROUTES).table)
  const steps = [forwarder.size]
  while (turn()) steps.push(forwarder.size)
  t.equal(forwarder.size, ROUTES, 'and all in the end')
  const entered = steps.map((size, i) => size - (steps[i - 1] ?? 0))
  t.ok(Math.max(...entered) <= 32, `${Math.max(...entered)} at most`)
})

t.test('S-14: what ends while routes enter does not enter, and maps that are gone end it', async t => {
  const { forwarder, turn } = rig()
  const { table, flows } = tableOf(2 * ROUTES)
  forwarder.connect(table)
  forwarder.remove(ROUTES as RouteId)
  while (turn());
  t.equal(forwarder.size, ROUTES - 1)
  forwarder.connect(table)
  forwarder.disconnect()
  const before = flows()
  while (turn());
  t.equal(forwarder.size, 0)
  t.equal(flows(), before)
})

t.test('S-14: what the kernel has carried is counted for some of the routes in each turn', async t => {
  const { forwarder, counters, turn } = rig()
  const { table } = tableOf(2 * ROUTES)
  forwarder.connect(table)
  while (turn());
  const words = new Uint32Array(table.routes)
  for (let i = 0; i < ROUTES; i++) words[(i * ROUTE_OCTETS + ROUTE_AT.to_peer_packets) / 4] = 1

  forwarder.poll()
  const steps = [counters.read('kernelToPeer')]
  while (turn()) steps.push(counters.read('kernelToPeer'))
  t.equal(counters.read('kernelToPeer'), ROUTES, 'and for all in the end')
  const counted = steps.map((count, i) => count - (steps[i - 1] ?? 0))
  t.ok(Math.max(...counted) <= 256, `${Math.max(...counted)} at most`)
})
