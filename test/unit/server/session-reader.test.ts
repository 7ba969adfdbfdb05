import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event } from '../../../src/core/event.ts'
import { Pseudonyms } from '../../../src/log/pseudonyms.ts'
import { PastTraffic } from '../../../src/operate/history.ts'
import { OpenSessions } from '../../../src/operate/open-sessions.ts'
import { SessionReader } from '../../../src/operate/session-reader.ts'
import { findReading, ReadingsWriter } from '../../../src/relay/readings.ts'

const DAY = 86_400_000
const ALL = { most: 100 }

t.test('readings cross from one thread to another as they are', async t => {
  const readings = [reading(1, 100), { ...reading(2, 7), dropped: 2 ** 40 }]
  const values = written(readings)
  for (const one of readings) t.same(findReading(values, one.allocation), one)
  for (const other of [0, 3, 99]) t.equal(findReading(values, other as AllocationId), undefined)
  const many = written(Array.from({ length: 1000 }, (_, i) => reading(2 * i, i)))
  for (const i of [0, 1, 500, 999]) {
    t.equal(findReading(many, (2 * i) as AllocationId)!.traffic.toPeer.bytes, i)
    t.equal(findReading(many, (2 * i + 1) as AllocationId), undefined)
  }
})

t.test('a rate is measured over about a second, and waited for where nobody has looked of late', async t => {
  const { reader, clock, carry } = rig()
  carry(1, 1000)
  const [first] = (await reader.sessions(ALL)).sessions
  t.equal(clock.waited, 900, 'one wait')
  t.equal(first!.rate.toPeer.bytes, 0)

  carry(1, 3000)
  clock.now += 1000
  const [second] = (await reader.sessions(ALL)).sessions
  t.equal(clock.waited, 900, 'and none while somebody looks each second')
  t.equal(second!.rate.toPeer.bytes, 2000)
  t.equal(second!.traffic.toPeer.bytes, 3000)

  clock.now += 60_000
  await reader.sessions(ALL)
  t.equal(clock.waited, 1800, 'an old reading says nothing of the present')
})

t.test('who is in a hurry does not wait, and several who ask at once cost one reading', async t => {
  const { reader, clock, carry } = rig()
  carry(1, 1000)
  await Promise.all([
    reader.sessions({ ...ALL, hurry: true }),
    reader.sessions({ ...ALL, hurry: true }),
    reader.sessions({ ...ALL, hurry: true }),
  ])
  t.equal(clock.waited, 0)
  t.equal(clock.read, 1)
})

t.test('nobody is waited for where nobody is', async t => {
  const { reader, clock } = rig([])
  const { sessions, more } = await reader.sessions(ALL)
  t.same([...sessions], [])
  t.equal(more, 0)
  t.equal(clock.waited, 0)
})

t.test('the busiest come first; a session that nobody could read of is there all the same', async t => {
  const { reader, clock, carry } = rig([1, 2, 3])
  carry(1, 0)
  carry(2, 0)
  await reader.sessions({ ...ALL, hurry: true })
  carry(1, 10)
  carry(2, 1000)
  clock.now += 1000
  t.same(
    [...(await reader.sessions(ALL)).sessions].map(({ id }) => id),
    ['2', '1', '3'],
  )
})

t.test(
  'S-14: of many sessions only those that are shown are put together, each when its turn comes',
  async t => {
    const ids = Array.from({ length: 2000 }, (_, i) => i + 1)
    const { reader, clock, carry, sessions } = rig(ids)
    let made = 0
    const entry = sessions.entry.bind(sessions)
    sessions.entry = allocation => {
      made++
      return entry(allocation)
    }
    for (const id of ids) carry(id, 0)
    const asked = await reader.sessions({ most: 10, hurry: true })
    t.equal(made, 0)
    t.equal([...asked.sessions].length, 10)
    t.equal(made, 10)
    // 7 and 2000 have no factor in common, so that all differ, and the busiest stand anywhere.
    for (const id of ids) carry(id, (id * 7) % 2000)
    clock.now += 1000
    made = 0
    const { sessions: shown, more } = await reader.sessions({ most: 10 })
    const rates: number[] = []
    for (const { rate } of shown) {
      rates.push(rate.toPeer.bytes)
      t.equal(made, rates.length)
    }
    t.same(rates, [1999, 1998, 1997, 1996, 1995, 1994, 1993, 1992, 1991, 1990])
    t.equal(more, 1990)
  },
)

t.test('sessions of one homeserver, user or transport are found among all', async t => {
  const { reader, sessions } = rig([1, 2, 3])
  sessions.hear({ ...opened(4), owner: { tenant: 'other.example', user: '@bob:other.example' }, via: 'tls' })
  const idsOf = async (wanted: object) =>
    [...(await reader.sessions({ most: 2, hurry: true, ...wanted })).sessions].map(({ id }) => id).toSorted()
  t.same(await idsOf({ homeserver: 'other.example' }), ['4'])
  t.same(await idsOf({ transport: 'tls' }), ['4'])
  t.same(await idsOf({ user: sessions.find('4')!.user }), ['4'])
  t.same(await idsOf({ user: sessions.find('4')!.user, transport: 'udp' }), [])
  t.equal((await reader.sessions({ most: 2, hurry: true, homeserver: 'example.org' })).more, 1)
  t.equal((await reader.session('2'))!.id, '2')
  t.equal(await reader.session('5'), undefined)
})

t.test('sessions are named by pseudonyms that hold for a day', async t => {
  let now = 0
  const sessions = new OpenSessions(new Pseudonyms(() => now, Buffer.alloc), () => now)
  sessions.hear(opened(1))
  const [before] = sessions.entries()
  t.match(before!.user, /^[0-9a-f]{16}$/)
  t.not(before!.user, before!.client)
  t.equal(sessions.find('1')!.user, before!.user)
  now += DAY
  t.equal([...sessions.entries()].length, 1)
  for (const id of ['2', '', 'x', '1.0', '-1']) t.equal(sessions.find(id), undefined, id)
  sessions.hear({
    ...opened(1),
    kind: 'closed',
    reason: 'revoked',
    since: 0 as Time,
    traffic: traffic(0),
    peers: 0,
  })
  t.same([...sessions.entries()], [])
})

t.test('history is kept by the second and by the minute, and no longer than it says', async t => {
  const count = (second: number) => ({
    at: second * 1000,
    allocations: second,
    traffic: traffic(second * 100),
    dropped: second,
    rejected: 0,
  })
  const past = new PastTraffic(count(0))
  for (let second = 1; second <= 700; second++) past.tick(count(second))
  const { recent, day } = past.view()
  t.equal(recent.points.length, 600)
  t.equal(recent.points.at(-1)!.at, 700_000)
  t.equal(day.points.length, 11)
  for (const { points } of [recent, day]) {
    for (const point of points) t.match(point, { bytesToPeer: 100, bytesToClient: 0, packets: 1, dropped: 1 })
  }
  t.same(past.point, recent.points.at(-1))
  t.equal(past.rate.toPeer.bytes, 100)
  past.tick(count(0))
  t.equal(past.point.bytesToPeer, 0, 'a clock that is set back is no traffic')
})

function rig(ids: readonly number[] = [1]) {
  const clock = { now: 10_000, waited: 0, read: 0 }
  const carried = new Map<number, number>()
  const sessions = new OpenSessions(new Pseudonyms())
  for (const id of ids) sessions.hear(opened(id))
  const reader = new SessionReader({
    sessions,
    read: async () => {
      clock.read++
      return [written([...carried].map(([id, bytes]) => reading(id, bytes)))]
    },
    now: () => clock.now,
    wait: async milliseconds => {
      clock.waited += milliseconds
      clock.now += milliseconds
    },
    date: time => time,
  })
  return { reader, sessions, clock, carry: (id: number, bytes: number) => carried.set(id, bytes) }
}

function reading(allocation: number, bytes: number) {
  return {
    allocation: allocation as AllocationId,
    expires: 5,
    permissions: 1,
    channels: 2,
    traffic: traffic(bytes),
    dropped: 0,
  }
}

function written(readings: readonly ReturnType<typeof reading>[]) {
  const writer = new ReadingsWriter()
  for (const one of readings) writer.add(one)
  return writer.values()
}

function traffic(bytes: number) {
  return { toPeer: { packets: bytes / 100, bytes }, toClient: { packets: 0, bytes: 0 } }
}

function opened(allocation: number): Event & { kind: 'opened' } {
  return {
    kind: 'opened',
    at: 1 as Time,
    allocation: allocation as AllocationId,
    owner: { tenant: 'example.org', user: '@alice:example.org' },
    client: parseAddress('192.0.2.1:1')!,
    via: 'udp',
    relayed: [parseAddress('203.0.113.1:50000')!],
  }
}
