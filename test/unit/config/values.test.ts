import t from 'tap'
import { formatAddress, parseIp } from '../../../src/base/address.ts'
import { formatRange, type Range } from '../../../src/base/range.ts'
import type { Parsed } from '../../../src/config/fault.ts'
import { parseDenied, parsePeers } from '../../../src/config/values/cidr.ts'
import { formatDuration, parseDuration } from '../../../src/config/values/duration.ts'
import { parseAlternate, parseHttpAddress } from '../../../src/config/values/host-port.ts'
import { formatListener, type Listener, overlap, parseListener } from '../../../src/config/values/listener.ts'
import { nearest } from '../../../src/config/values/nearest.ts'
import { parsePorts } from '../../../src/config/values/port-range.ts'
import { formatRate, parseRate } from '../../../src/config/values/rate.ts'
import {
  formatRelayAddress,
  parseRelayAddress,
  type RelayAddress,
} from '../../../src/config/values/relay-address.ts'
import { formatSize, parseSize } from '../../../src/config/values/size.ts'
import {
  parseHomeserverName,
  parseRealm,
  parseTurnUri,
  parseUserName,
} from '../../../src/config/values/text.ts'
import { weakness } from '../../../src/config/values/weak-secret.ts'

/** The value that was read, or the message key of the fault. */
const outcome = <T>(read: Parsed<T>) => (read.ok ? read.value : read.error.key)
const anyLength = { min: 0, max: 1e9 }

for (const [text, seconds] of [
  ['90s', 90],
  ['1h', 3600],
  ['24h', 86_400],
  ['10m', 600],
  ['7d', 604_800],
  ['1h30m', 5400],
  ['1h 30m', 5400],
  ['1.5h', 5400],
  ['24 hours', 86_400],
  ['1 minute', 60],
  ['0s', 0],
  ['1W', 604_800],
] as const) {
  t.test(`the duration "${text}" is ${seconds} seconds`, async t => {
    t.equal(outcome(parseDuration(text, anyLength)), seconds)
  })
}

for (const [text, key] of [
  ['3600', 'duration-without-unit'],
  ['', 'duration'],
  ['h', 'duration'],
  ['1y', 'duration'],
  ['500ms', 'duration'],
  ['0.5s', 'duration'],
  ['-1h', 'duration'],
  ['1h,30m', 'duration'],
  ['1e3s', 'duration'],
] as const) {
  t.test(`"${text}" is no duration: ${key}`, async t => {
    t.equal(outcome(parseDuration(text, anyLength)), key)
  })
}

t.test('a duration outside its bounds is refused with the bound', async t => {
  t.match(parseDuration('1m', { min: 600, max: 3600 }), {
    error: { key: 'duration-short', values: { min: '10m' } },
  })
  t.match(parseDuration('2h', { min: 600, max: 3600 }), {
    error: { key: 'duration-long', values: { max: '1h' } },
  })
})

t.test('durations are written in the largest unit that divides them', async t => {
  t.same([0, 1, 90, 60, 3600, 5400, 86_400].map(formatDuration), ['0s', '1s', '90s', '1m', '1h', '90m', '1d'])
})

for (const [text, bytes] of [
  ['2 Mbit/s', 250_000],
  ['2Mbit/s', 250_000],
  ['500 kbit/s', 62_500],
  ['2 Mbps', 250_000],
  ['1 MB/s', 1_000_000],
  ['1 Gbit/s', 125_000_000],
  ['1.5 mbit/s', 187_500],
  ['unlimited', Number.POSITIVE_INFINITY],
] as const) {
  t.test(`the rate "${text}" is ${bytes} octets a second`, async t => {
    t.equal(outcome(parseRate(text)), bytes)
  })
}

for (const [text, key] of [
  ['2', 'rate-without-unit'],
  ['2 M', 'rate'],
  ['fast', 'rate'],
  ['2 Mbit', 'rate'],
  ['-2 Mbit/s', 'rate'],
  ['0 bit/s', 'rate-small'],
  ['1 kbit/s', 'rate-small'],
] as const) {
  t.test(`"${text}" is no rate: ${key}`, async t => {
    t.equal(outcome(parseRate(text)), key)
  })
}

t.test('rates are written as bits in the largest unit that divides them', async t => {
  t.same([250_000, 62_500, 125_000_000, 4001, undefined].map(formatRate), [
    '2 Mbit/s',
    '500 kbit/s',
    '1 Gbit/s',
    '32008 bit/s',
    'unlimited',
  ])
})

for (const [text, written] of [
  ['udp://0.0.0.0:3478', 'udp://0.0.0.0:3478'],
  ['tcp://[::]:443', 'tcp://[::]:443'],
  ['tls://[::]', 'tls://[::]:5349'],
  ['UDP://203.0.113.7', 'udp://203.0.113.7:3478'],
  ['tls://203.0.113.7:443/', 'tls://203.0.113.7:443'],
  ['udp://[::ffff:192.0.2.1]:1', 'udp://192.0.2.1:1'],
  ['tls://127.0.0.1?proxy', 'tls://127.0.0.1:5349?proxy'],
  ['tcp://[::]:443/?web', 'tcp://[::]:443?web'],
  ['tls://0.0.0.0:443?web&proxy', 'tls://0.0.0.0:443?proxy&web'],
] as const) {
  t.test(`the listener "${text}" is ${written}`, async t => {
    t.equal(formatListener(outcome(parseListener(text)) as Listener), written)
  })
}

for (const [text, key] of [
  ['0.0.0.0:3478', 'listener'],
  ['udp:0.0.0.0:3478', 'listener'],
  ['turn://0.0.0.0', 'listener-transport'],
  ['dtls://0.0.0.0', 'listener-transport'],
  ['udp://*:3478', 'host-any'],
  ['udp://:3478', 'host-any'],
  ['udp://turn.example.org:3478', 'host-name'],
  ['udp://::1:3478', 'host-brackets'],
  ['udp://[fe80::1%eth0]:3478', 'listener-link-local'],
  ['udp://[fe80::1]:3478', 'listener-link-local'],
  ['udp://0.0.0.0:70000', 'port'],
  ['udp://0.0.0.0:', 'port'],
  ['udp://010.0.0.1', 'host-name'],
  ['udp://[::1]x', 'host-name'],
  ['tls://0.0.0.0?proxi', 'listener-option'],
  ['tls://0.0.0.0?', 'listener-option'],
  ['tls://0.0.0.0?proxy&', 'listener-option'],
  ['tls://0.0.0.0?proxy=on', 'listener-option'],
  ['udp://0.0.0.0?proxy', 'listener-option-udp'],
] as const) {
  t.test(`"${text}" is no listener: ${key}`, async t => {
    t.equal(outcome(parseListener(text)), key)
  })
}

for (const [a, b, both] of [
  ['udp://0.0.0.0:3478', 'udp://192.0.2.1:3478', true],
  ['tcp://0.0.0.0:3478', 'tls://0.0.0.0:3478', true],
  ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478', false],
  ['udp://0.0.0.0:3478', 'udp://[::]:3478', false],
  ['udp://192.0.2.1:3478', 'udp://192.0.2.2:3478', false],
  ['udp://0.0.0.0:0', 'udp://0.0.0.0:0', false],
] as const) {
  t.test(`${a} and ${b} ${both ? 'want the same port' : 'go together'}`, async t => {
    t.equal(overlap(outcome(parseListener(a)) as Listener, outcome(parseListener(b)) as Listener), both)
  })
}

for (const [text, written] of [
  ['auto', 'auto'],
  ['203.0.113.7', '203.0.113.7'],
  ['2001:db8::7', '2001:db8::7'],
  ['10.0.0.5=203.0.113.7', '10.0.0.5=203.0.113.7'],
  ['10.0.0.5 = 203.0.113.7', '10.0.0.5=203.0.113.7'],
  ['auto=pcp', 'auto=pcp'],
  ['192.168.1.5 = PCP', '192.168.1.5=pcp'],
  ['auto=stun:stun.example.org', 'auto=stun:stun.example.org:3478'],
  ['10.0.0.5=stun:198.51.100.1:19302', '10.0.0.5=stun:198.51.100.1:19302'],
  ['2001:db8::7=stun:[2001:db8::1]:3478', '2001:db8::7=stun:[2001:db8::1]:3478'],
] as const) {
  t.test(`"${text}" is an address to relay from`, async t => {
    const relay = parseRelayAddress(text)
    t.equal(relay.ok ? formatRelayAddress(relay.value) : relay.error.key, written)
  })
}

for (const [text, key] of [
  ['any', 'relay-address'],
  ['[2001:db8::7]', 'relay-address'],
  ['203.0.113.7:3478', 'relay-address'],
  ['10.0.0.5=', 'relay-address'],
  ['10.0.0.5=203.0.113.7=1.2.3.4', 'relay-address'],
  ['10.0.0.5=2001:db8::7', 'relay-address-families'],
  ['2001:db8::7=pcp', 'relay-address-families'],
  ['auto=stun:', 'relay-address'],
  ['auto=stun:stun', 'relay-address'],
  ['auto=stun:stun.example.org:0', 'relay-address'],
  ['auto=stun:stun.example.org:70000', 'relay-address'],
  ['auto=stun:2001:db8::1', 'relay-address'],
  ['pcp', 'relay-address'],
  ['0.0.0.0', 'relay-address-host'],
  ['::', 'relay-address-host'],
  ['224.0.0.1', 'relay-address-host'],
  ['10.0.0.5=255.255.255.255', 'relay-address-host'],
] as const) {
  t.test(`"${text}" is no address to relay from: ${key}`, async t => {
    t.equal(outcome(parseRelayAddress(text)), key)
  })
}

for (const [text, expected] of [
  ['49152-65535', { from: 49152, to: 65535 }],
  ['1024 - 2047', { from: 1024, to: 2047 }],
  ['50000', { from: 50000, to: 50000, shared: [50000] }],
  [' 3480 ,3479, 3480', { from: 3479, to: 3480, shared: [3479, 3480] }],
  ['443', 'ports-low'],
  ['3479, 70000', 'port'],
  ['3479,', 'ports'],
  [Array.from({ length: 65 }, (_, i) => 2000 + i).join(), 'ports-many'],
  ['a-b', 'ports'],
  ['65535-49152', 'ports-backwards'],
  ['80-49152', 'ports-low'],
  ['50000-70000', 'port'],
  ['50000-50000', 'ports-few'],
] as const) {
  t.test(`the ports "${text}" read as ${JSON.stringify(expected)}`, async t => {
    t.same(outcome(parsePorts(text)), expected)
  })
}

t.test('a range with host bits is refused with both things it may mean', async t => {
  t.match(parsePeers('10.0.0.5/8'), {
    error: {
      key: 'range-host-bits',
      values: { given: '10.0.0.5/8', network: '10.0.0.0/8', host: '10.0.0.5' },
    },
  })
})

t.test('"recommended" can be denied and nothing else', async t => {
  t.equal(outcome(parseDenied('recommended')), 'recommended')
  t.equal(outcome(parsePeers('recommended')), 'range-recommended')
  t.equal(formatRange(outcome(parseDenied('198.51.100.0/24')) as Range), '198.51.100.0/24')
})

for (const [text, expected] of [
  ['http://127.0.0.1:9641', '127.0.0.1:9641'],
  ['http://[::1]:9641/', '[::1]:9641'],
  ['http://127.0.0.1', '127.0.0.1:9641'],
  ['https://127.0.0.1', 'http-address'],
  ['127.0.0.1:9641', 'http-address'],
  ['http://127.0.0.1:9641/metrics', 'http-address'],
  ['http://localhost:9641', 'host-name'],
] as const) {
  t.test(`the metrics address "${text}" reads as ${expected}`, async t => {
    const read = parseHttpAddress(text)
    t.equal(read.ok ? formatAddress(read.value) : read.error.key, expected)
  })
}

t.test('an alternate is an address that a client can reach', async t => {
  t.match(outcome(parseAlternate('203.0.113.8')), { family: 4, port: 3478 })
  t.equal(outcome(parseAlternate('0.0.0.0:3478')), 'alternate')
  t.equal(outcome(parseAlternate('203.0.113.8:0')), 'alternate')
  t.equal(outcome(parseAlternate('turn2.example.org:3478')), 'host-name')
})

t.test('a realm has neither spaces nor quotes and is short enough for the wire', async t => {
  t.equal(outcome(parseRealm('turn.example.org')), 'turn.example.org')
  for (const text of ['', 'a b', 'a"b', 'a\\b', 'a\nb', 'a'.repeat(128)])
    t.equal(outcome(parseRealm(text)), 'realm')
})

t.test('the name of a homeserver fits a log field and a label', async t => {
  t.equal(outcome(parseHomeserverName('example.org:8448')), 'example.org:8448')
  for (const text of ['', 'a b', 'a"', '\u0000'])
    t.equal(outcome(parseHomeserverName(text)), 'homeserver-name')
})

t.test('the name of a fixed user cannot pass for a time-limited one', async t => {
  t.equal(outcome(parseUserName('guest')), 'guest')
  t.equal(outcome(parseUserName('4711b')), '4711b')
  t.equal(outcome(parseUserName('1893456000:@alice:example.org')), 'user-name-timed')
  t.equal(outcome(parseUserName('1893456000')), 'user-name-timed')
  t.equal(outcome(parseUserName('x'.repeat(509))), 'user-name')
  t.equal(outcome(parseUserName('a\u0000b')), 'user-name')
})

for (const [uri, expected] of [
  ['turn:turn.example.org', true],
  ['turn:turn.example.org:3478?transport=udp', true],
  ['turns:[2001:db8::7]:443?transport=tcp', true],
  ['stun:turn.example.org', 'turn-uri-stun'],
  ['turn://turn.example.org', 'turn-uri'],
  ['turn:turn.example.org?transport=tls', 'turn-uri'],
  ['turn:turn.example.org:99999', 'turn-uri'],
  ['turn.example.org', 'turn-uri'],
] as const) {
  t.test(
    `"${uri}" ${expected === true ? 'can be handed out' : `cannot be handed out: ${expected}`}`,
    async t => {
      t.equal(outcome(parseTurnUri(uri)), expected === true ? uri : expected)
    },
  )
}

for (const [secret, expected] of [
  ['5f0c1ad3b1b54c7c9d2f46c0f9a0e7d1', undefined],
  ['a secret that only this test knows', undefined],
  ['north', 'example'],
  ['secret', 'example'],
  ['changeme', 'example'],
  ['CHANGE_ME_PLEASE_NOW_1', 'example'],
  ['YOUR_SHARED_SECRET', 'example'],
  ['[your secret key here]', 'example'],
  ['replace-with-the-output-of-openssl-rand-hex-32', 'example'],
  ['example-shared-secret', 'example'],
  ['n0t4ctuAllymatr1Xd0TorgSshar3d5ecret4obvIousreAsons', 'example'],
  ['0123456789abcde', 'short'],
  ['aaaaaaaaaaaaaaaaaaaaaaaa', 'repetitive'],
] as const) {
  t.test(`the secret "${secret}" is ${expected ?? 'good'} [ABU-10]`, async t => {
    t.equal(weakness(secret), expected)
  })
}

t.test('the word that was meant is found, and none where nothing is near', async t => {
  const words = ['listen', 'limits', 'realm', 'relay', 'credentials']

  t.same(
    ['lisen', 'lsiten', 'LISTEN', 'real', 'credential', 'x', 'homeserver'].map(word => nearest(word, words)),
    ['listen', 'listen', 'listen', 'realm', 'credentials', undefined, undefined],
  )
})

t.test('addresses keep their octets', async t => {
  t.same(outcome(parseRelayAddress('10.0.0.5=203.0.113.7')), {
    local: parseIp('10.0.0.5'),
    public: parseIp('203.0.113.7'),
  })
})

t.test('O-26: the local address may be automatic, and the public one a name', async t => {
  t.same(outcome(parseRelayAddress('auto=203.0.113.7')), { local: 'auto', public: parseIp('203.0.113.7') })
  t.same(outcome(parseRelayAddress('auto = turn.example.org')), { local: 'auto', public: 'turn.example.org' })
  t.same(outcome(parseRelayAddress('10.0.0.5=home.dyn.example.org')), {
    local: parseIp('10.0.0.5'),
    public: 'home.dyn.example.org',
  })
  for (const bad of [
    'auto=',
    'auto=home',
    'auto=1.2.3',
    'turn.example.org',
    'turn.example.org=auto',
    'a=b=c',
    '=',
  ]) {
    t.notOk(parseRelayAddress(bad).ok, bad)
  }
  for (const text of ['auto', 'auto=203.0.113.7', '10.0.0.5=turn.example.org', '2001:db8::1']) {
    t.equal(formatRelayAddress(outcome(parseRelayAddress(text)) as 'auto' | RelayAddress), text)
  }
})

for (const [text, octets] of [
  ['20 GB', 20e9],
  ['1.5TB', 1.5e12],
  ['512 MiB', 512 * 2 ** 20],
  ['unlimited', Number.POSITIVE_INFINITY],
] as const) {
  t.test(`the size "${text}" is ${octets} octets, and is written so that it is read as the same`, async t => {
    t.equal(outcome(parseSize(text)), octets)
    t.equal(outcome(parseSize(formatSize(octets))), octets)
  })
}

for (const [text, key] of [
  ['20', 'size'],
  ['20 Gbit', 'size'],
  ['-1 GB', 'size'],
  ['1e3 GB', 'size'],
  ['0 GB', 'size-bounds'],
  ['0.5 MB', 'size-bounds'],
  ['99999999 TB', 'size-bounds'],
] as const) {
  t.test(`"${text}" is no size: ${key}`, async t => {
    t.equal(outcome(parseSize(text)), key)
  })
}
