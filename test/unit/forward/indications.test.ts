import t from 'tap'
import { DROP, PASS, SEND } from '../../../src/base/batch.ts'
import type { Time } from '../../../src/base/time.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import { DATA, DONT_FRAGMENT, SOFTWARE, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../../src/wire/message.ts'
import {
  addressOf,
  channelData,
  dataIndication,
  EXPIRES,
  LISTENER,
  NOW,
  payloadOf,
  RELAY,
  Rig,
  sendIndication,
  TRANSACTION,
} from '../../support/route-table-rig.ts'

const CLIENT = '192.0.2.10:50000'
const PEER = '198.51.100.7:40000'
const CLIENT6 = '[2001:db8::10]:50000'
const PEER6 = '[2001:db8:1::7]:40000'
const hello = Buffer.from('hello')

const FAMILIES = [
  { name: 'IPv4 client, IPv4 peer', client: CLIENT, peer: PEER, header: 36 },
  { name: 'IPv4 client, IPv6 peer', client: CLIENT, peer: PEER6, header: 48 },
  { name: 'IPv6 client, IPv4 peer', client: CLIENT6, peer: PEER, header: 36 },
  { name: 'IPv6 client, IPv6 peer', client: CLIENT6, peer: PEER6, header: 48 },
]
for (const { name, client, peer, header } of FAMILIES) {
  t.test(`the DATA of a Send indication leaves for the peer it names: ${name} [TURN-SEND-03]`, async t => {
    const rig = new Rig().add({ client, peer })

    const out = rig.arrive(LISTENER, client, sendIndication(peer, hello))

    t.same(out, { verdict: SEND, socket: RELAY, to: peer, bytes: hello })
  })

  t.test(`DATA may stand before the address: ${name}`, async t => {
    const rig = new Rig().add({ client, peer })
    const bytes = new MessageWriter('indication', Method.Send, TRANSACTION)
      .set(DATA, hello)
      .set(XOR_PEER_ADDRESS, addressOf(peer))
      .finish()

    t.same(rig.arrive(LISTENER, client, bytes), { verdict: SEND, socket: RELAY, to: peer, bytes: hello })
  })

  t.test(`a peer without a channel is heard in Data indications: ${name} [TURN-DATA-01]`, async t => {
    const rig = new Rig().add({ client, peer })

    const out = rig.arrive(RELAY, peer, hello)

    t.match(out, { verdict: SEND, socket: LISTENER, to: client })
    t.same(out.bytes, dataIndication(peer, hello, out.bytes!))
    t.equal(out.bytes?.length, header + 8)
  })
}

t.test('payloads of every size modulo four survive both ways, padded with zeros', async t => {
  const rig = new Rig({ octets: 65_600 }).add()
  for (const octets of [0, 1, 2, 3, 4, 5, 6, 7, 255, 256, 1197, 1200, 9001, 65_468]) {
    const payload = payloadOf(octets)

    const toPeer = rig.arrive(LISTENER, CLIENT, sendIndication(PEER, payload))
    const toClient = rig.arrive(RELAY, PEER, payload)

    t.ok(toPeer.bytes?.equals(payload), `${octets} octets to the peer`)
    t.ok(
      toClient.bytes?.equals(dataIndication(PEER, payload, toClient.bytes)),
      `${octets} octets to the client`,
    )
    t.notOk(
      toClient.bytes?.subarray(36 + octets).some(octet => octet !== 0),
      'padding is zero',
    )
  }
})

t.test('an empty DATA is an empty datagram [TURN-SEND-04]', async t => {
  const rig = new Rig().add()

  const out = rig.arrive(LISTENER, CLIENT, sendIndication(PEER, Buffer.alloc(0)))

  t.same(out, { verdict: SEND, socket: RELAY, to: PEER, bytes: Buffer.alloc(0) })
})

t.test('an empty datagram is a Data indication with an empty DATA [TURN-DATA-03]', async t => {
  const rig = new Rig().add()

  const out = rig.arrive(RELAY, PEER, Buffer.alloc(0))

  t.same(out.bytes, dataIndication(PEER, Buffer.alloc(0), out.bytes!))
  t.equal(out.bytes?.length, 36)
})

t.test('no two Data indications have the same transaction id [TURN-DATA-04]', async t => {
  const rig = new Rig().add()
  const ids = new Set<string>()
  for (let i = 0; i < 3000; i++) {
    ids.add(rig.arrive(RELAY, PEER, hello).bytes!.subarray(8, 20).toString('hex'))
  }

  t.equal(ids.size, 3000)
})

t.test(
  'a peer with a channel may be sent indications, and answers on the channel [TURN-DATA-02]',
  async t => {
    const rig = new Rig().add({ channel: 0x4001 })

    t.same(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello)).bytes, hello)
    t.same(rig.arrive(RELAY, PEER, hello).bytes, channelData(0x4001, hello))
  },
)

t.test('the same host from a port without a channel is heard in Data indications [TURN-DATA-02]', async t => {
  const rig = new Rig()
    .add({ id: 0, channel: 0x4001, peer: '198.51.100.7:40000' })
    .add({ id: 1, peer: '198.51.100.7:40001' })

  const bound = rig.arrive(RELAY, '198.51.100.7:40000', hello)
  const unbound = rig.arrive(RELAY, '198.51.100.7:40001', hello)

  t.equal(bound.bytes?.[0], 0x40)
  t.same(unbound.bytes, dataIndication('198.51.100.7:40001', hello, unbound.bytes!))
})

t.test('a peer that has no route is left to the core [TURN-SEND-02]', async t => {
  const rig = new Rig().add()
  for (const peer of ['198.51.100.7:40001', '198.51.100.8:40000', PEER6]) {
    t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(peer, hello)).verdict, PASS)
  }
})

t.test('another client’s peer is left to the core', async t => {
  const rig = new Rig()
    .add({ id: 0, client: CLIENT, peer: PEER })
    .add({ id: 1, client: '192.0.2.11:50000', peer: '198.51.100.8:40000', relaySocket: 3 })

  t.equal(rig.arrive(LISTENER, '192.0.2.11:50000', sendIndication(PEER, hello)).verdict, PASS)
})

t.test('indications stop with the route, to the millisecond', async t => {
  const rig = new Rig().add()
  const last = (EXPIRES - 1) as Time

  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello), last).verdict, SEND)
  t.equal(rig.arrive(RELAY, PEER, hello, last).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello), EXPIRES).verdict, PASS)
  t.equal(rig.arrive(RELAY, PEER, hello, EXPIRES).verdict, PASS)
})

t.test('indications pay like ChannelData, by payload and packet', async t => {
  const rig = new Rig()
  rig.add({ meters: [rig.meters.open(2 * (5 + PACKET_OVERHEAD), NOW)] })

  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello)).verdict, SEND)
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello)).verdict, DROP)
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, DROP)
  t.equal(rig.counters.read('dropRate'), 2)
  t.same(rig.read(0), { toPeer: { packets: 1, bytes: 5 }, toClient: { packets: 1, bytes: 5 } })
})

t.test('a payload that no DATA attribute can hold is left to the core [TURN-DATA-05]', async t => {
  const rig = new Rig({ octets: 65_600 })
    .add({ id: 0, via: 'tcp', relaySocket: 2, peer: PEER })
    .add({ id: 1, via: 'tcp', relaySocket: 3, peer: PEER6 })

  t.equal(rig.arrive(2, PEER, payloadOf(65_507)).verdict, SEND)
  t.equal(rig.arrive(3, PEER6, payloadOf(65_504)).verdict, SEND)
  t.equal(rig.arrive(3, PEER6, payloadOf(65_505)).verdict, PASS)
})

t.test('a Data indication that no UDP datagram can carry is left to the core', async t => {
  const rig = new Rig({ octets: 65_600 }).add()

  t.equal(rig.arrive(RELAY, PEER, payloadOf(65_471)).verdict, PASS)
  t.equal(rig.arrive(RELAY, PEER, payloadOf(65_468)).verdict, SEND)
})

t.test('a slot without room for header or padding is left to the core', async t => {
  const rig = new Rig({ octets: 8 }).add().add({ id: 1, peer: PEER6 })

  t.equal(rig.arriveAt(36, RELAY, PEER, hello).verdict, SEND)
  t.equal(rig.arriveAt(35, RELAY, PEER, hello).verdict, PASS)
  t.equal(rig.arriveAt(48, RELAY, PEER6, hello).verdict, SEND)
  t.equal(rig.arriveAt(47, RELAY, PEER6, hello).verdict, PASS)
  t.equal(rig.arriveAt(80 - 8, RELAY, PEER, hello).verdict, SEND)
  t.equal(rig.arriveAt(80 - 7, RELAY, PEER, hello).verdict, PASS)
})

// 0016 0018: XOR-PEER-ADDRESS 198.51.100.7:40000, then DATA "hello" and its padding.
const HEAD = '00160018 2112a442 0102030405060708090a0b0c'
const ADDRESS = '00120008 0001 bd52 e721c045'
const PAYLOAD = '00130005 68656c6c6f 000000'
t.test('the octets that the oddities below are made from are a plain Send indication', async t => {
  const rig = new Rig().add()

  t.same(rig.arrive(LISTENER, CLIENT, octets(HEAD, ADDRESS, PAYLOAD)).bytes, hello)
})

const ODD: readonly { readonly why: string; readonly bytes: Buffer }[] = [
  { why: 'a Send request', bytes: octets(HEAD.replace('0016', '0006'), ADDRESS, PAYLOAD) },
  { why: 'a Data indication', bytes: octets(HEAD.replace('0016', '0017'), ADDRESS, PAYLOAD) },
  { why: 'a Binding request', bytes: octets('00010000 2112a442 0102030405060708090a0b0c') },
  { why: 'no magic cookie', bytes: octets(HEAD.replace('2112a442', '2112a443'), ADDRESS, PAYLOAD) },
  { why: 'a length that is short of the datagram', bytes: octets(HEAD, ADDRESS, PAYLOAD, '00000000') },
  { why: 'a length beyond the datagram', bytes: octets(HEAD.replace('0018', '001c'), ADDRESS, PAYLOAD) },
  { why: 'a header and nothing else', bytes: octets(HEAD.replace('0018', '0000')) },
  { why: 'no DATA', bytes: octets(HEAD.replace('0018', '000c'), ADDRESS) },
  { why: 'no peer', bytes: octets(HEAD.replace('0018', '000c'), PAYLOAD) },
  { why: 'two peers', bytes: octets(HEAD.replace('0018', '0024'), ADDRESS, ADDRESS, PAYLOAD) },
  { why: 'two peers and no DATA', bytes: octets(HEAD, ADDRESS, ADDRESS) },
  { why: 'two DATA', bytes: octets(HEAD.replace('0018', '0024'), ADDRESS, PAYLOAD, PAYLOAD) },
  { why: 'two DATA and no peer', bytes: octets(HEAD, PAYLOAD, PAYLOAD) },
  {
    why: 'DATA without the padding',
    bytes: octets(HEAD.replace('0018', '0015'), ADDRESS, PAYLOAD).subarray(0, 41),
  },
  { why: 'DATA longer than the message', bytes: octets(HEAD, ADDRESS, PAYLOAD.replace('0005', '0009')) },
  { why: 'DATA of 65,535 octets', bytes: octets(HEAD, ADDRESS, PAYLOAD.replace('0005', 'ffff')) },
  {
    why: 'a first attribute beyond the message',
    bytes: octets(HEAD, ADDRESS.replace('0008', '0800'), PAYLOAD),
  },
  { why: 'an unknown attribute', bytes: octets(HEAD, ADDRESS.replace('0012', '8042'), PAYLOAD) },
  { why: 'an address of family 3', bytes: octets(HEAD, ADDRESS.replace('0001', '0003'), PAYLOAD) },
  { why: 'an IPv4 address said to be IPv6', bytes: octets(HEAD, ADDRESS.replace('0001', '0002'), PAYLOAD) },
  { why: 'an octet before the family', bytes: octets(HEAD, ADDRESS.replace('0001', '0101'), PAYLOAD) },
  {
    why: 'an address of four octets',
    bytes: octets(HEAD.replace('0018', '0014'), '00120004 0001 bd52', PAYLOAD),
  },
  { why: 'an empty address', bytes: octets(HEAD.replace('0018', '0010'), PAYLOAD, '00120000') },
  { why: 'peer port 0', bytes: octets(HEAD, ADDRESS.replace('bd52', '2112'), PAYLOAD) },
]
for (const { why, bytes } of ODD) {
  t.test(`a message with something odd to it is left to the core: ${why}`, async t => {
    const rig = new Rig().add().add({ id: 1, peer: '198.51.100.7:0' }).add({ id: 2, peer: '0.0.0.0:0' })

    t.equal(rig.arrive(LISTENER, CLIENT, bytes).verdict, PASS)
  })
}

t.test('what a Send indication has beyond peer and payload is for the core [TURN-SEND-05]', async t => {
  const rig = new Rig().add()
  const plain = () => {
    return new MessageWriter('indication', Method.Send, TRANSACTION)
      .set(XOR_PEER_ADDRESS, addressOf(PEER))
      .set(DATA, hello)
  }

  t.equal(rig.arrive(LISTENER, CLIENT, plain().finish()).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, plain().fingerprint().finish()).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, plain().sign('sha1', Buffer.alloc(16)).finish()).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, plain().set(SOFTWARE, 'x').finish()).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, plain().set(DONT_FRAGMENT, true).finish()).verdict, PASS)
})

t.test('padding of any value is padding', async t => {
  const rig = new Rig().add()

  const out = rig.arrive(LISTENER, CLIENT, octets(HEAD, ADDRESS, PAYLOAD.replace('000000', 'ffffff')))

  t.same(out.bytes, hello)
})

t.test('an IPv4 peer in IPv6 clothes is left to the core, which knows it as IPv4', async t => {
  const rig = new Rig().add()
  // ::ffff:198.51.100.7 and, unlike it by one bit, ::fffe:198.51.100.7, veiled with the transaction id.
  const mapped = (last: string) =>
    octets(HEAD.replace('0018', '0024'), `00120014 0002 bd52 2112a442 01020304 0506${last} cf396f0b`, PAYLOAD)

  t.equal(rig.arrive(LISTENER, CLIENT, mapped('f8f7')).verdict, PASS)
  rig.add({ id: 1, peer: '[::fffe:c633:6407]:40000' })
  t.equal(rig.arrive(LISTENER, CLIENT, mapped('f8f6')).to, '[::fffe:c633:6407]:40000')
})

function octets(...hex: string[]): Buffer {
  return Buffer.from(hex.join('').replaceAll(' ', ''), 'hex')
}
