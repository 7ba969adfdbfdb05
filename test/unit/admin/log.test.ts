import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event, RejectReason } from '../../../src/core/event.ts'
import { Journal } from '../../../src/log/journal.ts'
import type { LogLevel } from '../../../src/log/level.ts'
import { Log } from '../../../src/log/log.ts'
import { formatText } from '../../../src/log/log-text.ts'
import { printable } from '../../../src/log/printable.ts'
import { Privacy, type PrivacyMode } from '../../../src/log/privacy.ts'

const client = parseAddress('192.0.2.77:50000')!
const relayed = parseAddress('203.0.113.7:50001')!

const REASONS: readonly RejectReason[] = [
  'first-401',
  'expired',
  'wrong-secret',
  'unknown-user',
  'wrong-realm',
  'stale-nonce',
  'guessing',
  'paused',
  'blocked',
  'bad-request',
  'unknown-attribute',
  'mismatch',
  'wrong-user',
  'unsupported',
  'denied-peer',
  'quota',
  'capacity',
  'draining',
  'allocation-rate',
  'scan',
]

const allocation = {
  at: 100_000 as Time,
  allocation: 7 as AllocationId,
  owner: { tenant: 'example.org', user: '@alice:example.org' },
  client,
  via: 'udp',
  relayed: [relayed],
} as const
const opened: Event = { kind: 'opened', ...allocation }
const closed: Event = {
  kind: 'closed',
  ...allocation,
  reason: 'released',
  since: 10_000 as Time,
  traffic: { toPeer: { packets: 10, bytes: 1000 }, toClient: { packets: 20, bytes: 2000 } },
  peers: 2,
}
const throttled: Event = { kind: 'throttled', at: 0 as Time, why: 'unverified', count: 5000, from: client }
const scan: Event = {
  kind: 'throttled',
  at: 0 as Time,
  why: 'scan',
  count: 1,
  from: client,
  owner: { tenant: 'example.org', user: '@mallory:example.org' },
}
const peer = parseAddress('198.51.100.9:4000')!
const permitted: Event = { kind: 'permitted', at: 0 as Time, allocation: 7 as AllocationId, peers: [peer] }
const bound: Event = {
  kind: 'bound',
  at: 0 as Time,
  allocation: 7 as AllocationId,
  channel: 0x4000 as never,
  peer,
}

t.test(
  'an allocation leaves a line when it opens and one when it closes, tied to user, client, relayed address and time [TURN-SEC-05, ABU-05]',
  async t => {
    const { journal, lines } = start({ privacy: 'full' })

    journal.write(opened)
    journal.write(closed)

    t.match(lines()[0], {
      level: 'info',
      msg: 'opened',
      allocation: 7,
      homeserver: 'example.org',
      user: '@alice:example.org',
      client: '192.0.2.77:50000',
      transport: 'udp',
      relayed: ['203.0.113.7:50001'],
    })
    t.match(lines()[0]?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    t.match(lines()[1], {
      msg: 'closed',
      allocation: 7,
      relayed: ['203.0.113.7:50001'],
      reason: 'released',
      seconds: 90,
      peers: 2,
      packetsToPeer: 10,
      bytesToPeer: 1000,
      packetsToClient: 20,
      bytesToClient: 2000,
    })
  },
)

t.test('by default no line holds a Matrix ID or the address of a client or a peer', async t => {
  const { journal, text } = start({ level: 'trace' })

  for (const event of [opened, permitted, bound, closed, throttled, scan, ...REASONS.map(rejected)]) {
    journal.write(event)
  }

  t.notMatch(text(), /alice|mallory/)
  t.notMatch(text(), /192\.0\.2\.77/)
  t.notMatch(text(), /198\.51\.100\.9/)
  t.match(text(), /203\.0\.113\.7/, 'our own address is no secret')
})

t.test('with privacy none there are no such fields at all', async t => {
  const { journal, lines } = start({ privacy: 'none' })

  journal.write(opened)

  t.notOk('user' in lines()[0]!)
  t.notOk('client' in lines()[0]!)
})

for (const why of ['expired', 'wrong-secret', 'unknown-user'] as const) {
  t.test(`${why} is a line of its own that says what to do`, async t => {
    const { journal, lines } = start({})

    journal.write(rejected(why))

    // A wrong secret stops every call of a homeserver, so it is worth a warning.
    const level = why === 'wrong-secret' ? 'warn' : 'info'
    t.match(lines()[0], { level, msg: 'rejected', reason: why, hint: / / })
  })
}

t.test('a flood and a scan are a line each that says what to do [ABU-06, ABU-15]', async t => {
  const { journal, lines } = start({ privacy: 'full' })

  journal.write(throttled)
  journal.write(scan)

  t.match(lines()[0], { level: 'warn', msg: 'throttled', reason: 'unverified', count: 5000, hint: / / })
  t.match(lines()[1], { level: 'warn', msg: 'scan', user: '@mallory:example.org', hint: / / })
})

t.test('the 401 that opens every session is seen at trace only', async t => {
  const debug = start({ level: 'debug' })
  const trace = start({ level: 'trace' })

  debug.journal.write(rejected('first-401'))
  trace.journal.write(rejected('first-401'))

  t.equal(debug.lines().length, 0)
  t.equal(trace.lines().length, 1)
})

t.test('private peers are explained once in ten minutes, with their number', async t => {
  const { journal, lines } = start({})
  for (let i = 0; i < 50; i++) journal.write(rejected('denied-peer', i * 1000))

  journal.write(rejected('denied-peer', 600_000))

  t.equal(lines().length, 2)
  t.match(lines()[0], { msg: 'peers denied', count: 1, hint: /peers\.allow/ })
  t.match(lines()[1], { msg: 'peers denied', count: 50 })
})

t.test('a million bad requests are less than a thousand lines [ABU-15]', async t => {
  const { journal, log, lines, clock } = start({})
  for (let i = 0; i < 1_000_000; i++) {
    if (i % 10_000 === 0) {
      clock.now += 1000
      log.tick()
    }
    journal.write(rejected('wrong-secret', clock.now))
  }
  clock.now += 10_000
  log.tick()

  const suppressed = lines().filter(line => line.msg === 'suppressed')
  t.ok(lines().length < 1000)
  t.equal(
    suppressed.reduce((sum, line) => sum + Number(line.count), 0) + lines().length - suppressed.length,
    1_000_000,
    'and every one of them is accounted for',
  )
})

t.test('rejections that were only counted are accounted for where they would have been', async t => {
  const { journal, log, clock, lines } = start({})
  journal.write(rejected('wrong-secret'))
  journal.writeFewer('wrong-secret', 500)
  journal.writeFewer('first-401', 9000)
  journal.write(rejected('denied-peer', clock.now))
  journal.writeFewer('denied-peer', 20)
  clock.now += 600_000
  journal.write(rejected('denied-peer', clock.now))
  log.tick()

  t.match(lines(), [
    { msg: 'rejected', reason: 'wrong-secret' },
    { msg: 'peers denied', count: 1 },
    { msg: 'peers denied', count: 21 },
    { msg: 'suppressed', lines: 'rejected: wrong-secret', count: 500 },
  ])
  t.equal(lines().length, 4, 'what is not worth a line is not worth a number')
})

t.test(
  'whatever a user name holds, the log stays one line and steers no terminal [SEC-22, ABU-16, OPS-25]',
  async t => {
    for (const format of ['json', 'text'] as const) {
      const { journal, text } = start({ privacy: 'full', format })
      const evil = `%s%n%x {} \n\r\0\x1b[2J\x9b31m\u2028\u202e"\\${'x'.repeat(763)}`

      journal.write({ ...rejected('wrong-secret'), username: evil } as Event)

      t.equal(text().split('\n').length, 2, 'one line and its end')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      t.notMatch(text().trimEnd(), /[\x00-\x1f\x7f-\x9f\u2028\u202e]/)
      t.match(text(), '%s%n%x')
      t.ok(text().length < 2000)
    }
  },
)

t.test('a field that is called a secret is not written [SEC-38, OPS-25]', async t => {
  const { log, text } = start({})

  log.info('settings', { secret: 'hunter2', password: 'hunter2', key: 'hunter2' })

  t.notMatch(text(), 'hunter2')
})

t.test('the level can be changed while running', async t => {
  const { log, lines } = start({ level: 'warn' })
  log.info('before')

  log.configure('info')
  log.info('after')

  t.same(
    lines().map(line => line.msg),
    ['after'],
  )
})

t.test('a line after the end is lost and no fault', async t => {
  const { log, lines } = start({})
  let closed = false

  log.close(() => (closed = true))
  log.error('late')

  t.ok(closed)
  t.equal(lines().length, 0)
})

t.test('text reads as time, level, message and fields', async t => {
  const line = formatText(
    {
      level: 'info',
      time: '2026-01-02T03:04:05.678Z',
      msg: 'opened',
      user: 'a b',
      relayed: ['1.2.3.4:5'],
      n: 3,
    },
    false,
  )

  t.equal(line, '03:04:05.678 info  opened  user="a b" relayed=["1.2.3.4:5"] n=3\n')
})

t.test('printable text is left as it is', async t => {
  t.equal(printable('@ålice:münchen.example 🙂'), '@ålice:münchen.example 🙂')
})

function rejected(why: RejectReason, at = 0): Event {
  return {
    kind: 'rejected',
    at: at as Time,
    from: client,
    via: 'udp',
    method: 'Allocate',
    code: 401,
    why,
    detail: 'detail',
    username: '1789000000:@alice:example.org',
  }
}

function start(options: {
  level?: LogLevel
  privacy?: PrivacyMode
  format?: 'json' | 'text'
  language?: 'de'
}) {
  const clock = { now: 1_767_000_000_000 }
  const written: string[] = []
  const log = new Log({
    level: options.level ?? 'info',
    format: options.format ?? 'json',
    ...(options.language && { language: options.language }),
    sink: { write: (line: string) => written.push(line) },
    now: () => clock.now,
  })
  return {
    log,
    clock,
    journal: new Journal(log, new Privacy(options.privacy ?? 'pseudonym')),
    text: () => written.join(''),
    lines: () => written.map(line => JSON.parse(line) as Record<string, unknown>),
  }
}

t.test(
  'U-21: hints and sentences of the log are German where people are; what programs look for is not',
  async t => {
    const { log, journal, lines } = start({ language: 'de' })
    journal.write(rejected('wrong-secret', 0))
    log.warn({ key: 'warn.waiting', values: { why: { key: 'waiting.gone', values: { ip: '192.0.2.5' } } } })
    t.match(lines()[0], {
      msg: 'rejected',
      reason: 'wrong-secret',
      hint: /^Die Zugangsdaten sind mit einem Geheimnis/,
    })
    t.equal(lines()[1]!.msg, 'es fehlt: dieser Rechner hat die Relay-Adresse 192.0.2.5 nicht mehr')
  },
)
