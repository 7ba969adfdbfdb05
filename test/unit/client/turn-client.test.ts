import t from 'tap'
import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import type { ChannelNumber } from '../../../src/base/ids.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import { TurnClient, type TurnClientOptions } from '../../../src/client/turn-client.ts'
import type { TurnEvent } from '../../../src/client/turn-event.ts'
import {
  DATA,
  ERROR_CODE,
  ICMP,
  LIFETIME,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  REQUESTED_TRANSPORT,
  USERHASH,
  USERNAME,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../../src/wire/attributes.ts'
import {
  integrityKind,
  longTermKey,
  PasswordAlgorithm,
  userhash,
  verify,
} from '../../../src/wire/integrity.ts'
import { get, has, type Message, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { SecurityFeature, writeNonceCookie } from '../../../src/wire/nonce-cookie.ts'
import { MD5, type Offer, SHA256 } from '../../sim/craft.ts'
import { dice, octets } from '../../sim/random.ts'

const NOW = 1_800_000_000_000 as Time
const OURS = parseAddress('192.0.2.10:50000')!
const PEER = parseAddress('198.51.100.7:40000')!
const RELAYED = parseAddress('203.0.113.1:50000')!
const UNKNOWN = { algorithm: 77, parameters: Buffer.of(1, 2, 3, 4) }

t.test('a request is sent again after 500 ms, doubling, seven times in all, and given up after 39.5 s', t => {
  const client = make()
  client.binding(NOW)
  const sendings = [0]
  client.drain()
  let events: TurnEvent[] = []

  for (let due = client.due(); due !== undefined; due = client.due()) {
    events = client.tick(due)
    if (client.drain().length > 0) sendings.push(due - NOW)
    else sendings.push(-(due - NOW))
  }

  t.same(sendings, [0, 500, 1500, 3500, 7500, 15_500, 31_500, -39_500])
  t.match(events, [{ kind: 'failed', request: 1, method: Method.Binding, why: 'timeout' }])
  t.end()
})

t.test('over a stream nothing is sent again, and given up after 39.5 s', t => {
  const client = make({ reliable: true })
  client.binding(NOW)
  client.drain()

  t.equal(client.due(), NOW + 39_500)
  t.same(client.tick((NOW + 39_499) as Time), [])
  t.match(client.tick((NOW + 39_500) as Time), [{ kind: 'failed', why: 'timeout' }])
  t.same(client.drain(), [])
  t.end()
})

t.test('a late tick catches up with what it missed', t => {
  const client = make()
  client.binding(NOW)
  client.drain()

  const events = client.tick((NOW + 60_000) as Time)

  t.equal(client.drain().length, 6)
  t.match(events, [{ kind: 'failed', why: 'timeout' }])
  t.equal(client.due(), undefined)
  t.end()
})

t.test('an answer ends the waiting', t => {
  const client = make()
  const number = client.binding(NOW)
  const request = sent(client)

  const events = client.take(
    success(request, w => w.set(XOR_MAPPED_ADDRESS, OURS)),
    NOW,
  )

  t.match(events, [{ kind: 'mapped', request: number }])
  t.equal(formatAddress(client.mapped!), '192.0.2.10:50000')
  t.equal(client.due(), undefined)
  t.end()
})

t.test('the first request is bare, the challenge is answered with credentials', t => {
  const client = make()
  const number = client.allocate({}, NOW)
  const first = sent(client)
  t.notOk([USERNAME, REALM, NONCE].some(attribute => has(first, attribute)))

  t.same(client.take(challenge(first, 401, { offers: [SHA256, MD5] }), NOW), [])
  const second = sent(client)

  t.notSame(second.transaction, first.transaction)
  t.equal(get(second, REQUESTED_TRANSPORT), 17)
  t.equal(get(second, USERNAME), 'alice')
  t.equal(get(second, REALM), 'example.org')
  t.same(get(second, PASSWORD_ALGORITHMS), [SHA256, MD5])
  t.same(get(second, PASSWORD_ALGORITHM), SHA256)
  t.ok(verify(second, 'sha256', key(PasswordAlgorithm.SHA256)))
  t.notOk(has(second, { ...NONCE, type: 0x0008 }), 'SHA-1 beside it would be weaker')

  const events = client.take(success(second, allocated, 'sha256', key(PasswordAlgorithm.SHA256)), NOW)
  t.match(events, [{ kind: 'allocated', request: number, lifetime: 600 }])
  t.same(client.relayed.map(formatAddress), ['203.0.113.1:50000'])
  t.end()
})

for (const [how, algorithms, offers, algorithm, kind] of [
  ['no offer', 'offered', undefined, PasswordAlgorithm.MD5, 'sha1'],
  ['an offer that is ignored', 'ignore', [SHA256, MD5], PasswordAlgorithm.MD5, 'sha1'],
  ['MD5 preferred by us', 'md5', [SHA256, MD5], PasswordAlgorithm.MD5, 'sha256'],
  ['MD5 preferred by the server', 'offered', [MD5, SHA256], PasswordAlgorithm.MD5, 'sha256'],
  ['one we do not know before one we do', 'offered', [UNKNOWN, SHA256], PasswordAlgorithm.SHA256, 'sha256'],
] as const) {
  t.test(`with ${how} a request is signed with ${kind} and key ${algorithm}`, t => {
    const client = make({ algorithms })
    client.allocate({}, NOW)

    client.take(challenge(sent(client), 401, offers ? { offers } : {}), NOW)

    const second = sent(client)
    t.equal(integrityKind(second), kind)
    t.ok(verify(second, kind, key(algorithm)))
    t.end()
  })
}

t.test('a server that wants user names hidden is given USERHASH', t => {
  const client = make()
  client.allocate({}, NOW)

  client.take(challenge(sent(client), 401, { features: SecurityFeature.usernameAnonymity }), NOW)

  const second = sent(client)
  t.notOk(has(second, USERNAME))
  t.same(get(second, USERHASH), userhash('alice', 'example.org'))
  t.end()
})

for (const [why, what] of [
  ['without REALM', { realm: null }],
  ['without NONCE', { nonce: null }],
  ['whose PASSWORD-ALGORITHMS somebody took out', { features: SecurityFeature.passwordAlgorithms }],
  ['with algorithms we do not know', { offers: [UNKNOWN] }],
] as const) {
  t.test(`a challenge ${why} is not answered`, t => {
    const client = make()
    client.allocate({}, NOW)

    const events = client.take(challenge(sent(client), 401, what), NOW)

    t.match(events, [{ kind: 'failed', why: 'challenge' }])
    t.same(client.drain(), [])
    t.equal(client.due(), undefined)
    t.end()
  })
}

t.test('a second 401 for the same realm is the end', t => {
  const client = make()
  const number = client.allocate({}, NOW)
  client.take(challenge(sent(client), 401), NOW)

  const events = client.take(challenge(sent(client), 401), NOW)

  t.match(events, [{ kind: 'rejected', request: number, code: 401 }])
  t.same(client.drain(), [])
  t.end()
})

t.test('a second 401 for another realm is answered once more', t => {
  const client = make()
  client.allocate({}, NOW)
  client.take(challenge(sent(client), 401), NOW)

  t.same(client.take(challenge(sent(client), 401, { realm: 'example.com' }), NOW), [])

  const third = sent(client)
  t.equal(get(third, REALM), 'example.com')
  t.ok(verify(third, 'sha1', longTermKey('alice', 'example.com', 'secret', PasswordAlgorithm.MD5)))
  t.end()
})

t.test('stale nonces are answered with the fresh one, three times and no more', t => {
  const client = make()
  const number = client.allocate({}, NOW)
  client.take(challenge(sent(client), 401), NOW)
  let events: TurnEvent[] = []
  for (let i = 0; i < 2; i++) {
    events = client.take(challenge(sent(client), 438, { nonce: `fresh ${i}` }), NOW)
    t.same(events, [])
    const again = parse(client.outbox[0]!) as Message
    t.equal(get(again, NONCE), `fresh ${i}`)
  }
  events = client.take(challenge(sent(client), 438, { nonce: 'fresh 2' }), NOW)
  t.match(events, [{ kind: 'rejected', request: number, code: 438 }])
  t.end()
})

t.test('without a user name a challenge is an error', t => {
  const client = new TurnClient({ random: octets(dice(1)) })
  client.allocate({}, NOW)

  t.match(client.take(challenge(sent(client), 401), NOW), [{ kind: 'rejected', code: 401 }])
  t.end()
})

t.test('Binding carries no credentials, also when there are some', t => {
  const client = signedIn()
  client.binding(NOW)

  t.same(sent(client).attributes, [])
  t.end()
})

t.test('once challenged, requests carry credentials from the start', t => {
  const client = signedIn()
  client.permit([PEER], NOW)

  const request = sent(client)
  t.equal(get(request, USERNAME), 'alice')
  t.ok(verify(request, 'sha1', key(PasswordAlgorithm.MD5)))
  t.end()
})

for (const [why, forge] of [
  ['not signed', (request: Message) => success(request, w => w.set(LIFETIME, 600 as Seconds))],
  [
    'signed with another key',
    (request: Message) => success(request, w => w.set(LIFETIME, 600 as Seconds), 'sha1', Buffer.alloc(16)),
  ],
  ['a 400 that is not signed', (request: Message) => error(request, 400)],
] as const) {
  t.test(`over UDP an answer that is ${why} is thrown away, and the right one still counts`, t => {
    const client = signedIn()
    const number = client.refresh({}, NOW)
    const request = sent(client)

    t.match(client.take(forge(request), NOW), [{ kind: 'ignored', why: 'integrity' }])
    const right = success(request, w => w.set(LIFETIME, 777 as Seconds), 'sha1', key(PasswordAlgorithm.MD5))
    t.match(client.take(right, NOW), [{ kind: 'refreshed', request: number, lifetime: 777 }])
    t.end()
  })

  t.test(`when every answer was ${why} the request ends as violated, not as timed out`, t => {
    const client = signedIn()
    client.refresh({}, NOW)
    client.take(forge(sent(client)), NOW)

    t.match(client.tick((NOW + 60_000) as Time), [{ kind: 'failed', why: 'integrity' }])
    t.end()
  })

  t.test(`over a stream an answer that is ${why} ends the request at once`, t => {
    const client = signedIn({ reliable: true })
    client.refresh({}, NOW)

    t.match(client.take(forge(sent(client)), NOW), [{ kind: 'failed', why: 'integrity' }])
    t.equal(client.due(), undefined)
    t.end()
  })
}

t.test('an answer whose nonce promises algorithms that are not there is passed over', t => {
  const client = signedIn()
  client.refresh({}, NOW)
  const nonce = writeNonceCookie(SecurityFeature.passwordAlgorithms)
  const answer = success(
    sent(client),
    w => w.set(LIFETIME, 600 as Seconds).set(NONCE, nonce),
    'sha1',
    key(PasswordAlgorithm.MD5),
  )

  t.match(client.take(answer, NOW), [{ kind: 'ignored', why: 'bid-down' }])
  t.not(client.due(), undefined)
  t.end()
})

t.test('an error answer that is signed ends the request', t => {
  const client = signedIn()
  const number = client.bind(0x4001 as ChannelNumber, PEER, NOW)

  const events = client.take(error(sent(client), 403, key(PasswordAlgorithm.MD5)), NOW)

  t.match(events, [{ kind: 'rejected', request: number, method: Method.ChannelBind, code: 403 }])
  t.end()
})

t.test('answers to nobody’s question, twice, or by another method, mean nothing', t => {
  const client = make()
  client.binding(NOW)
  const request = sent(client)
  const answer = success(request, w => w.set(XOR_MAPPED_ADDRESS, OURS))
  const other = new MessageWriter('success', Method.Refresh, request.transaction).finish()

  t.match(client.take(other, NOW), [{ kind: 'ignored', why: 'no-transaction' }])
  t.match(client.take(answer, NOW), [{ kind: 'mapped' }])
  t.match(client.take(answer, NOW), [{ kind: 'ignored', why: 'no-transaction' }])
  t.end()
})

t.test('a success that lacks what it should carry is passed over', t => {
  const client = signedIn()
  client.allocate({}, NOW)
  const answer = success(
    sent(client),
    w => w.set(LIFETIME, 600 as Seconds),
    'sha1',
    key(PasswordAlgorithm.MD5),
  )

  t.match(client.take(answer, NOW), [{ kind: 'ignored', why: 'incomplete' }])
  t.same(client.relayed, [])
  t.end()
})

t.test('what is no message of a server is passed over', t => {
  const client = make()
  for (const [bytes, why] of [
    [Buffer.alloc(0), 'malformed'],
    [Buffer.of(0), 'malformed'],
    [Buffer.of(0xff, 0xff), 'malformed'],
    [Buffer.from('40000005', 'hex'), 'malformed'],
    [Buffer.from('4000000001', 'hex'), 'unbound-channel'],
    [new MessageWriter('request', Method.Binding, Buffer.alloc(12)).finish(), 'not-for-clients'],
    [new MessageWriter('indication', Method.Send, Buffer.alloc(12)).finish(), 'not-for-clients'],
    [new MessageWriter('indication', Method.Data, Buffer.alloc(12)).finish(), 'incomplete'],
    [
      new MessageWriter('indication', Method.Data, Buffer.alloc(12)).set(XOR_PEER_ADDRESS, PEER).finish(),
      'incomplete',
    ],
  ] as const) {
    t.match(client.take(bytes, NOW), [{ kind: 'ignored', why }])
  }
  t.end()
})

t.test('data comes by channel and by indication, and ICMP errors as what they are', t => {
  const client = signedIn()
  client.bind(0x4001 as ChannelNumber, PEER, NOW)
  client.take(
    success(sent(client), () => {}, 'sha1', key(PasswordAlgorithm.MD5)),
    NOW,
  )
  const indication = () =>
    new MessageWriter('indication', Method.Data, Buffer.alloc(12)).set(XOR_PEER_ADDRESS, PEER)

  const events = [
    // Padding and what else is behind it does not belong to it.
    ...client.take(Buffer.concat([Buffer.from('40010002', 'hex'), Buffer.from('hi\0\0')]), NOW),
    ...client.take(indication().set(DATA, Buffer.from('ho')).finish(), NOW),
    ...client.take(indication().set(ICMP, { type: 3, code: 4, data: 1280 }).finish(), NOW),
  ]

  t.match(events, [
    { kind: 'data', channel: 0x4001, bytes: Buffer.from('hi') },
    { kind: 'data', channel: undefined, bytes: Buffer.from('ho') },
    { kind: 'icmp', type: 3, code: 4, data: 1280 },
  ])
  t.end()
})

t.test('to a peer with a channel it sends ChannelData, to others Send indications', t => {
  const client = signedIn()
  client.bind(0x4001 as ChannelNumber, PEER, NOW)
  client.take(
    success(sent(client), () => {}, 'sha1', key(PasswordAlgorithm.MD5)),
    NOW,
  )

  client.send(PEER, Buffer.from('hi'))
  client.send(parseAddress('198.51.100.7:40001')!, Buffer.from('ho'))

  const [channel, indication] = client.drain()
  t.equal(channel?.toString('hex'), '400100026869')
  t.match(parse(indication!), { class: 'indication', method: Method.Send })
  t.end()
})

t.test('over a stream ChannelData is padded to four octets', t => {
  const client = make({ reliable: true })
  for (let length = 0; length < 9; length++) {
    client.sendChannel(0x4001 as ChannelNumber, Buffer.alloc(length, 0xff))
    const [bytes] = client.drain()
    t.equal(bytes!.length, 4 + ((length + 3) & ~3))
    t.equal(bytes!.readUInt16BE(2), length)
  }
  t.end()
})

t.test('it keeps alive what it was granted, each in its time', t => {
  const client = signedIn({ keepAlive: true })
  const md5 = key(PasswordAlgorithm.MD5)
  client.allocate({}, NOW)
  client.take(success(sent(client), allocated, 'sha1', md5), NOW)
  client.bind(0x4001 as ChannelNumber, PEER, NOW)
  client.take(
    success(sent(client), () => {}, 'sha1', md5),
    NOW,
  )
  const renewed: [number, number][] = []

  for (let second = 0; second < 1200; second++) {
    const now = (NOW + second * 1000) as Time
    client.tick(now)
    for (const bytes of client.drain()) {
      const request = parse(bytes) as Message
      renewed.push([request.method, second])
      const lifetime = (w: MessageWriter) => void w.set(LIFETIME, 600 as Seconds)
      client.take(success(request, request.method === Method.Refresh ? lifetime : () => {}, 'sha1', md5), now)
    }
  }

  t.same(renewed, [
    [Method.ChannelBind, 240],
    [Method.ChannelBind, 480],
    [Method.Refresh, 540],
    [Method.ChannelBind, 720],
    [Method.ChannelBind, 960],
    [Method.Refresh, 1080],
  ])
  t.end()
})

t.test('what has been released is not kept alive', t => {
  const client = signedIn({ keepAlive: true })
  const md5 = key(PasswordAlgorithm.MD5)
  client.allocate({}, NOW)
  client.take(success(sent(client), allocated, 'sha1', md5), NOW)
  client.release(NOW)
  client.take(
    success(sent(client), w => w.set(LIFETIME, 0 as Seconds), 'sha1', md5),
    NOW,
  )

  t.equal(client.due(), undefined)
  t.same(client.relayed, [])
  t.end()
})

t.test('a new allocation has none of the channels of the last one', t => {
  const client = signedIn({ keepAlive: true })
  const md5 = key(PasswordAlgorithm.MD5)
  client.bind(0x4001 as ChannelNumber, PEER, NOW)
  client.take(
    success(sent(client), () => {}, 'sha1', md5),
    NOW,
  )

  client.allocate({}, NOW)
  client.take(success(sent(client), allocated, 'sha1', md5), NOW)
  client.send(PEER, Buffer.from('hi'))

  t.match(parse(client.drain()[0]!), { class: 'indication', method: Method.Send })
  t.equal(client.due(), NOW + 540_000, 'and nothing of it is kept alive')
  t.end()
})

t.test('FINGERPRINT and SOFTWARE are there when asked for', t => {
  const client = make({ fingerprint: true, software: 'a test' })
  client.allocate({}, NOW)

  const request = sent(client)
  t.equal(request.fingerprint, true)
  t.ok(request.attributes.some(attribute => attribute.type === 0x8022))
  t.end()
})

t.test('transaction ids come from the randomness that was given, and do not repeat', t => {
  const client = make()
  const ids = new Set<string>()
  for (let i = 0; i < 100; i++) {
    client.binding(NOW)
    ids.add(sent(client).transaction.toString('hex'))
  }
  const again = make()
  again.binding(NOW)

  t.equal(ids.size, 100)
  t.ok(ids.has(sent(again).transaction.toString('hex')))
  t.end()
})

function make(options: Partial<TurnClientOptions> = {}): TurnClient {
  return new TurnClient({ username: 'alice', password: 'secret', random: octets(dice(1)), ...options })
}

/** A client that has been challenged, without algorithms. */
function signedIn(options: Partial<TurnClientOptions> = {}): TurnClient {
  const client = make(options)
  client.request(Method.Refresh, () => {}, NOW)
  client.take(challenge(sent(client), 401), NOW)
  client.take(
    success(sent(client), () => {}, 'sha1', key(PasswordAlgorithm.MD5)),
    NOW,
  )
  return client
}

/** The one message in the outbox. */
function sent(client: TurnClient): Message {
  const [bytes, ...more] = client.drain()
  if (!bytes || more.length > 0) throw new Error('not one message')
  return parse(bytes) as Message
}

function key(algorithm: number): Buffer {
  return longTermKey('alice', 'example.org', 'secret', algorithm)
}

function allocated(writer: MessageWriter): void {
  writer
    .set(XOR_RELAYED_ADDRESS, RELAYED)
    .set(LIFETIME, 600 as Seconds)
    .set(XOR_MAPPED_ADDRESS, OURS)
}

function success(
  request: Message,
  fields: (writer: MessageWriter) => unknown,
  kind?: 'sha1' | 'sha256',
  signature?: Buffer,
): Buffer {
  const writer = new MessageWriter('success', request.method, request.transaction)
  fields(writer)
  if (kind && signature) writer.sign(kind, signature)
  return writer.finish()
}

function error(request: Message, code: number, signature?: Buffer): Buffer {
  const writer = new MessageWriter('error', request.method, request.transaction)
  writer.set(ERROR_CODE, { code, reason: '' })
  if (signature) writer.sign('sha1', signature)
  return writer.finish()
}

function challenge(
  request: Message,
  code: 401 | 438,
  what: {
    readonly realm?: string | null
    readonly nonce?: string | null
    readonly features?: number
    readonly offers?: readonly Offer[]
  } = {},
): Buffer {
  const writer = new MessageWriter('error', request.method, request.transaction)
  writer.set(ERROR_CODE, { code, reason: '' })
  const features = what.features ?? (what.offers ? SecurityFeature.passwordAlgorithms : 0)
  if (what.realm !== null) writer.set(REALM, what.realm ?? 'example.org')
  if (what.nonce !== null) writer.set(NONCE, what.nonce ?? `${writeNonceCookie(features)}nonce`)
  if (what.offers) writer.set(PASSWORD_ALGORITHMS, [...what.offers])
  return writer.finish()
}
