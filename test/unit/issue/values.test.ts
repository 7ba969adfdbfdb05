import t from 'tap'
import { formatIp, parseIp } from '../../../src/base/address.ts'
import { knownRange } from '../../../src/base/range.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import type { Homeserver } from '../../../src/config/settings.ts'
import { isListed, parseServerName, splitUserId } from '../../../src/homeserver/matrix-id.ts'
import { clientAddress } from '../../../src/http/client-address.ts'
import { issue, isUser } from '../../../src/issue/issuer.ts'
import { hostOf, usable } from '../../../src/issue/question.ts'
import { RateLimit } from '../../../src/issue/rate-limit.ts'
import { chooseUris } from '../../../src/issue/relay-choice.ts'

const at = (seconds: number) => (seconds * 1000) as Time

t.test('a server name is read with its port and its address', async t => {
  t.match(parseServerName('Example.ORG'), { text: 'example.org', host: 'example.org' })
  t.match(parseServerName('example.org:8448'), { host: 'example.org', port: 8448 })
  t.match(parseServerName('192.0.2.1:80'), { host: '192.0.2.1', ip: Uint8Array.of(192, 0, 2, 1), port: 80 })
  t.match(parseServerName('[2001:db8::1]:80'), { host: '2001:db8::1', port: 80 })
  t.equal(parseServerName('example.org')?.port, undefined)
  t.same([...parseServerName('[::ffff:10.0.0.1]')!.ip!], [10, 0, 0, 1], 'no hiding IPv4 in IPv6')
})

for (const text of [
  '',
  'a b',
  'example.org/',
  'example.org:',
  'example.org:0',
  'example.org:65536',
  'example.org:80:80',
  'user@example.org',
  'https://example.org',
  'exa_mple.org',
  '.example.org',
  'a..b',
  '127.1',
  '2130706433',
  '0x7f000001.1',
  '010.0.0.1',
  '2001:db8::1',
  '[10.0.0.1]',
  '[::1%lo]',
  '[fe80::1',
  'xn--a.example',
  `${'a'.repeat(256)}`,
  'example.org\0',
  'exämple.org',
]) {
  t.test(`no server is called ${JSON.stringify(text.slice(0, 30))}`, async t => {
    t.equal(parseServerName(text), undefined)
  })
}

t.test('a user ID belongs to the server behind its first colon', async t => {
  t.match(splitUserId('@alice:example.org:8448'), { server: { text: 'example.org:8448' } })
  t.match(splitUserId('@alice:[2001:db8::1]:1'), { server: { port: 1 } })
  for (const text of [
    'alice:example.org',
    '@:example.org',
    '@alice',
    '@a\n:b.org',
    `@${'a'.repeat(255)}:b`,
    5,
    null,
  ]) {
    t.equal(splitUserId(text), undefined, String(text).slice(0, 20))
  }
})

t.test('a list names servers, or all below a domain', async t => {
  const listed = (name: string, ...patterns: string[]) => isListed(parseServerName(name)!, patterns)
  t.ok(listed('Example.org', 'example.org'))
  t.ok(listed('a.b.example.org:1', '*.example.org'))
  t.notOk(listed('example.org', '*.example.org'), 'not the domain itself')
  t.notOk(listed('notexample.org', '*.example.org'))
  t.notOk(listed('example.org:8448', 'example.org'), 'another port is another server')
  t.notOk(listed('example.org.evil', 'example.org'))
})

t.test('the client is who a trusted proxy names, and nobody else', async t => {
  const trusted = ['127.0.0.0/8', '10.0.0.0/8', '::1/128'].map(text => knownRange(text))
  const client = (peer: string, forwarded?: string) => {
    const ip = clientAddress(peer, forwarded, trusted)
    return ip && formatIp(ip)
  }
  t.equal(client('192.0.2.1'), '192.0.2.1')
  t.equal(client('192.0.2.1', '198.51.100.1'), '192.0.2.1', 'a stranger names nobody')
  t.equal(client('127.0.0.1', '198.51.100.1'), '198.51.100.1')
  t.equal(client('::ffff:127.0.0.1', '198.51.100.1'), '198.51.100.1')
  t.equal(
    client('::1', 'evil, 203.0.113.9, 198.51.100.1, 10.0.0.2'),
    '198.51.100.1',
    'the last that is no proxy',
  )
  t.equal(client('127.0.0.1', '198.51.100.1:5000'), '198.51.100.1', 'some proxies add the port')
  t.equal(client('127.0.0.1', '[2001:db8::1]:5000'), '2001:db8::1')
  t.equal(client('127.0.0.1', '[2001:db8::1]'), '2001:db8::1')
  t.equal(client('127.0.0.1', 'unknown'), '127.0.0.1')
  t.equal(client('127.0.0.1', '198.51.100.1, '), '127.0.0.1', 'what comes from the proxy itself is broken')
  t.equal(client('127.0.0.1', '127.0.0.1,'.repeat(10_000)), '127.0.0.1')
  t.equal(clientAddress(undefined, undefined, trusted), undefined)
})

t.test('a client may ask a minute’s worth at once, and then evenly', async t => {
  const limit = new RateLimit(6)
  const ip = parseIp('192.0.2.1')!
  for (let i = 0; i < 6; i++) t.equal(limit.wait(ip, at(0)), 0)
  t.equal(limit.wait(ip, at(0)), 10)
  t.equal(limit.wait(ip, at(5)), 5, 'asking does not prolong it')
  t.equal(limit.wait(ip, at(10)), 0)
  t.equal(limit.wait(parseIp('192.0.2.2')!, at(10)), 0, 'others are counted apart')
  limit.configure(60)
  t.equal(limit.wait(ip, at(11)), 0)
})

t.test(
  'S-04: one customer is one client: a /56 of IPv6; a network has four times as many requests',
  async t => {
    const limit = new RateLimit(1)
    t.equal(limit.wait(parseIp('2001:db8::1')!, at(0)), 0)
    t.ok(limit.wait(parseIp('2001:db8:0:ff::2')!, at(0)) > 0)
    for (let i = 1; i < 4; i++) t.equal(limit.wait(parseIp(`2001:db8:0:${i}00::1`)!, at(0)), 0)
    t.equal(limit.wait(parseIp('2001:db8:0:400::1')!, at(0)), 15)
    t.equal(limit.wait(parseIp('2001:db8:1::1')!, at(0)), 0)
  },
)

t.test('users are shared out by weight, and each keeps its relay', async t => {
  const relays = [
    { uris: ['turn:a'], weight: 3 },
    { uris: ['turn:b'], weight: 1 },
  ]
  const users = Array.from({ length: 4000 }, (_, i) => `@user${i}:example.org`)
  const chosen = users.map(user => chooseUris(user, relays, 1)[0])
  const atA = chosen.filter(uri => uri === 'turn:a').length
  t.ok(atA > 2850 && atA < 3150, `${atA} of 4000 for three of four parts`)
  t.same(
    users.map(user => chooseUris(user, relays, 1)[0]),
    chosen,
  )
  const third = [...relays, { uris: ['turn:c'], weight: 4 }]
  const moved = users.filter((user, i) => {
    const [now] = chooseUris(user, third, 1)
    return now !== chosen[i] && now !== 'turn:c'
  })
  t.equal(moved.length, 0, 'a new relay takes users, and nobody else moves')
  t.same(chooseUris('@a:b', third, 2).length, 2)
  t.same(chooseUris('@a:b', [{ uris: ['turn:a', 'turn:a', 'turn:b'], weight: 1 }], 3), ['turn:a', 'turn:b'])
})

const OPTIONS = {
  lifetime: 86_400 as Seconds,
  relays: [{ uris: ['turn:turn.example.org:3478?transport=udp'], weight: 1 }],
  relaysPerUser: 1,
}

function homeserver(more: Partial<Homeserver> = {}): Homeserver {
  const secrets = [{ value: 's3cret-for-turn', algorithm: 'sha1' as const }]
  return { name: 'hs.test', secrets, paused: false, backends: [], openid: [], ...more }
}

t.test('a credential is the one that Synapse makes of the same secret, user and time', async t => {
  const issued = given(issue(homeserver(), '@1:hs.test', OPTIONS, at(1795307477 - 86_400)))
  t.same(issued, {
    username: '1795307477:@1:hs.test',
    password: 'dx/q1tDqvu3NT4QF+LaYW38Za40=',
    ttl: 86_400,
    uris: ['turn:turn.example.org:3478?transport=udp'],
  })
})

function given(issued: ReturnType<typeof issue>) {
  if (!issued.ok) throw new Error(issued.error)
  return issued.value
}

t.test('a credential without a user is the bare expiry', async t => {
  t.equal(given(issue(homeserver(), '', OPTIONS, at(100))).username, '86500')
})

t.test('the newest secret signs, with its own hash', async t => {
  const secrets = [
    { value: 'new', algorithm: 'sha256' as const },
    { value: 'old', algorithm: 'sha1' as const },
  ]
  t.equal(
    Buffer.from(given(issue(homeserver({ secrets }), 'a', OPTIONS, at(0))).password, 'base64').length,
    32,
  )
})

t.test("a homeserver's own URIs are handed out as they are", async t => {
  const uris = ['turns:other.example:443?transport=tcp']
  t.same(given(issue(homeserver({ uris }), 'a', OPTIONS, at(0))).uris, uris)
})

t.test('there is nothing to give while a homeserver is paused or has no secret', async t => {
  const why = (more: Partial<Homeserver>) => issue(homeserver(more), 'a', OPTIONS, at(0))
  t.same(why({ paused: true }), { ok: false, error: 'the homeserver is paused' })
  t.same(why({ secrets: [] }), { ok: false, error: 'the homeserver has no secret' })
})

t.test('a user fits into USERNAME and moves no cursor', async t => {
  t.ok(isUser(''))
  t.ok(isUser('é'.repeat(248)))
  t.notOk(isUser('é'.repeat(249)))
  t.notOk(isUser('a\nb'))
})

t.test('a token that cannot stand in a header is none', async t => {
  t.equal(usable('syt_abc.-_~+/='), 'syt_abc.-_~+/=')
  for (const token of ['', 'a b', 'a\r\nX: y', 'é', 'a'.repeat(4097), 5, undefined])
    t.equal(usable(token), undefined)
})

t.test('a host is compared without its port', async t => {
  t.equal(hostOf('Matrix.Example.org:443'), 'matrix.example.org')
  t.equal(hostOf('[2001:db8::1]:443'), '[2001:db8::1]')
  t.equal(hostOf('[2001:db8::1]'), '[2001:db8::1]')
  t.equal(hostOf(undefined), '')
})
