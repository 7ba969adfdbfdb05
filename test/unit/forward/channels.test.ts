import t from 'tap'
import { DROP, PASS, SEND } from '../../../src/base/batch.ts'
import type { MeterId } from '../../../src/base/ids.ts'
import { after, type Time } from '../../../src/base/time.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import { channelData, EXPIRES, LISTENER, NOW, payloadOf, RELAY, Rig } from '../../support/route-table-rig.ts'

const CLIENT = '192.0.2.10:50000'
const PEER = '198.51.100.7:40000'
const CLIENT6 = '[2001:db8::10]:50000'
const PEER6 = '[2001:db8:1::7]:40000'
const hello = Buffer.from('hello')

const FAMILIES = [
  { name: 'IPv4 client, IPv4 peer', client: CLIENT, peer: PEER },
  { name: 'IPv4 client, IPv6 peer', client: CLIENT, peer: PEER6 },
  { name: 'IPv6 client, IPv4 peer', client: CLIENT6, peer: PEER },
  { name: 'IPv6 client, IPv6 peer', client: CLIENT6, peer: PEER6 },
]
for (const { name, client, peer } of FAMILIES) {
  t.test(`ChannelData leaves for the bound peer without its header: ${name} [TURN-CD-07]`, async t => {
    const rig = new Rig().add({ channel: 0x4001, client, peer })

    const out = rig.arrive(LISTENER, client, channelData(0x4001, hello))

    t.same(out, { verdict: SEND, socket: RELAY, to: peer, bytes: hello })
  })

  t.test(`a peer's datagram reaches the client as ChannelData: ${name} [TURN-CD-08]`, async t => {
    const rig = new Rig().add({ channel: 0x4001, client, peer })

    const out = rig.arrive(RELAY, peer, hello)

    t.same(out, { verdict: SEND, socket: LISTENER, to: client, bytes: channelData(0x4001, hello) })
  })
}

t.test('every payload size survives both ways, ChannelData to the client unpadded [TURN-CD-09]', async t => {
  const rig = new Rig({ octets: 65_531 }).add({ channel: 0x4abc })
  for (const octets of [0, 1, 2, 3, 4, 5, 255, 256, 1199, 1200, 9000, 65_503]) {
    const payload = payloadOf(octets)
    const message = channelData(0x4abc, payload)

    const toPeer = rig.arrive(LISTENER, CLIENT, message)
    const toClient = rig.arrive(RELAY, PEER, payload)

    t.ok(toPeer.bytes?.equals(payload), `${octets} octets to the peer`)
    t.ok(toClient.bytes?.equals(message), `${octets} octets to the client`)
  }
})

t.test('a stream client gets the largest of datagrams; a UDP client cannot [TURN-DATA-05]', async t => {
  const rig = new Rig({ octets: 65_531 })
    .add({ id: 0, channel: 0x4001, via: 'tcp', client: CLIENT })
    .add({ id: 1, channel: 0x4001, via: 'udp', client: '192.0.2.11:50000', relaySocket: 3 })
  const largest = payloadOf(65_507)

  t.ok(rig.arrive(RELAY, PEER, largest).bytes?.equals(channelData(0x4001, largest)))
  t.equal(rig.arrive(3, PEER, largest).verdict, PASS)
  t.equal(rig.arrive(3, PEER, largest.subarray(4)).verdict, SEND)
})

t.test('what no UDP datagram can carry to the peer is left to the core', async t => {
  const rig = new Rig({ octets: 65_535 + 4 }).add({ channel: 0x4001, via: 'tcp' })

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, payloadOf(65_507))).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, payloadOf(65_508))).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, payloadOf(65_535))).verdict, PASS)
})

t.test('an empty ChannelData message is an empty datagram [TURN-CD-06]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })

  const out = rig.arrive(LISTENER, CLIENT, channelData(0x4001, Buffer.alloc(0)))

  t.same(out, { verdict: SEND, socket: RELAY, to: PEER, bytes: Buffer.alloc(0) })
})

t.test('an empty datagram from the peer is an empty ChannelData message [TURN-DATA-03]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })

  t.same(rig.arrive(RELAY, PEER, Buffer.alloc(0)).bytes, Buffer.from('40010000', 'hex'))
})

t.test('octets behind the claimed length are padding and stay here [TURN-CD-03]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })

  const out = rig.arrive(LISTENER, CLIENT, channelData(0x4001, Buffer.from('hello\0\0\0'), 5))

  t.same(out.bytes, hello)
})

t.test('a header that claims more than arrived is left to the core [TURN-CD-02]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  for (const claimed of [6, 7, 100, 0xffff]) {
    t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello, claimed)).verdict, PASS)
  }
})

t.test('a datagram too short for any header is left to the core', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  for (const bytes of ['', '40', '4001', '400100', '00', '0016', '001600']) {
    t.equal(rig.arrive(LISTENER, CLIENT, Buffer.from(bytes, 'hex')).verdict, PASS, `"${bytes}"`)
  }
})

t.test('a channel that the client has not bound is left to the core [TURN-CD-05]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  for (const channel of [0x4000, 0x4002, 0x4101, 0x5001, 0x7fff]) {
    t.equal(rig.arrive(LISTENER, CLIENT, channelData(channel, hello)).verdict, PASS)
  }
})

t.test('a first octet outside 0x40–0x7F is no channel [TURN-CD-01]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  for (const first of [0x01, 0x14, 0x3f, 0x80, 0xc0, 0xff]) {
    const bytes = channelData(0x4001, hello)
    bytes[0] = first
    t.equal(rig.arrive(LISTENER, CLIENT, bytes).verdict, PASS)
  }
})

t.test('a channel number of RFC 5766 works where the core has bound one [TURN-CHAN-03]', async t => {
  const rig = new Rig().add({ channel: 0x7ffe })

  t.same(rig.arrive(LISTENER, CLIENT, channelData(0x7ffe, hello)).to, PEER)
  t.same(rig.arrive(RELAY, PEER, hello).bytes, channelData(0x7ffe, hello))
})

t.test('one number in two allocations means two peers [TURN-CHAN-14]', async t => {
  const rig = new Rig()
    .add({ id: 0, channel: 0x4001, client: CLIENT, relaySocket: 2, peer: '198.51.100.7:1' })
    .add({ id: 1, channel: 0x4001, client: '192.0.2.10:50001', relaySocket: 3, peer: '198.51.100.7:2' })
    .add({ id: 2, channel: 0x4001, client: CLIENT, clientSocket: 9, relaySocket: 4, peer: '198.51.100.7:3' })

  t.match(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)), { socket: 2, to: '198.51.100.7:1' })
  t.match(rig.arrive(LISTENER, '192.0.2.10:50001', channelData(0x4001, hello)), {
    socket: 3,
    to: '198.51.100.7:2',
  })
  t.match(rig.arrive(9, CLIENT, channelData(0x4001, hello)), { socket: 4, to: '198.51.100.7:3' })
})

t.test('a client with relayed addresses of both families reaches each peer from its own', async t => {
  const rig = new Rig()
    .add({ id: 0, channel: 0x4001, relaySocket: 2, peer: PEER })
    .add({ id: 1, channel: 0x4002, relaySocket: 3, relayed: '[2001:db8::5]:49160', peer: PEER6 })

  t.match(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)), { socket: 2, to: PEER })
  t.match(rig.arrive(LISTENER, CLIENT, channelData(0x4002, hello)), { socket: 3, to: PEER6 })
})

t.test('strangers are left to the core, whatever they send', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  for (const [socket, from] of [
    [LISTENER, '192.0.2.10:50001'],
    [LISTENER, '192.0.2.11:50000'],
    [LISTENER, PEER],
    [LISTENER, '[2001:db8::10]:50000'],
    [7, CLIENT],
    [RELAY, CLIENT],
    [RELAY, '198.51.100.7:40001'],
    [RELAY, '198.51.100.8:40000'],
    [7, PEER],
  ] as const) {
    t.equal(rig.arrive(socket, from, channelData(0x4001, hello)).verdict, PASS, `${from} at socket ${socket}`)
  }
})

t.test('a route relays to its last millisecond, and not one longer [TURN-CHAN-07]', async t => {
  const rig = new Rig().add({ channel: 0x4001, expires: EXPIRES })
  const last = (EXPIRES - 1) as Time
  const message = channelData(0x4001, hello)

  t.equal(rig.arrive(LISTENER, CLIENT, message, last).verdict, SEND)
  t.equal(rig.arrive(RELAY, PEER, hello, last).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, message, EXPIRES).verdict, PASS)
  t.equal(rig.arrive(RELAY, PEER, hello, EXPIRES).verdict, PASS)
})

t.test('ChannelData does not prolong a route [TURN-CHAN-09]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })

  rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello), (EXPIRES - 1) as Time)

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello), EXPIRES).verdict, PASS)
})

t.test('payloads above the rate are dropped and counted, in both directions together [ABU-13]', async t => {
  const rig = new Rig()
  rig.add({ channel: 0x4001, meters: [rig.meters.open(2 * (5 + PACKET_OVERHEAD), NOW)] })
  const message = channelData(0x4001, hello)

  t.equal(rig.arrive(LISTENER, CLIENT, message).verdict, SEND)
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, message).verdict, DROP)
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, DROP)
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, Buffer.alloc(0))).verdict, DROP)
  t.equal(rig.counters.read('dropRate'), 3)
  t.same(rig.read(0), { toPeer: { packets: 1, bytes: 5 }, toClient: { packets: 1, bytes: 5 } })

  t.equal(rig.arrive(LISTENER, CLIENT, message, after(NOW, 1)).verdict, SEND)
})

t.test('S-06: a rate bounds packets, however small they are', async t => {
  const relayed = (octets: number) => {
    const rig = new Rig()
    rig.add({ channel: 0x4001, meters: [rig.meters.open(10_000, NOW)] })
    const message = channelData(0x4001, Buffer.alloc(octets))
    let sent = 0
    for (let i = 0; i < 1000; i++) if (rig.arrive(LISTENER, CLIENT, message).verdict === SEND) sent++
    return sent
  }

  t.equal(relayed(1000), 9)
  t.equal(relayed(1), 204)
  t.equal(relayed(0), 208)
})

t.test('every bucket of a route has a say [ABU-13]', async t => {
  const rig = new Rig()
  const meters: MeterId[] = [rig.meters.open(1000, NOW), rig.meters.open(4 + PACKET_OVERHEAD, NOW)]
  rig.add({ channel: 0x4001, meters })

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict, DROP)
})

t.test('what is relayed is counted for the route and for the transport of the client', async t => {
  const rig = new Rig().add({ channel: 0x4001, via: 'tls' })

  rig.arrive(LISTENER, CLIENT, channelData(0x4001, payloadOf(100)))
  rig.arrive(LISTENER, CLIENT, channelData(0x4001, payloadOf(20)))
  rig.arrive(RELAY, PEER, payloadOf(3))
  rig.arrive(LISTENER, CLIENT, channelData(0x4002, payloadOf(9)))

  const expected = { toPeer: { packets: 2, bytes: 120 }, toClient: { packets: 1, bytes: 3 } }
  t.same(rig.read(0), expected)
  t.same(rig.counters.traffic('tls'), expected)
  t.same(rig.counters.traffic('udp'), {
    toPeer: { packets: 0, bytes: 0 },
    toClient: { packets: 0, bytes: 0 },
  })
})

t.test('a slot without room for the header is left to the core', async t => {
  const rig = new Rig().add({ channel: 0x4001 })

  t.equal(rig.arriveAt(4, RELAY, PEER, hello).verdict, SEND)
  t.equal(rig.arriveAt(3, RELAY, PEER, hello).verdict, PASS)
  t.equal(rig.arriveAt(0, RELAY, PEER, hello).verdict, PASS)
})

t.test(
  'a route is not taken for the one that the client used last where that has gone or changed',
  async t => {
    const other = '198.51.100.77:7000'
    const rig = new Rig().add({ id: 0, channel: 0x4001 }).add({ id: 1, channel: 0x4002, peer: other })

    t.same(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).to, PEER)
    t.same(rig.arrive(LISTENER, CLIENT, channelData(0x4002, hello)).to, other)
    t.same(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).to, PEER)

    rig.add({ id: 0, channel: 0x4003 })
    t.equal(
      rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict,
      PASS,
      'the channel is another now',
    )
    t.same(rig.arrive(LISTENER, CLIENT, channelData(0x4003, hello)).to, PEER)

    rig.remove(0)
    t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4003, hello)).verdict, PASS, 'the route has gone')
    t.equal(rig.arrive(RELAY, PEER, hello).verdict, PASS)

    rig.add({ id: 0, channel: 0x4003, client: '192.0.2.11:50000', relaySocket: 3 })
    t.equal(
      rig.arrive(LISTENER, CLIENT, channelData(0x4003, hello)).verdict,
      PASS,
      'its number is another client’s',
    )
    t.same(rig.arrive(LISTENER, CLIENT, channelData(0x4002, hello)).to, other)
  },
)
