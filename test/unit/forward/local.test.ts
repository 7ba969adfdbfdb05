import t from 'tap'
import { DROP, PASS, SEND } from '../../../src/base/batch.ts'
import { after, type Time } from '../../../src/base/time.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import {
  channelData,
  dataIndication,
  EXPIRES,
  LISTENER,
  NOW,
  payloadOf,
  Rig,
  type RouteOptions,
  sendIndication,
} from '../../support/route-table-rig.ts'

const ALICE = { client: '192.0.2.10:50000', relayed: '203.0.113.5:49160', relaySocket: 2, channel: 0x4001 }
const BOB = { client: '192.0.2.99:60000', relayed: '203.0.113.5:49161', relaySocket: 3, channel: 0x4002 }
const hello = Buffer.from('hello')

/** Alice and Bob, each with an allocation here, and each the other's peer. */
function call(alice: RouteOptions = {}, bob: RouteOptions = {}, rig = new Rig()): Rig {
  return rig
    .add({ id: 0, ...ALICE, peer: bob.relayed ?? BOB.relayed, local: BOB.relaySocket, ...alice })
    .add({ id: 1, ...BOB, peer: alice.relayed ?? ALICE.relayed, local: ALICE.relaySocket, ...bob })
}

t.test('what one client sends another of this server goes from client to client', async t => {
  const rig = call()

  t.same(rig.arrive(LISTENER, ALICE.client, channelData(0x4001, hello)), {
    verdict: SEND,
    socket: LISTENER,
    to: BOB.client,
    bytes: channelData(0x4002, hello),
  })
  t.same(rig.arrive(LISTENER, BOB.client, channelData(0x4002, hello)), {
    verdict: SEND,
    socket: LISTENER,
    to: ALICE.client,
    bytes: channelData(0x4001, hello),
  })
})

const RELAYED6 = { alice: '[2001:db8::5]:49160', bob: '[2001:db8::5]:49161' }
for (const { name, alice, bob } of [
  { name: 'IPv4', alice: ALICE.relayed, bob: BOB.relayed },
  { name: 'IPv6', alice: RELAYED6.alice, bob: RELAYED6.bob },
]) {
  t.test(`a Send indication becomes the other client's Data indication: ${name}`, async t => {
    const rig = call({ relayed: alice, channel: 0 }, { relayed: bob, channel: 0 }, new Rig({ octets: 9100 }))
    for (const octets of [0, 1, 2, 3, 4, 1200, 9001]) {
      const payload = payloadOf(octets)
      const sent = sendIndication(bob, payload)

      const out = rig.arrive(LISTENER, ALICE.client, sent)

      t.match(out, { verdict: SEND, socket: LISTENER, to: BOB.client })
      t.ok(out.bytes?.equals(dataIndication(alice, payload, out.bytes)), `${octets} octets`)
      t.notSame(out.bytes?.subarray(8, 20), sent.subarray(8, 20), 'the transaction id is our own')
    }
  })

  t.test(`one may have a channel and the other none: ${name}`, async t => {
    const rig = call({ relayed: alice }, { relayed: bob, channel: 0 })

    const toBob = rig.arrive(LISTENER, ALICE.client, channelData(0x4001, hello))
    const toAlice = rig.arrive(LISTENER, BOB.client, sendIndication(alice, hello))

    t.same(toBob.bytes, dataIndication(alice, hello, toBob.bytes!))
    t.same(toAlice.bytes, channelData(0x4001, hello))
  })
}

t.test('a stream client and a UDP client may talk', async t => {
  const rig = call({ via: 'tls', clientSocket: 8 })

  t.match(rig.arrive(8, ALICE.client, channelData(0x4001, hello)), { socket: LISTENER, to: BOB.client })
  t.match(rig.arrive(LISTENER, BOB.client, channelData(0x4002, hello)), { socket: 8, to: ALICE.client })
})

t.test('a client may send to its own relayed address', async t => {
  const rig = new Rig().add({ id: 0, ...ALICE, peer: ALICE.relayed, local: ALICE.relaySocket })

  const out = rig.arrive(LISTENER, ALICE.client, channelData(0x4001, hello))

  t.same(out, { verdict: SEND, socket: LISTENER, to: ALICE.client, bytes: channelData(0x4001, hello) })
  t.same(rig.read(0), { toPeer: { packets: 1, bytes: 5 }, toClient: { packets: 1, bytes: 5 } })
})

t.test('without the other’s permission it is left to the core, as it was received', async t => {
  const message = channelData(0x4001, hello)

  const absent = new Rig().add({ id: 0, ...ALICE, peer: BOB.relayed, local: BOB.relaySocket })
  t.equal(absent.arrive(LISTENER, ALICE.client, message).verdict, PASS)

  const other = call({}, { peer: '203.0.113.5:49162' })
  t.equal(other.arrive(LISTENER, ALICE.client, message).verdict, PASS)
  t.same(other.read(0), { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 0, bytes: 0 } })

  const gone = call()
  gone.remove(1)
  t.equal(gone.arrive(LISTENER, ALICE.client, message).verdict, PASS)
})

t.test('both routes must live', async t => {
  const message = channelData(0x4001, hello)
  const last = (EXPIRES - 1) as Time
  const later = after(EXPIRES, 60)

  t.equal(call({ expires: later }).arrive(LISTENER, ALICE.client, message, last).verdict, SEND)
  t.equal(call({ expires: later }).arrive(LISTENER, ALICE.client, message, EXPIRES).verdict, PASS)
  t.equal(call({}, { expires: later }).arrive(LISTENER, ALICE.client, message, EXPIRES).verdict, PASS)
})

t.test('each half is counted where it belongs', async t => {
  const rig = call({ via: 'tcp', clientSocket: 8 })

  rig.arrive(8, ALICE.client, channelData(0x4001, hello))

  t.same(rig.read(0), { toPeer: { packets: 1, bytes: 5 }, toClient: { packets: 0, bytes: 0 } })
  t.same(rig.read(1), { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 1, bytes: 5 } })
  t.same(rig.counters.traffic('tcp'), {
    toPeer: { packets: 1, bytes: 5 },
    toClient: { packets: 0, bytes: 0 },
  })
  t.same(rig.counters.traffic('udp'), {
    toPeer: { packets: 0, bytes: 0 },
    toClient: { packets: 1, bytes: 5 },
  })
})

t.test('the payload passes the buckets of both', async t => {
  const message = channelData(0x4001, hello)

  const poorSender = new Rig()
  call({ meters: [poorSender.meters.open(4 + PACKET_OVERHEAD, NOW)] }, {}, poorSender)
  t.equal(poorSender.arrive(LISTENER, ALICE.client, message).verdict, DROP)
  t.equal(poorSender.read(0).toPeer.packets, 0)

  const poorReceiver = new Rig()
  call({}, { meters: [poorReceiver.meters.open(4 + PACKET_OVERHEAD, NOW)] }, poorReceiver)
  t.equal(poorReceiver.arrive(LISTENER, ALICE.client, message).verdict, DROP)
  t.equal(poorReceiver.read(1).toClient.packets, 0)
  t.equal(poorReceiver.counters.read('dropRate'), 1)
})

t.test('a payload that does not fit the other’s message is left to the core', async t => {
  const largest = payloadOf(65_500)
  const big = () => new Rig({ octets: 65_600 })
  const sent = channelData(0x4001, largest)

  t.equal(call({}, {}, big()).arrive(LISTENER, ALICE.client, sent).verdict, SEND)
  t.equal(call({}, { channel: 0 }, big()).arrive(LISTENER, ALICE.client, sent).verdict, PASS)
  t.equal(call({}, { channel: 0, via: 'tcp' }, big()).arrive(LISTENER, ALICE.client, sent).verdict, SEND)
})

t.test('what the network brings in the name of a local peer is left to the core', async t => {
  const rig = call()

  t.equal(rig.arrive(BOB.relaySocket, ALICE.relayed, hello).verdict, PASS)
  t.equal(rig.arrive(ALICE.relaySocket, BOB.relayed, hello).verdict, PASS)
})

t.test('a peer in another shard is reached on the wire and named by its relayed address', async t => {
  for (const [peer, wire] of [
    [BOB.relayed, '10.0.0.5:49161'],
    ['[2001:db8::5]:49161', '[fd00::5]:49161'],
  ] as const) {
    const rig = new Rig().add({ ...ALICE, peer, wire, channel: 0 })

    const out = rig.arrive(LISTENER, ALICE.client, sendIndication(peer, hello))
    t.match(out, { verdict: SEND, socket: ALICE.relaySocket, to: wire, bytes: hello })
    const back = rig.arrive(ALICE.relaySocket, wire, hello)
    t.match(back, { verdict: SEND, socket: LISTENER, to: ALICE.client })
    t.same(back.bytes, dataIndication(peer, hello, back.bytes!))
    t.match(rig.arrive(ALICE.relaySocket, peer, hello), { verdict: PASS }, 'from there it cannot have come')
    t.match(rig.arrive(LISTENER, ALICE.client, sendIndication(wire, hello)), { verdict: PASS })
  }
})

t.test('a peer that comes to or leaves another shard leaves nothing behind', async t => {
  const wire = '10.0.0.5:49161'
  const rig = new Rig().add({ ...ALICE, peer: BOB.relayed })
  rig.add({ ...ALICE, peer: BOB.relayed, wire })
  t.match(rig.arrive(ALICE.relaySocket, BOB.relayed, hello), { verdict: PASS })
  t.match(rig.arrive(ALICE.relaySocket, wire, hello), { verdict: SEND })

  rig.add({ ...ALICE, peer: BOB.relayed })
  t.match(rig.arrive(ALICE.relaySocket, wire, hello), { verdict: PASS })
  t.match(rig.arrive(LISTENER, ALICE.client, channelData(0x4001, hello)), { to: BOB.relayed })

  rig.add({ ...ALICE, peer: BOB.relayed, wire })
  rig.remove(0)
  t.match(rig.arrive(ALICE.relaySocket, wire, hello), { verdict: PASS })
})
