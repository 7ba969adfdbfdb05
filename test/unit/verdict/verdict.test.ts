import t from 'tap'
import { testMeasuredShape } from '../../../src/control/tests/test-shapes.ts'
import type { TestView, TestWay } from '../../../src/control/view.ts'
import { type Quality, qualityOf } from '../../../src/verdict/measure.ts'
import { finishedOf, report } from '../../../src/verdict/report.ts'
import { sentence } from '../../../src/verdict/say.ts'
import { readTestUri, type TestTransport } from '../../../src/verdict/uri.ts'
import { judge, RELAY_GONE, type WayVerdict } from '../../../src/verdict/verdict.ts'
import { testWords } from '../../../src/verdict/words.ts'
import { MEASURED } from '../../support/measured.ts'

const words = testWords('en', 'UTC')
const GOOD: Quality = { sent: 100, lost: 0, delay: 30, jitter: 2, throughput: 120_000 }
const PORTS = { udp: 3478, tcp: 3478, tls: 5349 }

function way(transport: TestTransport, over: Partial<WayVerdict> = {}): WayVerdict {
  const scheme = transport === 'tls' ? 'turns' : 'turn'
  const port = over.port ?? PORTS[transport]
  const uri = `${scheme}:turn.example.org:${port}?transport=${transport === 'udp' ? 'udp' : 'tcp'}`
  return { uri, transport, port, candidate: true, connected: true, took: 200, quality: GOOD, ...over }
}

function dead(transport: TestTransport, over: Partial<WayVerdict> = {}): WayVerdict {
  const { quality: _, took: __, ...rest } = way(transport)
  return { ...rest, candidate: false, connected: false, error: { code: 701, text: '' }, ...over }
}

function server(...transports: TestTransport[]): TestView {
  const traffic = { toPeer: { packets: 9, bytes: 900 }, toClient: { packets: 9, bytes: 900 } }
  const ways = transports.map(
    (transport): TestWay => ({
      transport,
      family: 4,
      client: '192.0.2.1:5000',
      challenged: 1,
      opened: 1,
      refused: {},
      traffic,
    }),
  )
  return { client: '192.0.2.1', started: 0, ways }
}

function said(ways: readonly WayVerdict[], view?: TestView): string[] {
  const { score, remarks } = judge(ways, view)
  return [score, ...remarks.map(remark => sentence(remark, words))]
}

t.test('all ways good is good, and with TLS on 443 excellent', t => {
  const view = server('udp', 'tcp', 'tls')
  t.same(said([way('udp'), way('tcp'), way('tls')], view), ['good', 'All paths to the relay work.'])
  t.equal(judge([way('udp'), way('tcp'), way('tls', { port: 443 })], view).score, 'excellent')
  t.end()
})

t.test('UDP that reaches nobody is blocked in the network of the user', t => {
  t.same(said([dead('udp'), way('tls', { port: 443 })], server('tls')), [
    'fair',
    'UDP is blocked in this network; TLS works.',
  ])
  t.end()
})

t.test('what the relay saw but the browser heard nothing of has lost its answers', t => {
  const [, remark] = said([dead('udp'), way('tls')], server('udp', 'tls'))
  t.match(remark, /The relay received packets over UDP/)
  t.end()
})

t.test('nothing anywhere is a failure, and whether packets arrived is told', t => {
  t.match(said([dead('udp'), dead('tls')], server()), [
    'fail',
    /Nothing that this browser sent reached the relay/,
  ])
  t.same(said([dead('udp')], undefined), ['fail'], 'without the view of the relay nothing is claimed of it')
  t.end()
})

t.test('refusals are named', t => {
  const view = server('udp')
  const refusing = { ...view, ways: view.ways.map(one => ({ ...one, refused: { quota: 2 } })) }
  t.match(said([dead('udp')], refusing), ['fail', /The relay rejected the request \(quota\)/])
  t.match(said([dead('udp', { error: { code: 401, text: 'Unauthorized' } })], undefined), [
    'fail',
    /The relay rejected the request \(401 Unauthorized\)/,
  ])
  t.match(said([dead('udp', { candidate: true })], server('udp')), ['fail', /no call could be connected/])
  t.end()
})

t.test('loss, delay and jitter are complained of where sound suffers', t => {
  const bad = { ...GOOD, lost: 5, delay: 400, jitter: 60 }
  t.match(said([way('udp', { quality: bad })], server('udp')), [
    'fair',
    /All paths/,
    /5.% of the packets/,
    /A round trip to the relay takes 400.ms/,
    /60.ms/,
  ])
  t.equal(judge([way('udp', { quality: { ...GOOD, lost: 30 } })], server('udp')).score, 'poor')
  t.same(said([way('udp', { quality: { ...GOOD, lost: 2, delay: 299, jitter: 49 } })], server('udp')), [
    'good',
    'All paths to the relay work.',
  ])
  t.end()
})

t.test('echoes become loss, delay and jitter', t => {
  const quality = qualityOf([40, 44, undefined, 40, 60], 1000)
  t.equal(quality.sent, 5)
  t.equal(quality.lost, 1)
  t.equal(quality.delay, 22, 'half of the median of the round trips through two relayed addresses')
  t.equal(quality.jitter, (2 + 2 + 10) / 3)
  t.end()
})

t.test('TURN URIs are read, and TLS over UDP is left alone', t => {
  t.same(readTestUri('turn:turn.example.org'), { transport: 'udp', host: 'turn.example.org', port: 3478 })
  t.same(readTestUri('turn:[2001:db8::1]:3479?transport=tcp'), {
    transport: 'tcp',
    host: '[2001:db8::1]',
    port: 3479,
  })
  t.same(readTestUri('turns:turn.example.org?transport=tcp'), {
    transport: 'tls',
    host: 'turn.example.org',
    port: 5349,
  })
  t.equal(readTestUri('turns:turn.example.org:5349?transport=udp'), undefined)
  t.equal(readTestUri('stun:turn.example.org'), undefined)
  t.end()
})

t.test('the report has both views and no secret of the link', t => {
  const ways = [way('udp'), dead('tls')]
  const view = server('udp')
  const text = report(
    {
      ways,
      server: view,
      verdict: judge(ways, view),
      at: 0,
      browser: 'A browser',
      page: 'https://turn.example.org/test',
    },
    words,
  )
  t.match(text, /Your browser: Connected in 200.ms/)
  t.match(text, /The relay: Opened a relayed address for you. Relayed 1.80.kB/)
  t.match(text, /The relay: Saw nothing from you/)
  t.match(text, /Browser: A browser/)
  t.end()
})

const LOOKUP = { code: 701, text: 'TURN host lookup received error.' }

t.test('U-24: a name that cannot be looked up is said to be that, once', async t => {
  t.same(
    said(
      ['udp', 'tcp', 'tls'].map(via => dead(via as TestTransport, { error: LOOKUP })),
      server(),
    ),
    [
      'fail',
      'The name turn.example.org cannot be looked up from here: the DNS server of this network does not answer or does not know it.',
    ],
  )
  const half = said([dead('udp', { error: LOOKUP, candidate: true }), way('tls')], server('udp', 'tls'))
  t.match(
    half[1],
    /^The name turn\.example\.org cannot be looked up/,
    'also where one of the two ends has found it',
  )
  t.equal(half.length, 2)
  t.match(said([dead('udp', { error: LOOKUP }), dead('tls')], server()), [
    'fail',
    /The name/,
    /Nothing that this browser sent/,
  ])
})

t.test('U-23: a relay that goes away during a test makes no verdict about the network', async t => {
  t.equal(RELAY_GONE.score, 'unfinished')
  for (const language of ['en', 'de'] as const) {
    const own = testWords(language)
    const finished = { ways: [way('udp')], server: undefined, verdict: RELAY_GONE, at: 0, browser: 'b' }
    const text = report(finished, own)
    t.match(text, own.say('score.unfinished.why'))
    t.match(text, own.say('say.relay-gone'))
    t.notMatch(text, own.say('score.good.why'))
  }
})

t.test('U-22: the sentence fits one way and several', async t => {
  const say = (others: readonly TestTransport[], language: 'en' | 'de') =>
    sentence({ say: 'udp-blocked', others }, testWords(language))
  t.match(say(['tcp'], 'en'), /TCP works\.$/)
  t.match(say(['tcp', 'tls'], 'en'), /TCP and TLS work\.$/)
  t.match(say(['tcp'], 'de'), /TCP funktioniert\.$/)
  t.match(say(['tcp', 'tls'], 'de'), /TCP und TLS funktionieren\.$/)
})

t.test('a call in which nothing came back has no delay', async t => {
  const quality = qualityOf([undefined, undefined], 0)
  t.notOk('delay' in quality)
  t.match(said([way('udp', { quality })], server('udp')), ['poor', /./, /100.% of the packets were lost/])
})

t.test('U-04: the operator reads the sentences that the user saw', async t => {
  const result = { code: 'KIWI-4821', at: Date.UTC(2030, 4, 14), measured: MEASURED, server: server('tls') }
  const text = report(finishedOf(result), words)
  for (const line of [
    'Connection test: Good',
    'UDP is blocked in this network; TLS works.',
    'Your browser: Got no answer.',
    'The relay: Saw nothing from you.',
    'Round trip 31 ms',
    'Internet address: 192.0.2.1',
  ])
    t.match(text.replaceAll('\u00a0', ' '), line)
  t.notMatch(text, /undefined|NaN|584717|\{/)
  t.match(
    report(finishedOf(result), testWords('de')),
    /UDP wird in diesem Netz blockiert; TLS funktioniert\./,
  )
})

t.test('U-04: what a stranger sends as a result is taken only where the page could have sent it', async t => {
  t.ok(testMeasuredShape.safeParse(MEASURED).success)
  const { remarks, ways } = MEASURED
  for (const wrong of [
    {},
    'text',
    { ...MEASURED, more: 1 },
    { ...MEASURED, browser: 'x\u001b[2J' },
    { ...MEASURED, browser: 'x'.repeat(513) },
    { ...MEASURED, ways: Array.from({ length: 33 }, () => ways[0]) },
    { ...MEASURED, ways: [{ ...ways[0], error: { code: 1, text: 'x\ny' } }] },
    { ...MEASURED, remarks: [{ ...remarks[0], say: 'something else' }] },
  ])
    t.notOk(testMeasuredShape.safeParse(wrong).success)
})
