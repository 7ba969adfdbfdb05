import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import { noTraffic } from '../../../src/base/route.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Via } from '../../../src/base/via.ts'
import { CODE_WORDS } from '../../../src/control/code-words.ts'
import { TestRuns } from '../../../src/control/tests/test-runs.ts'
import type { Event } from '../../../src/core/event.ts'
import { MEASURED } from '../../support/measured.ts'

const MINUTE = 60_000
const NONE = () => undefined

t.test('a link is for as many tests as it says, and for as long', async t => {
  const { runs, clock, start } = rig()
  const { code } = runs.link(60, 2)
  t.ok(runs.start(code, '192.0.2.1'))
  t.ok(runs.start(code, '192.0.2.1'))
  t.notOk(runs.start(code, '192.0.2.1'))
  t.notOk(runs.start('', '192.0.2.1'))
  const late = runs.link(60, 1)
  clock.now += MINUTE
  t.notOk(runs.start(late.code, '192.0.2.1'))
  t.match(start(), { realm: 'r', iceServers: [{ urls: 'turn:r', username: /test:[0-9a-f]{12}$/ }] })
})

t.test('U-03: how many tests a link is still good for is told before, and with each test', async t => {
  const { runs } = rig()
  const { code } = runs.link(60, 2)
  t.equal(runs.left(code), 2)
  t.equal(runs.left(code), 2, 'asking uses up nothing')
  t.equal(runs.start(code, '192.0.2.1')?.left, 1)
  t.equal(runs.start(code, '192.0.2.1')?.left, 0)
  t.equal(runs.left(code), 0)
  t.equal(runs.left('no code'), 0)
})

t.test('U-20: a code is found as people write it when they hear it', async t => {
  const { runs, start } = rig()
  const { code } = runs.finish(start().handle, MEASURED, NONE)!
  const [word, number] = code.toLowerCase().split('-')
  for (const written of [code, `${word} ${number}`, `${word}${number}`, ` ${word}--${number} `])
    t.equal(runs.result(written)?.code, code, written)
  t.notOk(runs.result('?'))
})

t.test('what the relay tells of a test is seen by transport and family', async t => {
  const { runs, start, user } = rig()
  const { handle } = start()
  runs.hear(opened(1, user(), 'udp', '192.0.2.1:5000'))
  runs.hear(opened(2, '@alice:example.org', 'udp', '192.0.2.1:5001'))
  runs.hear(rejected('tcp', '192.0.2.1:6000', 'expired', `1:${user()}`))
  runs.hear(rejected('tcp', '192.0.2.1:6001', 'expired', `1:${user()}`))

  const carried = { ...noTraffic(), toPeer: { packets: 3, bytes: 300 } }
  t.match(
    runs.view(handle, allocation => (allocation === 1 ? carried : undefined)),
    {
      client: '192.0.2.1',
      ways: [
        {
          transport: 'udp',
          family: 4,
          client: '192.0.2.1:5000',
          opened: 1,
          traffic: { toPeer: { packets: 3 } },
        },
        { transport: 'tcp', family: 4, client: '192.0.2.1:6001', opened: 0, refused: { expired: 2 } },
      ],
    },
  )
  runs.hear({ ...opened(1, user(), 'udp', '192.0.2.1:5000'), ...CLOSED, traffic: carried })
  t.match(runs.view(handle, NONE)?.ways[0]?.traffic, { toPeer: { packets: 3 } }, 'also when it has ended')
})

t.test('requests without credentials count where their address is that of the test', async t => {
  const { runs, clock, start, user } = rig()
  runs.hear(rejected('udp', '192.0.2.1:1', 'first-401'))
  const { handle } = start()
  clock.now += 1
  runs.hear(rejected('tls', '192.0.2.1:2', 'first-401'))
  runs.hear(rejected('udp', '198.51.100.1:3', 'first-401'))
  t.match(runs.view(handle, NONE)?.ways, [{ transport: 'tls', challenged: 1, opened: 0 }])
  // The browser may come to us by another address than to the page; it proves so by its credential.
  runs.hear(opened(1, user(), 'udp', '198.51.100.1:3'))
  t.match(runs.view(handle, NONE)?.ways, [
    { transport: 'tls', challenged: 1 },
    { transport: 'udp', challenged: 1 },
  ])
})

t.test('nothing is kept while no test runs', async t => {
  const { runs, start } = rig()
  for (let i = 0; i < 10; i++) runs.hear(rejected('udp', '192.0.2.1:1', 'first-401'))
  t.same(runs.view(start().handle, NONE)?.ways, [])
  t.notOk(runs.view('somebody else', NONE))
})

t.test('a result is found by its code for a day, however the code is written', async t => {
  const { runs, clock, start } = rig()
  const { handle } = start()
  const { code } = runs.finish(handle, MEASURED, NONE)!
  t.match(code, /^[A-Z]+-[0-9]{4}$/)
  t.match(runs.result(code.toLowerCase()), { code, measured: { score: 'good' }, server: { ways: [] } })
  t.notOk(runs.result('KIWI-0000'))
  t.notOk(runs.finish('somebody else', MEASURED, NONE))
  clock.now += 24 * 60 * MINUTE
  t.notOk(runs.result(code))
})

t.test('links, tests and results are bounded', async t => {
  const { runs, start } = rig()
  const first = runs.link(60, 1)
  for (let i = 0; i < 64; i++) runs.link(60, 1)
  t.notOk(runs.start(first.code, ''), 'the oldest links go first')
  const { handle } = start()
  const { code } = runs.finish(handle, MEASURED, NONE)!
  for (let i = 0; i < 200; i++) runs.finish(handle, MEASURED, NONE)
  t.notOk(runs.result(code))
  for (let i = 0; i < 32; i++) start()
  t.notOk(runs.view(handle, NONE))
})

t.test(
  'S-16: links, tests and results last as long as they say, whatever becomes of the wall clock',
  async t => {
    const { runs, clock, start } = rig()
    clock.lead = Date.UTC(2030, 0, 1)
    const { code, expires } = runs.link(60, 1)
    t.equal(expires, clock.now + clock.lead + 60_000, 'told by the calendar')
    clock.lead = -86_400_000
    clock.now += 59_999
    t.equal(runs.left(code), 1)
    clock.now += 1
    t.equal(runs.left(code), 0, 'a clock that is set back prolongs nothing')
    const { handle } = start()
    clock.lead += 10 * 86_400_000
    t.ok(runs.knows(handle), 'and one that is set forward ends nothing')
    const finished = runs.finish(handle, MEASURED, NONE)!
    t.equal(finished.expires, clock.now + clock.lead + 86_400_000)
    clock.lead += 86_400_000
    t.ok(runs.result(finished.code))
  },
)

t.test('the words can be told on the telephone', async t => {
  t.equal(new Set(CODE_WORDS).size, CODE_WORDS.length)
  for (const word of CODE_WORDS) t.match(word, /^[A-Z]{4,7}$/)
})

function rig() {
  const clock = { now: 1_000_000, lead: 0 }
  let last = ''
  const runs = new TestRuns({
    realm: 'r',
    uris: () => ['turn:r'],
    credential: user => {
      last = user
      return { username: `1:${user}`, password: 'p' }
    },
    now: () => clock.now,
    date: () => clock.now + clock.lead,
  })
  const start = () => runs.start(runs.link(60, 1).code, '192.0.2.1')!
  return { runs, clock, start, user: () => last }
}

const CLOSED = { kind: 'closed', reason: 'released', since: 0 as Time, peers: 1 } as const

function opened(allocation: number, user: string, via: Via, from: string): Event & { kind: 'opened' } {
  return {
    kind: 'opened',
    at: 0 as Time,
    allocation: allocation as AllocationId,
    owner: { tenant: 'test page', user },
    client: parseAddress(from)!,
    via,
    relayed: [parseAddress('203.0.113.1:50000')!],
  }
}

function rejected(via: Via, from: string, why: 'first-401' | 'expired', username?: string): Event {
  return {
    kind: 'rejected',
    at: 0 as Time,
    from: parseAddress(from)!,
    via,
    method: 'Allocate',
    code: 401,
    why,
    detail: '',
    ...(username !== undefined && { username }),
  }
}
