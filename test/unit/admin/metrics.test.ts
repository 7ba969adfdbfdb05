import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { Counter, Counters } from '../../../src/base/counters.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import { viaNumber } from '../../../src/base/via.ts'
import type { Event } from '../../../src/core/event.ts'
import { type Figures, pageText } from '../../../src/metrics/page.ts'
import { createMetrics } from '../../../src/metrics/registry.ts'
import { Tally } from '../../../src/metrics/tally.ts'

t.test('the figures move while a call runs', async t => {
  const { page, counters, tally } = start()
  t.match(await page(), 'taciturn_relayed_packets_total{transport="udp",direction="to_peer"} 0')

  tally.count(opened('@alice:example.org', 1))
  counters.add(Counter.allocationOpened)
  for (let i = 0; i < 3; i++) counters.toPeer(viaNumber('udp'), 100)
  counters.toClient(viaNumber('udp'), 70)
  const during = await page()
  tally.count(closed('@alice:example.org', 1))
  const after = await page()

  t.match(during, 'taciturn_allocations{transport="udp"} 1')
  t.match(during, 'taciturn_allocations_opened_total 1')
  t.match(during, 'taciturn_homeserver_allocations{homeserver="example.org"} 1')
  t.match(during, 'taciturn_relayed_packets_total{transport="udp",direction="to_peer"} 3')
  t.match(during, 'taciturn_relayed_bytes_total{transport="udp",direction="to_client"} 70')
  t.match(after, 'taciturn_allocations{transport="udp"} 0')
  t.match(after, 'taciturn_allocations_closed_total{reason="released"} 1')
  t.match(after, 'taciturn_allocation_duration_seconds_count{transport="udp"} 1')
  t.match(after, 'taciturn_homeserver_relayed_bytes_total{homeserver="example.org",direction="to_peer"} 300')
})

t.test('expired, wrong secret, unknown user and the ordinary first 401 are four figures', async t => {
  const { page, counters } = start()
  counters.add(Counter.authExpired, 1)
  counters.add(Counter.authWrongSecret, 2)
  counters.add(Counter.authUnknownUser, 3)
  counters.add(Counter.unauthenticated, 4)

  const text = await page()

  t.match(text, 'taciturn_auth_failures_total{reason="expired"} 1')
  t.match(text, 'taciturn_auth_failures_total{reason="wrong-secret"} 2')
  t.match(text, 'taciturn_auth_failures_total{reason="unknown-user"} 3')
  t.match(text, 'taciturn_auth_failures_total{reason="first-401"} 4')
})

t.test('what was held back is there by reason', async t => {
  const { page, counters, tally } = start()
  const from = parseAddress('192.0.2.77:50000')!
  counters.add(Counter.dropUnverified, 7)
  tally.count({ kind: 'throttled', at: 0 as Time, why: 'unverified', count: 7, from })
  tally.count({ kind: 'throttled', at: 0 as Time, why: 'unverified', count: 3, from })
  tally.count({ kind: 'throttled', at: 0 as Time, why: 'scan', count: 1, from })

  const text = await page()

  t.match(text, 'taciturn_drops_total{reason="unverified"} 7')
  t.match(text, 'taciturn_throttled_total{reason="unverified"} 10')
  t.match(text, 'taciturn_throttled_total{reason="scan"} 1')
})

t.test("coturn's names are there when asked for, and move at once", async t => {
  const plain = start()
  const { page, counters, tally } = start({ coturnNames: true })
  tally.count(opened('@alice:example.org', 1))
  counters.toPeer(viaNumber('udp'), 100)
  counters.toPeer(viaNumber('tls'), 100)
  counters.toClient(viaNumber('udp'), 70)
  counters.add(Counter.binding, 5)

  const text = await page()

  t.notMatch(await plain.page(), 'turn_total')
  t.match(text, /^turn_total_traffic_rcvp 2$/m)
  t.match(text, /^turn_total_traffic_rcvb 200$/m)
  t.match(text, /^turn_total_traffic_sentb 70$/m)
  t.match(text, /^turn_total_traffic_peer_rcvp 1$/m)
  t.match(text, /^turn_total_traffic_peer_sentb 200$/m)
  t.match(text, 'turn_total_allocations{type="UDP"} 1')
  t.match(text, 'turn_traffic_rcvb{realm="turn.example.org"} 200')
  t.match(text, /^stun_binding_request 5$/m)
})

t.test('a hundred thousand users make the page no longer, and none is on it [ABU-17]', async t => {
  const { page, tally } = start({ coturnNames: true })
  tally.count(opened('@user0:example.org', 0))
  tally.count(rejected(0))
  tally.count(closed('@user0:example.org', 0))
  const lines = (await page()).split('\n').length

  for (let i = 1; i < 100_000; i++) {
    tally.count(opened(`@user${i}:example.org`, i, i % 2 ? 'example.org' : `unheard${i}.example`))
    tally.count(rejected(i))
    tally.count(closed(`@user${i}:example.org`, i, i % 2 ? 'example.org' : `unheard${i}.example`))
  }

  const text = await page()
  t.equal(text.split('\n').length, lines)
  t.notMatch(text, /@user|unheard|192\.0\.2|allocation="/)
})

t.test('a homeserver that has left the configuration leaves the page', async t => {
  const { page, tally } = start()
  t.match(await page(), 'homeserver="example.org"')

  tally.configure(['other.example'])

  t.notMatch(await page(), 'homeserver="example.org"')
  t.match(await page(), 'homeserver="other.example"')
})

t.test(
  'what a homeserver relays is counted while its calls run, and goes on from there when they end',
  async t => {
    const live = new Map([
      ['example.org', { toPeer: { packets: 2, bytes: 200 }, toClient: { packets: 1, bytes: 70 } }],
    ])
    const { page, tally } = start({ carried: async () => live })
    tally.count(opened('@alice:example.org', 1))
    const during = await page()
    tally.count(closed('@alice:example.org', 1))
    live.clear()
    const after = await page()

    t.match(
      during,
      'taciturn_homeserver_relayed_bytes_total{homeserver="example.org",direction="to_peer"} 200',
    )
    t.match(
      after,
      'taciturn_homeserver_relayed_bytes_total{homeserver="example.org",direction="to_peer"} 300',
    )
  },
)

t.test('reasons are on the page before they happen, so that the first time is seen as a rise', async t => {
  const text = await start().page()
  t.match(text, 'taciturn_rejected_total{reason="wrong-secret"} 0')
  t.match(text, 'taciturn_allocations_closed_total{reason="lost"} 0')
  t.match(text, 'taciturn_throttled_total{reason="unverified"} 0')
})

t.test('without a certificate there is no expiry', async t => {
  t.notMatch(await start().page(), /^taciturn_certificate_expiry_timestamp_seconds /m)
  t.match(
    await start({ certificateExpires: () => 1_900_000_000 }).page(),
    'taciturn_certificate_expiry_timestamp_seconds 1900000000',
  )
})

t.test('an allocation that never opened is not subtracted', async t => {
  const { tally } = start()

  tally.count({ ...closed('@alice:example.org', 1), relayed: [] } as Event)

  t.equal(tally.live.udp, 0)
})

function start(some: Partial<Figures> & { coturnNames?: boolean } = {}) {
  const counters = new Counters()
  const tally = new Tally()
  tally.configure(['example.org'])
  const { coturnNames = false, ...rest } = some
  const figures: Figures = {
    version: '0.0.0',
    realm: 'turn.example.org',
    counters,
    tally,
    users: () => 0,
    allocationsLimit: () => 100,
    connectionsLimit: () => 50,
    homeserverLimits: () => new Map(),
    budgets: () => ({ budgets: [], usersSpent: 0, ownLimits: 0 }),
    carried: async () => new Map(),
    gauges: () => ({ sockets: 0, connections: 0, visitors: 0, faults: 0, kernelRoutes: 0 }),
    kernelPassed: () => ({ expired: 0 }),
    openDescriptors: () => 21,
    ports: () => ({ used: 1, total: 10 }),
    certificateExpires: () => undefined,
    reload: () => ({ ok: true, at: 0 }),
    ready: () => true,
    draining: () => false,
    workers: () => ({ running: 1, missing: 0 }),
    ...rest,
  }
  const registry = createMetrics(figures, { coturnNames, process: false })
  return { registry, counters, tally, page: () => pageText(registry, async () => {}) }
}

function about(user: string, id: number, tenant = 'example.org') {
  return {
    at: 90_000 as Time,
    allocation: id as AllocationId,
    owner: { tenant, user },
    client: parseAddress(`192.0.2.10:${id % 65536}`)!,
    via: 'udp' as const,
    relayed: [parseAddress('203.0.113.7:50000')!],
  }
}

function opened(user: string, id: number, tenant?: string): Event {
  return { kind: 'opened', ...about(user, id, tenant) }
}

function closed(user: string, id: number, tenant?: string): Event {
  const traffic = { toPeer: { packets: 3, bytes: 300 }, toClient: { packets: 1, bytes: 70 } }
  return {
    kind: 'closed',
    ...about(user, id, tenant),
    reason: 'released',
    since: 0 as Time,
    traffic,
    peers: 1,
  }
}

function rejected(id: number): Event {
  return {
    kind: 'rejected',
    at: 0 as Time,
    from: parseAddress('192.0.2.10:1')!,
    via: 'udp',
    method: 'Allocate',
    code: 401,
    why: 'wrong-secret',
    detail: `detail ${id}`,
    username: `@user${id}:example.org`,
  }
}

t.test('S-14: the page is written metric by metric, with a pause after each', async t => {
  const { registry } = start()
  let pauses = 0
  const text = await pageText(registry, async () => void pauses++)
  t.equal(pauses, registry.getMetricsAsArray().length)
  t.equal(text, await registry.metrics())
})
