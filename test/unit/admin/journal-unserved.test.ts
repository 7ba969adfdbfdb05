import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { UNSERVED_COUNTERS } from '../../../src/base/counters.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event, UnservedReason } from '../../../src/core/event.ts'
import type { Refused } from '../../../src/core/input.ts'
import { Journal } from '../../../src/log/journal.ts'
import { Log } from '../../../src/log/log.ts'
import { Privacy } from '../../../src/log/privacy.ts'
import { explainHandshake, nameForeign } from '../../../src/net/stream/unserved.ts'
import { Sim } from '../../sim/sim.ts'

t.test(
  'P-05: a connection that is not served has a line with a pseudonym, the reason and a cure',
  async t => {
    const { write, lines } = start('info')

    write(
      'tls-untrusted',
      'TLS handshake failed: the client does not trust the certificate (alert unknown_ca)',
    )

    t.match(lines(), [
      {
        level: 'info',
        msg: 'connection not served',
        reason: 'tls-untrusted',
        detail: 'TLS handshake failed: the client does not trust the certificate (alert unknown_ca)',
        hint: /chain of the certificate/,
      },
    ])
    t.notMatch(JSON.stringify(lines()), '192.0.2.10')
    t.type(lines()[0]!.client, 'string')
  },
)

t.test('O-23: a PROXY header has a line that says what to turn off', async t => {
  const { write, lines } = start('info')

  write('proxy-header', 'a PROXY protocol header, version 1, came')

  t.match(lines(), [{ level: 'info', hint: /proxy_protocol in nginx/ }])
})

t.test('O-23: how the proxy names a connection is written where everything is, and nowhere else', async t => {
  for (const [mode, named] of [
    ['full', 'C0A80001:01BB'],
    ['pseudonym', undefined],
    ['truncated', undefined],
    ['none', undefined],
  ] as const) {
    const lines: string[] = []
    const log = new Log({ level: 'info', format: 'json', sink: { write: line => lines.push(line) } })
    new Journal(log, new Privacy(mode)).write({
      kind: 'unserved',
      at: 0 as Time,
      from: parseAddress('192.0.2.10:1000')!,
      why: 'tls-untrusted',
      detail: '',
      uniqueId: 'C0A80001:01BB',
    })
    t.equal(JSON.parse(lines[0]!).proxyId, named, mode)
  }
})

t.test('P-05: a flood of failed handshakes does not fill the disk', async t => {
  const { write, lines } = start('trace')

  for (let i = 0; i < 10_000; i++) write('tls-version', '')

  t.ok(lines().length <= 10)
})

t.test('P-05: what scanners cause all day is written for debug only', async t => {
  const { write, lines } = start('info')

  for (const why of ['http', 'not-stun', 'tls-broken-off', 'tls-version'] as const) write(why, '')

  t.same(lines(), [])
})

t.test('P-05: every reason that is told is one that is counted', async t => {
  const counted = new Set<string>(Object.values(UNSERVED_COUNTERS))
  for (const code of CODES) {
    const { why, detail } = explainHandshake(Object.assign(new Error('x'), { code }))
    t.ok(counted.has(why), `${code}: ${why}`)
    t.match(detail, /^TLS handshake failed: \S.+$/)
  }
  for (const octets of ['', '\0', 'GET / ', 'PROXY ', 'SSH-2.0', '\r\n\r\n\0\r\nQUIT\n']) {
    t.ok(counted.has(nameForeign(Buffer.from(octets, 'latin1')).why), JSON.stringify(octets))
  }
})

for (const [cause, why, hint] of [
  ['relay-address', 'this machine does not have the relay address 192.0.2.1', /relay\.addresses.*ip address/],
  ['descriptors', 'no file descriptor is left for a relay socket', /LimitNOFILE/],
  ['ports', 'all relay ports of 192.0.2.1 are in use', /relay\.ports/],
  ['allocations', 'limits.allocations', /Raise limits\.allocations/],
] as const) {
  t.test(`P-09: the hint of a refused allocation is the cure of its cause (${cause})`, async t => {
    const { journal, lines } = start('trace')
    const refused: Refused = { allocation: 1 as AllocationId, code: 508, why, cause }

    for (const event of refusedBy(world => world.refuseNext(refused))) journal.write(event)

    const rejected = lines().filter(line => line.reason === 'capacity')
    t.match(rejected, [{ code: 508, detail: why, hint }])
    if (cause !== 'allocations') t.notMatch(rejected[0]!.hint, /limits\.allocations/)
  })
}

t.test('P-09: a reservation token that nobody gave out does not call for higher limits', async t => {
  const { journal, lines } = start('trace')
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')

  alice.allocate({ reservation: Buffer.from('12345678') })
  for (const event of sim.world.events) journal.write(event)

  const [line] = lines().filter(({ reason }) => reason === 'capacity')
  t.match(line, { code: 508, detail: 'the reservation token is unknown or used', hint: /token/ })
  t.notMatch(line!.hint, /Raise|Widen|limits\./)
})

t.test('P-09: the hint of a quota names the limit that was reached, and no other', async t => {
  const { journal, lines } = start('trace')

  for (const why of ['limits.allocationsPerAddress', 'homeservers[].limits.allocations']) {
    const refused: Refused = { allocation: 1 as AllocationId, code: 486, why }
    for (const event of refusedBy(world => world.refuseNext(refused))) journal.write(event)
  }

  t.match(
    lines().flatMap(({ reason, hint }) => (reason === 'quota' ? [hint] : [])),
    [/raise limits\.allocationsPerAddress\.$/, /raise homeservers\[\]\.limits\.allocations\.$/],
  )
})

/** What is told when the world refuses a claim. */
function refusedBy(prepare: (world: Sim['world']) => void): readonly Event[] {
  const sim = new Sim()
  prepare(sim.world)
  sim.client('192.0.2.10:50000').allocate()
  return sim.world.events
}

const CODES = [
  'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_UNEXPECTED_MESSAGE',
  'ECONNRESET',
  undefined,
]

function start(level: 'info' | 'trace') {
  const written: string[] = []
  const log = new Log({ level, format: 'json', sink: { write: line => written.push(line) } })
  const journal = new Journal(log, new Privacy('pseudonym'))
  return {
    journal,
    write: (why: UnservedReason, detail: string) =>
      journal.write({
        kind: 'unserved',
        at: 0 as Time,
        from: parseAddress('192.0.2.10:50000')!,
        why,
        detail,
      }),
    lines: () => written.map(line => JSON.parse(line) as Record<string, unknown>),
  }
}
