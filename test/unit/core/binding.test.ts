import t from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import {
  CHANGE_REQUEST,
  ICE_CONTROLLING,
  MAPPED_ADDRESS,
  PRIORITY,
  RESPONSE_ADDRESS,
  SOFTWARE,
  UNKNOWN_ATTRIBUTES,
  USERNAME,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { get, has, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { rawAttribute } from '../../sim/craft.ts'
import { Sim } from '../../sim/sim.ts'
import { codeOf } from '../../sim/sim-client.ts'

const ALICE = '192.0.2.10:50000'

for (const via of ['udp', 'tcp', 'tls'] as const) {
  t.test(
    `Binding over ${via} reports the address it came from [STUN-BIND-01, STUN-BIND-02, STUN-BIND-04]`,
    t => {
      const sim = new Sim()
      const alice = sim.client(ALICE, { via })

      const event = alice.binding()

      t.match(event, { kind: 'mapped' })
      t.equal(formatAddress(alice.turn.mapped!), ALICE)
      t.end()
    },
  )
}

t.test('an IPv6 client is told its IPv6 address [STUN-BIND-02]', t => {
  const alice = new Sim().client('[2001:db8::10]:50000')

  alice.binding()

  t.equal(formatAddress(alice.turn.mapped!), '[2001:db8::10]:50000')
  t.end()
})

t.test('a client that a dual-stack socket reports as ::ffff: is told its IPv4 address [STUN-BIND-12]', t => {
  const alice = new Sim().client('[::ffff:192.0.2.10]:50000')

  alice.binding()

  t.equal(formatAddress(alice.turn.mapped!), ALICE)
  t.end()
})

t.test('the answer leaves by the address the request was sent to [STUN-BIND-03]', t => {
  const sim = new Sim()
  const server = sim.listen('203.0.113.2:3478')
  // A simulated client hears only the server address it talks to.
  const alice = sim.client(ALICE, { server })

  alice.binding()

  t.equal(alice.raw.length, 1)
  t.end()
})

t.test('an answer has the method and transaction id of its request [STUN-HDR-09]', t => {
  const alice = new Sim().client(ALICE)
  const transaction = Buffer.from('0102030405060708090a0b0c', 'hex')

  const success = alice.ask(Method.Binding, { transaction })
  const error = alice.ask(Method.Refresh, { sign: 'none', transaction })

  t.equal(success?.method, Method.Binding)
  t.same(success?.transaction, transaction)
  t.equal(error?.method, Method.Refresh)
  t.same(error?.transaction, transaction)
  t.end()
})

t.test('a Binding indication is not answered and leaves nothing [STUN-BIND-05]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const before = sim.relay.sizes()

  alice.sendRaw(alice.craft(Method.Binding, { class: 'indication' }))

  t.same(alice.raw, [])
  t.same(sim.relay.sizes(), before)
  t.end()
})

t.test('Binding needs neither credentials nor FINGERPRINT [STUN-BIND-06, STUN-BIND-07]', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Binding)

  t.equal(codeOf(answer), 0)
  t.equal(answer?.fingerprint, false)
  t.end()
})

t.test('the barest Binding gets the barest answer: 20 octets in, 32 out', t => {
  const alice = new Sim().client(ALICE)

  const request = alice.craft(Method.Binding)
  const answer = alice.exchange(request)

  t.equal(request.length, 20)
  t.equal(answer?.bytes.length, 32)
  t.end()
})

t.test(
  'a request with FINGERPRINT gets an answer with FINGERPRINT as its last attribute [STUN-FP-04, STUN-FP-02]',
  t => {
    const alice = new Sim().client(ALICE)

    const answer = alice.ask(Method.Binding, { fingerprint: true })
    const challenge = alice.ask(Method.Allocate, { sign: 'none', fingerprint: true })

    t.equal(answer?.fingerprint, true)
    t.equal(challenge?.fingerprint, true)
    t.equal(challenge?.attributes.at(-1)?.type, 0x8028)
    t.end()
  },
)

t.test('a wrong FINGERPRINT is met with silence [STUN-BIND-08]', t => {
  const alice = new Sim().client(ALICE)
  const bytes = alice.craft(Method.Binding, { fingerprint: true })
  bytes[bytes.length - 1]! ^= 1

  const answer = alice.exchange(bytes)

  t.equal(answer, undefined)
  t.end()
})

t.test('a connectivity check as ICE sends it gets a plain success [STUN-BIND-09, STUN-BIND-15]', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Binding, {
    fields: writer =>
      writer.set(USERNAME, 'evtj:h6vY').set(PRIORITY, 0x6e0001ff).set(ICE_CONTROLLING, Buffer.alloc(8, 7)),
    sign: 'sha1',
    username: null,
    realm: null,
    nonce: null,
    key: Buffer.from('VOkJxbRl1RmTxUk/WvJxBt'),
    fingerprint: true,
  })

  t.equal(codeOf(answer), 0)
  t.same(
    answer?.attributes.map(attribute => attribute.type),
    [0x0020, 0x8028],
  )
  t.end()
})

t.test('three thousand sources leave no state [STUN-BIND-10]', t => {
  const sim = new Sim()
  const before = sim.relay.sizes()

  for (let i = 0; i < 3000; i++) {
    const source = sim.client(`192.0.${2 + (i >> 8)}.${i & 255}:${1024 + i}`)
    source.ask(Method.Binding)
    source.ask(Method.Allocate, { sign: 'none' })
  }

  t.equal(sim.counters.read('binding'), 3000)
  t.same(sim.relay.sizes(), before)
  t.end()
})

t.test('no answer over UDP has 548 octets, with everything on that makes answers long [STUN-BIND-11]', t => {
  const sim = new Sim({
    config: {
      software: 'x'.repeat(127),
      reasonPhrases: true,
      mappedAddress: true,
      userhash: true,
      realm: 'r'.repeat(127),
    },
  })
  const alice = sim.client('[2001:db8::10]:50000')
  const bob = sim.peer('[2001:db8::b0b]:40000')

  alice.binding()
  alice.allocate({ dual: true })
  alice.permit(bob)
  alice.bind(0x4001, bob)
  alice.refresh()
  alice.ask(Method.Refresh, { fields: writer => writer.set(rawAttribute(0x7fff), Buffer.alloc(0)) })
  alice.ask(Method.Allocate, { fields: writer => writer.set(rawAttribute(0x7fff), Buffer.alloc(0)) })

  t.ok(alice.raw.length >= 8)
  t.ok(Math.max(...alice.raw.map(bytes => bytes.length)) < 548)
  t.end()
})

t.test('SOFTWARE and MAPPED-ADDRESS are in the answer where the operator wants them [STUN-BIND-13]', t => {
  const talkative = new Sim({ config: { software: 'taciturn', mappedAddress: true } }).client(ALICE)
  const quiet = new Sim().client(ALICE)

  const long = talkative.ask(Method.Binding)!
  const short = quiet.ask(Method.Binding)!

  t.equal(get(long, SOFTWARE), 'taciturn')
  t.equal(formatAddress(get(long, MAPPED_ADDRESS)!), ALICE)
  t.notOk(has(short, SOFTWARE))
  t.notOk(has(short, MAPPED_ADDRESS))
  t.end()
})

t.test('a Binding sent again gets the same answer again [STUN-BIND-14]', t => {
  const alice = new Sim().client(ALICE)
  const request = alice.craft(Method.Binding)

  alice.sendRaw(request)
  alice.sendRaw(request)

  t.equal(alice.raw.length, 2)
  t.same(alice.raw[0], alice.raw[1])
  t.end()
})

t.test('what means nothing in a Binding is passed over [STUN-ATTR-09]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer('198.51.100.7:40000')

  const code = alice.code(Method.Binding, { fields: writer => writer.set(XOR_PEER_ADDRESS, bob.address) })

  t.equal(code, 0)
  t.end()
})

t.test('without the magic cookie there is no answer and no state [STUN-HDR-02, STUN-3489-02]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const before = sim.relay.sizes()

  alice.sendRaw(classic())

  t.same(alice.raw, [])
  t.same(sim.relay.sizes(), before)
  t.end()
})

t.test('MAPPED-ADDRESS in answers does not switch RFC 3489 on [STUN-3489-02]', t => {
  const alice = new Sim({ config: { mappedAddress: true } }).client(ALICE)

  alice.sendRaw(classic())

  t.same(alice.raw, [])
  t.end()
})

t.test('a classic Binding is answered with its own 16 octets of id and MAPPED-ADDRESS [STUN-3489-01]', t => {
  const alice = new Sim({ config: { classicStun: true } }).client(ALICE)
  const request = classic()

  alice.sendRaw(request)

  const answer = parse(alice.raw[0]!, { classic: true })
  t.match(answer, { kind: 'message', class: 'success', classic: true })
  if (answer.kind !== 'message') return t.end()
  t.same(answer.transaction, request.subarray(4, 20))
  t.equal(formatAddress(get(answer, MAPPED_ADDRESS)!), ALICE)
  t.notOk(has(answer, XOR_MAPPED_ADDRESS))
  t.end()
})

for (const [name, attribute] of [
  ['RESPONSE-ADDRESS', RESPONSE_ADDRESS],
  ['CHANGE-REQUEST', CHANGE_REQUEST],
] as const) {
  t.test(`${name} in a classic Binding is refused, and nothing goes elsewhere [STUN-3489-03]`, t => {
    const sim = new Sim({ config: { classicStun: true } })
    const alice = sim.client(ALICE)
    const victim = sim.peer('198.51.100.7:40000')
    const writer = new MessageWriter('request', Method.Binding, Buffer.alloc(16, 0x55))
    if (attribute === RESPONSE_ADDRESS) writer.set(RESPONSE_ADDRESS, victim.address)
    else writer.set(CHANGE_REQUEST, 6)

    alice.sendRaw(writer.finish())

    const answer = parse(alice.raw[0]!, { classic: true })
    t.equal(answer.kind === 'message' && codeOf(answer), 420)
    t.same(answer.kind === 'message' && get(answer, UNKNOWN_ATTRIBUTES), [attribute.type, attribute.type])
    t.same(victim.datagrams, [])
    t.end()
  })
}

for (const method of [Method.Allocate, Method.Refresh, Method.CreatePermission, Method.ChannelBind, 0x0ff]) {
  t.test(`method ${method} has no classic form [STUN-3489-05, STUN-3489-06, TURN-GEN-12]`, t => {
    const sim = new Sim({ config: { classicStun: true } })
    const alice = sim.client(ALICE)

    alice.sendRaw(classic(method))

    t.same(alice.raw, [])
    t.equal(sim.counters.read('dropUnknownMethod'), 1)
    t.end()
  })
}

t.test('a classic Send indication is not relayed [STUN-3489-06, TURN-GEN-12]', t => {
  const sim = new Sim({ config: { classicStun: true } })
  const alice = sim.client(ALICE)
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()
  alice.permit(bob)

  alice.sendRaw(
    new MessageWriter('indication', Method.Send, Buffer.alloc(16, 0x55))
      .set(XOR_PEER_ADDRESS, bob.address)
      .set(rawAttribute(0x0013), Buffer.from('hello'))
      .finish(),
  )

  t.same(bob.datagrams, [])
  t.end()
})

for (const via of ['tcp', 'tls'] as const) {
  t.test(`classic STUN is not spoken over ${via} [STUN-3489-07]`, t => {
    const alice = new Sim({ config: { classicStun: true } }).client(ALICE, { via })

    alice.sendRaw(classic())

    t.same(alice.raw, [])
    t.end()
  })
}

t.test('what is neither STUN nor ChannelData is met with silence [STUN-HDR-01, TURN-CD-01]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate()
  const answers = alice.raw.length

  for (let first = 0; first < 256; first++)
    alice.sendRaw(Buffer.concat([Buffer.of(first), Buffer.alloc(23, 1)]))

  t.equal(alice.raw.length, answers)
  t.equal(sim.allocations, 1)
  t.end()
})

t.test('datagrams of 0 to 19 octets are dropped [STUN-HDR-05]', t => {
  const alice = new Sim().client(ALICE)
  const whole = alice.craft(Method.Binding)

  for (let length = 0; length < 20; length++) alice.sendRaw(whole.subarray(0, length))

  t.same(alice.raw, [])
  t.end()
})

t.test(
  'a length that is no multiple of four, or not the datagram’s, is met with silence [STUN-HDR-03, STUN-HDR-04]',
  t => {
    const alice = new Sim().client(ALICE)
    const whole = alice.craft(Method.Binding, { fingerprint: true })

    for (const change of [-8, -4, -1, 1, 2, 4, 65_528]) {
      const bytes = Buffer.from(whole)
      bytes.writeUInt16BE((8 + change) & 0xffff, 2)
      alice.sendRaw(bytes)
    }
    alice.sendRaw(Buffer.concat([whole, Buffer.alloc(4)]))
    alice.sendRaw(whole.subarray(0, -4))

    t.same(alice.raw, [])
    t.end()
  },
)

t.test('an unknown method, or a class the method does not have, is dropped [STUN-HDR-07]', t => {
  const alice = new Sim().client(ALICE)
  alice.allocate()
  const answers = alice.raw.length

  for (const method of [0x005, Method.Data, Method.Connect, Method.ConnectionBind, 0x0ff, 0xfff]) {
    alice.sendRaw(alice.craft(method, { sign: 'none' }))
    alice.sendRaw(alice.craft(method, {}))
  }
  alice.sendRaw(alice.craft(Method.Send, {}))
  for (const method of [Method.Allocate, Method.Refresh, Method.CreatePermission, Method.ChannelBind]) {
    alice.sendRaw(alice.craft(method, { class: 'indication' }))
  }

  t.equal(alice.raw.length, answers)
  t.end()
})

t.test('answers to nobody’s question are dropped [STUN-HDR-08]', t => {
  const alice = new Sim().client(ALICE)

  for (const method of [Method.Binding, Method.Allocate, Method.Refresh]) {
    alice.sendRaw(alice.craft(method, { class: 'success', sign: 'none' }))
    alice.sendRaw(alice.craft(method, { class: 'error', sign: 'none' }))
  }

  t.same(alice.raw, [])
  t.end()
})

t.test('methods 0x000 and 0x002 are not taken [STUN-HDR-11]', t => {
  const alice = new Sim().client(ALICE)

  for (const method of [0x000, 0x002]) alice.sendRaw(alice.craft(method, { sign: 'none' }))

  t.same(alice.raw, [])
  t.end()
})

/** A request without the magic cookie. */
function classic(method: number = Method.Binding): Buffer {
  return new MessageWriter('request', method, Buffer.alloc(16, 0x55)).finish()
}
