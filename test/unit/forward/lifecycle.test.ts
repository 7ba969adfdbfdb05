import t from 'tap'
import { PASS, SEND } from '../../../src/base/batch.ts'
import { noTraffic } from '../../../src/base/route.ts'
import { after } from '../../../src/base/time.ts'
import {
  channelData,
  EXPIRES,
  LISTENER,
  payloadOf,
  RELAY,
  Rig,
  sendIndication,
} from '../../support/route-table-rig.ts'

const CLIENT = '192.0.2.10:50000'
const PEER = '198.51.100.7:40000'
const hello = Buffer.from('hello')

t.test('a permitted peer that gets a channel is heard on it from then on, and keeps its counts', async t => {
  const rig = new Rig().add({ id: 4 })
  rig.arrive(RELAY, PEER, hello)

  rig.add({ id: 4, channel: 0x4001 })

  t.same(rig.arrive(RELAY, PEER, hello).bytes, channelData(0x4001, hello))
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello)).verdict, SEND)
  t.same(rig.read(4), { toPeer: { packets: 2, bytes: 10 }, toClient: { packets: 2, bytes: 10 } })
})

t.test('a peer that loses its channel is heard in indications again, and the number is free', async t => {
  const rig = new Rig().add({ channel: 0x4001 })

  rig.add({ channel: 0 })

  t.equal(rig.arrive(RELAY, PEER, hello).bytes?.[1], 0x17)
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict, PASS)
})

t.test('a number bound anew goes to the new peer only [TURN-CHAN-10]', async t => {
  const rig = new Rig().add({ id: 0, channel: 0x4001 })

  rig.remove(0)
  rig.add({ id: 1, channel: 0x4001, peer: '198.51.100.9:40000' })

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).to, '198.51.100.9:40000')
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, PASS)
})

t.test(
  'a route whose channel is refreshed relays until its new end, and no route is written [TURN-CHAN-06]',
  async t => {
    const rig = new Rig().add({ channel: 0x4001 })

    rig.renew(0, 'peerLifetime', after(EXPIRES, 600))

    t.equal(rig.arrive(RELAY, PEER, hello, EXPIRES).verdict, SEND)
    t.equal(rig.arrive(RELAY, PEER, hello, after(EXPIRES, 600)).verdict, PASS)
  },
)

t.test('a route relays no longer than its relayed address lives', async t => {
  const rig = new Rig().add({ channel: 0x4001, relayedExpires: EXPIRES, expires: after(EXPIRES, 600) })
  t.equal(rig.arrive(RELAY, PEER, hello, EXPIRES).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello), EXPIRES).verdict, PASS)

  rig.renew(0, 'relayedLifetime', after(EXPIRES, 60))

  t.equal(rig.arrive(RELAY, PEER, hello, EXPIRES).verdict, SEND)
})

t.test('a route may move to another client address and keeps its counts', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello))

  rig.add({ channel: 0x4001, client: '192.0.2.77:7', clientSocket: 9, via: 'tcp' })

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict, PASS)
  t.equal(rig.arrive(9, '192.0.2.77:7', channelData(0x4001, hello)).verdict, SEND)
  t.match(rig.arrive(RELAY, PEER, hello), { socket: 9, to: '192.0.2.77:7' })
  t.equal(rig.read(0).toPeer.packets, 2)
})

t.test('a removed route relays nothing and hands over its counts [TURN-CHAN-16]', async t => {
  const rig = new Rig().add({ channel: 0x4001 })
  rig.arrive(LISTENER, CLIENT, channelData(0x4001, payloadOf(100)))
  rig.arrive(RELAY, PEER, payloadOf(7))

  const traffic = rig.remove(0)

  t.same(traffic, { toPeer: { packets: 1, bytes: 100 }, toClient: { packets: 1, bytes: 7 } })
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello)).verdict, PASS)
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, PASS)
})

t.test('a row that is used again begins at nothing', async t => {
  const rig = new Rig()
  const meter = rig.meters.open(0, EXPIRES)
  rig.add({ channel: 0x4001, local: 9, meters: [meter] })
  rig.remove(0)

  rig.add({ peer: '198.51.100.9:40000' })

  t.same(rig.read(0), noTraffic())
  t.equal(rig.arrive(RELAY, '198.51.100.9:40000', hello).bytes?.[1], 0x17)
  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication('198.51.100.9:40000', hello)).verdict, SEND)
})

t.test('a route that is not there has carried nothing', async t => {
  const rig = new Rig().add({ id: 3 })

  for (const id of [0, 2, 63, 64, 5000]) {
    t.same(rig.read(id), noTraffic())
    t.same(rig.remove(id), noTraffic())
  }
  t.same(rig.remove(3), noTraffic())
  t.same(rig.remove(3), noTraffic())
})

t.test(
  'a relay socket without routes means nothing to the table: somebody else may have its number',
  async t => {
    const rig = new Rig().add({ channel: 0x4001 })
    rig.remove(0)

    rig.add({ id: 5, clientSocket: RELAY, client: '192.0.2.77:7', relaySocket: 9, channel: 0x4005 })

    t.equal(rig.arrive(RELAY, '192.0.2.77:7', channelData(0x4005, hello)).socket, 9)
  },
)

t.test('the other routes of a client outlive the one that is removed', async t => {
  const rig = new Rig()
  for (let id = 0; id < 3; id++) rig.add({ id, channel: 0x4000 + id, peer: `198.51.100.7:${id + 1}` })

  rig.remove(0)
  rig.remove(2)

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4000, hello)).verdict, PASS)
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).to, '198.51.100.7:2')
  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4002, hello)).verdict, PASS)
})

t.test('a new client that takes an old one’s place does not reach the old one’s peers', async t => {
  const rig = new Rig().add({ id: 0, channel: 0x4001 })
  rig.remove(0)

  rig.add({ id: 1, channel: 0x4002, client: '192.0.2.11:50000', peer: '198.51.100.8:40000' })

  t.equal(rig.arrive(LISTENER, '192.0.2.11:50000', channelData(0x4001, hello)).verdict, PASS)
  t.equal(rig.arrive(LISTENER, '192.0.2.11:50000', sendIndication(PEER, hello)).verdict, PASS)
})

t.test('removing a route does not take the keys of one that was put in its place', async t => {
  const rig = new Rig().add({ id: 0, channel: 0x4001 }).add({ id: 1, channel: 0x4001 })

  rig.remove(0)

  t.equal(rig.arrive(LISTENER, CLIENT, channelData(0x4001, hello)).verdict, SEND)
  t.equal(rig.arrive(LISTENER, CLIENT, sendIndication(PEER, hello)).verdict, SEND)
  t.equal(rig.arrive(RELAY, PEER, hello).verdict, SEND)
  t.equal(rig.read(1).toPeer.packets, 2)
})

t.test('twenty thousand routes come and go, each its own', async t => {
  const rig = new Rig()
  const many = 20_000
  const client = (id: number) => `10.0.${id >> 8}.${id & 255}:${1024 + id}`
  const peer = (id: number) =>
    id % 2 ? `10.1.${id >> 8}.${id & 255}:${1024 + id}` : `[2001:db8::${(id + 1).toString(16)}]:${1024 + id}`
  const routeOf = (id: number) => ({
    id,
    channel: id % 3 ? 0x4000 + (id % 4096) : 0,
    client: client(id),
    relaySocket: 100 + id,
    peer: peer(id),
  })
  const wrong = (id: number) => {
    const sent = id % 3 ? channelData(0x4000 + (id % 4096), hello) : sendIndication(peer(id), hello)
    const out = rig.arrive(LISTENER, client(id), sent)
    const back = rig.arrive(100 + id, peer(id), hello)
    return out.to !== peer(id) || out.socket !== 100 + id || back.to !== client(id)
  }
  const ids = Array.from({ length: many }, (_, id) => id)

  for (const id of ids) rig.add(routeOf(id))
  t.same(ids.filter(wrong), [], 'all work')

  const odd = ids.filter(id => id % 2 === 1)
  for (const id of odd) rig.remove(id)
  t.same(ids.filter(wrong), odd, 'those that are left work, and no other')

  for (const id of odd) rig.add(routeOf(id))
  t.same(ids.filter(wrong), [], 'all work again')
})
