import t from 'tap'
import { MEASURES } from '../../../src/base/measures.ts'
import type { Traffic } from '../../../src/base/route.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event } from '../../../src/core/event.ts'
import { SECONDS_AN_HOUR, type UsageRow } from '../../../src/ledger/usage.ts'
import { UsageMeter } from '../../../src/ledger/usage-meter.ts'
import { closed, opened, rejected, traffic } from './support.ts'

const START = 1_800_000_000_000 - (1_800_000_000_000 % 3_600_000)

function rig(mostRows?: number) {
  let wall = START
  const meter = new UsageMeter({
    identify: user => `<${user}>`,
    wall: () => wall,
    ...(mostRows !== undefined && { mostRows }),
  })
  return {
    meter,
    setWall: (at: number) => (wall = at),
    hear: (...events: Event[]) => {
      for (const event of events) meter.hear(event)
    },
    count: (id: number, carried: Traffic | undefined, at: number) =>
      meter.count(id as never, carried, at as Time),
  }
}

function named(row: UsageRow | undefined) {
  const [hour, homeserver, user, transport, family, ...sums] = row ?? []
  return {
    who: [hour, homeserver, user, transport, family],
    ...Object.fromEntries(MEASURES.map((name, i) => [name, sums[i]])),
  }
}

t.test('what an allocation carries is counted once, however often it is read', async t => {
  const { meter, hear, count } = rig()
  hear(opened(1, 'alice', { at: START }))
  count(1, traffic(100, 1, 50, 2), START + 1000)
  count(1, traffic(100, 1, 50, 2), START + 1000)
  count(1, traffic(300, 3, 60, 3), START + 2000)
  hear(closed(1, 'alice', traffic(350, 4, 80, 4), { since: START, at: START + 3000 }))
  const rows = [...meter.take()]
  t.equal(rows.length, 1)
  t.strictSame(named(rows[0]), {
    who: [START / 1000, 'example.org', '<alice>', 'udp', 4],
    bytesToPeer: 350,
    packetsToPeer: 4,
    bytesToClient: 80,
    packetsToClient: 4,
    allocations: 1,
    milliseconds: 3000,
    refusals: 0,
  })
  t.strictSame([...meter.take()], [], 'and handed over once')
})

t.test('a reading that says less than was counted takes nothing away', async t => {
  const { meter, hear, count } = rig()
  hear(opened(1, 'alice', { at: START }))
  count(1, traffic(300, 3, 60, 3), START + 2000)
  count(1, traffic(100, 1, 50, 2), START + 1000)
  hear(closed(1, 'alice', traffic(0, 0, 0, 0), { since: START, at: START + 2000 }))
  t.match(named([...meter.take()][0]), { bytesToPeer: 300, bytesToClient: 60, milliseconds: 2000 })
})

t.test('what was handed over is counted from the first reading on', async t => {
  const { meter, count, hear } = rig()
  meter.adopt(opened(1, 'alice', { at: START }) as never)
  count(1, undefined, START + 1000)
  t.strictSame([...meter.take()], [])
  count(1, traffic(500, 5, 50, 5), START + 60_000)
  count(1, traffic(520, 6, 50, 5), START + 61_000)
  hear(closed(1, 'alice', traffic(530, 7, 51, 6), { since: START, at: START + 62_000 }))
  t.match(named([...meter.take()][0]), {
    bytesToPeer: 30,
    packetsToPeer: 2,
    milliseconds: 2000,
    allocations: 0,
  })
})

t.test('a shard that does not answer leaves everything for the next time', async t => {
  const { meter, hear, count } = rig()
  hear(opened(1, 'alice', { at: START }))
  count(1, undefined, START + 1500)
  t.match(named([...meter.take()][0]), { bytesToPeer: 0, milliseconds: 0 })
  count(1, traffic(70, 1, 0, 0), START + 2000)
  t.match(named([...meter.take()][0]), { bytesToPeer: 70, milliseconds: 2000 })
})

t.test('an allocation that nobody heard open, or that has ended, is not counted', async t => {
  const { meter, hear, count } = rig()
  count(7, traffic(1, 1, 1, 1), START)
  hear(closed(7, 'alice', traffic(9, 9, 9, 9), { since: START, at: START }))
  t.strictSame([...meter.take()], [])
})

t.test('what follows a hand-over belongs to the hour that it then is', async t => {
  const { meter, hear, count, setWall } = rig()
  hear(opened(1, 'alice', { at: START }))
  setWall(START + 3_600_000)
  count(1, traffic(10, 1, 0, 0), START + 3_600_000)
  t.equal([...meter.take()][0]![0], START / 1000, 'what came before belongs to the hour that ends')
  count(1, traffic(25, 2, 0, 0), START + 3_660_000)
  t.match(named([...meter.take()][0]), { who: [START / 1000 + SECONDS_AN_HOUR], bytesToPeer: 15 })
})

t.test(
  'transport, family, homeserver and user are told apart, and a client that roams counts anew',
  async t => {
    const { meter, hear, count } = rig()
    hear(opened(1, 'alice', { at: START }), opened(2, 'alice', { at: START, via: 'tls', family: 6 }))
    hear(opened(3, 'alice', { at: START, tenant: 'other.example' }), opened(4, '', { at: START }))
    count(1, traffic(10, 1, 0, 0), START)
    hear({ ...opened(1, 'alice', { at: START, via: 'tcp' }), kind: 'roamed' } as unknown as Event)
    count(1, traffic(30, 2, 0, 0), START)
    const rows = [...meter.take()].map(row => `${row[1]} ${row[2]} ${row[3]}${row[4]} ${row[5]} ${row[9]}`)
    t.strictSame(rows.sort(), [
      'example.org  udp4 0 1',
      'example.org <alice> tcp4 20 0',
      'example.org <alice> tls6 0 1',
      'example.org <alice> udp4 10 1',
      'other.example <alice> udp4 0 1',
    ])
  },
)

t.test('refusals count for those who have proved who they are, and else for nobody', async t => {
  const { meter, hear } = rig()
  hear(rejected('quota', { tenant: 'example.org', user: 'alice' }))
  hear(rejected('wrong-secret'), rejected('first-401'))
  meter.countRefused('wrong-secret', 40)
  meter.countRefused('first-401', 1000)
  const rows = [...meter.take()].map(row => `${row[1]} ${row[2]} ${row[3]} ${row.at(-1)}`)
  t.strictSame(rows.sort(), ['   40', '  udp 1', 'example.org <alice> udp 1'])
})

t.test('beyond the most rows users are no longer told apart, and the sums stay right', async t => {
  const { meter, hear, count } = rig(2)
  for (let id = 1; id <= 5; id++) {
    hear(opened(id, `user${id}`, { at: START }))
    count(id, traffic(10, 1, 1, 1), START)
  }
  const rows = [...meter.take()]
  t.equal(rows.length, 3)
  t.equal(
    rows.reduce((sum, row) => sum + row[5]!, 0),
    50,
  )
  t.equal(rows.find(row => row[2] === '')?.[9], 3)
})

t.test('rows that could not be kept are added to what came since, each to its hour', async t => {
  const { meter, hear, count, setWall } = rig()
  hear(opened(1, 'alice', { at: START }))
  count(1, traffic(10, 1, 0, 0), START)
  const rows = [...meter.take()]
  setWall(START + 3_600_000)
  count(1, traffic(15, 1, 0, 0), START)
  meter.take()
  count(1, traffic(40, 1, 0, 0), START)
  for (const row of rows) meter.putBack(row)
  t.strictSame(
    [...meter.take()].map(row => [row[0] - START / 1000, row[5]]),
    [
      [SECONDS_AN_HOUR, 25],
      [0, 10],
    ],
  )
})
