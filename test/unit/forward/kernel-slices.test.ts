import t from 'tap'
import type { Address } from '../../../src/base/address.ts'
import { Counters } from '../../../src/base/counters.ts'
import type { LifetimeId, RouteId } from '../../../src/base/ids.ts'
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
function tableOf(count: number): {
  readonly table: KernelTable
  readonly flows: () => number
  readonly deleted: () => number
} {
  let flows = 0
  let deleted = 0
  const table: KernelTable = {
    routes: new ArrayBuffer(count * ROUTE_OCTETS),
    buckets: new ArrayBuffer(count * BUCKET_OCTETS),
    first: 0,
    count,
    setFlow: () => ++flows > 0,
    deleteFlow: () => void deleted++,
    setNamedPeer: () => true,
    deleteNamedPeer: () => {},
    nanoseconds: time => time * 1e6,
    passed: () => Object.fromEntries(PASS_REASONS.map(reason => [reason, 0])) as never,
  }
  return { table, flows: () => flows, deleted: () => deleted }
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
    soon: () => {
      if (waiting.length === 0) waiting.push(() => forwarder.proceed())
    },
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
  return { forwarder, counters, lifetimes, turn }
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

t.test('S-14: maps that are gone relay nothing at once, and are let go of some in each turn', async t => {
  const { forwarder, counters, lifetimes, turn } = rig()
  const { table, deleted } = tableOf(2 * ROUTES)
  forwarder.connect(table)
  while (turn());
  const words = new Uint32Array(table.routes)
  for (let i = 0; i < ROUTES; i++) words[(i * ROUTE_OCTETS + ROUTE_AT.to_peer_packets) / 4] = 7
  const times = new BigUint64Array(table.routes)
  const relays = () =>
    Array.from({ length: ROUTES }, (_, i) => times[(i * ROUTE_OCTETS + ROUTE_AT.relayed_until) / 8]!).filter(
      until => until > 0n,
    ).length
  const carried = () => {
    let sum = 0
    for (let id = 1; id <= ROUTES; id++) sum += forwarder.read(id as RouteId).traffic.toPeer.packets
    return sum
  }
  t.equal(relays(), ROUTES)

  forwarder.disconnect()
  t.equal(relays(), 0, 'nothing more passes by them')
  t.equal(forwarder.size, 0)
  const steps = [deleted()]
  const last = ROUTES as RouteId
  const ofLast = forwarder.read(last)
  forwarder.poll()
  for (let id = 0; id < 2 * ROUTES; id++) lifetimes.set(id as LifetimeId, after(NOW, 600))
  t.equal(relays(), 0, 'a lifetime that goes on brings none back')
  while (turn()) {
    steps.push(deleted())
    if (carried() !== 7 * ROUTES) t.fail(`${carried()} packets`)
  }
  t.equal(carried(), 7 * ROUTES, 'and no figure is lost on the way')
  t.equal(counters.read('kernelToPeer'), 7 * ROUTES)
  t.same(forwarder.read(last), ofLast)
  const gone = steps.map((count, i) => count - (steps[i - 1] ?? 0))
  // Of each route what leads to it and to its client. The poll above was a turn as well.
  t.ok(Math.max(...gone) <= 2 * 32 * 2, `${Math.max(...gone)} entries at most`)
  t.equal(deleted(), 2 * ROUTES)
})

t.test('S-14: new maps are used at once, even while others are let go of', async t => {
  const { forwarder, turn } = rig()
  const [first, second] = [tableOf(2 * ROUTES), tableOf(2 * ROUTES)]
  forwarder.connect(first.table)
  while (turn());
  forwarder.disconnect()
  forwarder.remove(1 as RouteId)
  turn()
  forwarder.connect(second.table)
  t.equal(first.deleted(), 2 * ROUTES)
  while (turn());
  t.equal(forwarder.size, ROUTES - 1)
})
