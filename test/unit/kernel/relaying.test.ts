import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MeterId } from '../../../src/base/ids.ts'
import { noTraffic } from '../../../src/base/route.ts'
import { after } from '../../../src/base/time.ts'
import {
  BUCKET_OCTETS,
  FLOW_OCTETS,
  NAMED_PEER_OCTETS,
  PASS_REASONS,
  ROUTE_AT,
  ROUTE_OCTETS,
} from '../../../src/forward/kernel/layout.ts'
import { RELAY_MAPS } from '../../../src/kernel/kernel-maps.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import { DATA, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../../src/wire/message.ts'
import { pseudo, sum16, writeFrame } from '../../support/frames.ts'
import { KernelRig, KINDS, lineOf } from '../../support/kernel-rig.ts'
import { enterNamespace, needNamespaces } from '../../support/namespaces.ts'
import {
  addressOf,
  channelData,
  dataIndication,
  payloadOf,
  sendIndication,
  TRANSACTION,
} from '../../support/route-table-rig.ts'

const isInside = await enterNamespace(import.meta.url)
const { skip } = needNamespaces()
const rig = isInside ? new KernelRig() : undefined

const CLIENT = { 4: '192.0.2.10:50000', 6: '[2001:db8::10]:50000' } as const
const SERVER = { 4: '203.0.113.1:3478', 6: '[2001:db8:cafe::1]:3478' } as const
const PEER = { 4: '198.51.100.7:40000', 6: '[2001:db8::b0b]:40000' } as const
const RELAY = { 4: '203.0.113.1:49160', 6: '[2001:db8:cafe::1]:49160' } as const
const OTHER = { client: '192.0.2.20:50000', relay: '203.0.113.1:49162' } as const
const CHANNEL = 0x4001

/** A test with an empty kernel, once for each program. */
function test(name: string, run: (t: Test, rig: KernelRig, kind: (typeof KINDS)[number]) => void): void {
  for (const kind of KINDS) {
    t.test(`${name} (${kind})`, { skip }, async t => {
      rig!.reset()
      run(t, rig!, kind)
    })
  }
}

for (const client of [4, 6] as const) {
  for (const peer of [4, 6] as const) {
    test(`datagrams pass over a channel, IPv${client} to IPv${peer} and back`, (t, rig, kind) => {
      rig.bind(1, SERVER[client]).bind(2, RELAY[peer])
      rig.add({ channel: CHANNEL, client: CLIENT[client], peer: PEER[peer], relayed: RELAY[peer] })
      for (const octets of [0, 1, 2, 3, 4, 5, 160, 1200]) {
        const payload = payloadOf(octets)
        const there = rig.arrive(kind, CLIENT[client], SERVER[client], channelData(CHANNEL, payload), {
          tos: 0xb8,
        })
        t.equal(lineOf(there), `${RELAY[peer]} > ${PEER[peer]} ${payload.toString('hex')} right`)
        t.match(there.frame, { tos: 0xb8, ttl: 63 })
        const back = rig.arrive(kind, PEER[peer], RELAY[peer], payload, { tos: 0x28, ttl: 2 })
        const framed = channelData(CHANNEL, payload).toString('hex')
        t.equal(lineOf(back), `${SERVER[client]} > ${CLIENT[client]} ${framed} right`)
        t.match(back.frame, { tos: 0x28, ttl: 1 })
      }
    })

    test(`datagrams pass as indications, IPv${client} to IPv${peer} and back`, (t, rig, kind) => {
      rig.bind(1, SERVER[client]).bind(2, RELAY[peer])
      rig.add({ client: CLIENT[client], peer: PEER[peer], relayed: RELAY[peer] })
      for (const octets of [0, 1, 2, 3, 4, 5, 160, 1200]) {
        const payload = payloadOf(octets)
        for (const sent of [sendIndication(PEER[peer], payload), dataFirst(PEER[peer], payload)]) {
          const there = rig.arrive(kind, CLIENT[client], SERVER[client], sent)
          t.equal(lineOf(there), `${RELAY[peer]} > ${PEER[peer]} ${payload.toString('hex')} right`)
        }
        const back = rig.arrive(kind, PEER[peer], RELAY[peer], payload)
        const data = dataIndication(PEER[peer], payload, back.frame!.payload).toString('hex')
        t.equal(lineOf(back), `${SERVER[client]} > ${CLIENT[client]} ${data} right`)
      }
    })
  }
}

test('a channel does not keep a client from indications', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  const seen = rig.arrive(kind, CLIENT[4], SERVER[4], sendIndication(PEER[4], payloadOf(5)))
  t.equal(lineOf(seen), `${RELAY[4]} > ${PEER[4]} ${payloadOf(5).toString('hex')} right`)
})

test('two allocations here reach each other, by channel and by indication', (t, rig, kind) => {
  rig.bind(1, SERVER[4]).bind(2, RELAY[4]).bind(3, OTHER.relay)
  rig.add({ id: 1, channel: CHANNEL, relayed: RELAY[4], peer: OTHER.relay, local: 3 })
  rig.add({ id: 2, client: OTHER.client, relaySocket: 3, relayed: OTHER.relay, peer: RELAY[4], local: 2 })
  for (const octets of [0, 1, 4, 160]) {
    const payload = payloadOf(octets)
    const there = rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL, payload))
    const data = dataIndication(RELAY[4], payload, there.frame!.payload).toString('hex')
    t.equal(lineOf(there), `${SERVER[4]} > ${OTHER.client} ${data} right`)
    const back = rig.arrive(kind, OTHER.client, SERVER[4], sendIndication(RELAY[4], payload))
    t.equal(
      lineOf(back),
      `${SERVER[4]} > ${CLIENT[4]} ${channelData(CHANNEL, payload).toString('hex')} right`,
    )
  }
  const traffic = { packets: 4, bytes: 165 }
  t.same(rig.read(1).traffic, { toPeer: traffic, toClient: traffic })
  t.same(rig.read(2).traffic, { toPeer: traffic, toClient: traffic })

  t.equal(rig.arrive(kind, OTHER.relay, RELAY[4], payloadOf(5)).said, 'pass', 'not what comes in their name')
  rig.remove(2)
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL, payloadOf(5))).said, 'pass')
})

test('padding behind ChannelData and trailers of the frame are taken', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  const expected = `${RELAY[4]} > ${PEER[4]} ${payloadOf(5).toString('hex')} right`
  for (const padding of ['', '00', '000000', 'ffeedd']) {
    const sent = Buffer.concat([channelData(CHANNEL, payloadOf(5)), Buffer.from(padding, 'hex')])
    for (const trailer of [0, 1, 9]) {
      const seen = rig.arrive(kind, CLIENT[4], SERVER[4], sent, { trailer: Buffer.alloc(trailer, 0xee) })
      t.equal(lineOf(seen), expected, `${padding} ${trailer}`)
    }
  }
})

test('a trailer of a frame becomes padding only where it is 0', (t, rig, kind) => {
  scene(rig)
  const arrive = (trailer: string) =>
    rig.arrive(kind, PEER[4], RELAY[4], payloadOf(2), { trailer: Buffer.from(trailer, 'hex') })
  const seen = arrive('000000000000')
  t.equal(
    seen.frame!.payload.toString('hex'),
    dataIndication(PEER[4], payloadOf(2), seen.frame!.payload).toString('hex'),
  )
  t.equal(arrive('0001').said, 'pass')
  t.equal(arrive('00').said, 'pass')
})

test('a datagram without checksum stays so to IPv4, and goes up where IPv6 needs one', (t, rig, kind) => {
  rig.bind(1, SERVER[4]).bind(2, RELAY[4]).bind(3, RELAY[6])
  rig.add({ id: 1, channel: CHANNEL, relayed: RELAY[4], peer: PEER[4] })
  rig.add({ id: 2, channel: CHANNEL + 1, relaySocket: 3, relayed: RELAY[6], peer: PEER[6] })
  const arrive = (channel: number) =>
    rig.arrive(kind, CLIENT[4], SERVER[4], channelData(channel, payloadOf(5)), { noChecksum: true })
  t.equal(lineOf(arrive(CHANNEL)), `${RELAY[4]} > ${PEER[4]} ${payloadOf(5).toString('hex')} none`)
  t.equal(arrive(CHANNEL + 1).said, 'pass')
})

test('a checksum that the network card was to fill in is recognized', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  const frame = writePartial(CLIENT[4], SERVER[4], channelData(CHANNEL, payloadOf(5)))
  const before = rig.program.maps.passed().checksum
  t.equal(rig.run(kind, frame).said, 'pass')
  t.equal(rig.program.maps.passed().checksum, before + 1)
})

test('what is wrong on arrival is wrong on leaving', (t, rig, kind) => {
  rig.bind(1, SERVER[4]).bind(2, RELAY[6])
  rig.add({ channel: CHANNEL, relayed: RELAY[6], peer: PEER[6] })
  const frame = writeFrame(addressOf(CLIENT[4]), addressOf(SERVER[4]), channelData(CHANNEL, payloadOf(50)))
  frame[frame.length - 1]! ^= 1
  t.equal(rig.run(kind, frame).frame?.checksums, 'wrong')
})

test('what is unusual goes up untouched', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  const data = channelData(CHANNEL, payloadOf(5))
  const good = writeFrame(addressOf(CLIENT[4]), addressOf(SERVER[4]), data)
  t.equal(rig.run(kind, good).said, 'send')
  const changed: Record<string, (frame: Buffer) => void> = {
    'header with options': frame => frame.writeUInt8(0x46, 14),
    'first fragment': frame => frame.writeUInt16BE(0x2000, 20),
    'later fragment': frame => frame.writeUInt16BE(0x0001, 20),
    'other protocol': frame => frame.writeUInt8(6, 23),
    'other Ethernet type': frame => frame.writeUInt16BE(0x8100, 12),
    'wrong length of IP': frame => frame.writeUInt16BE(frame.readUInt16BE(16) - 1, 16),
    'wrong length of UDP': frame => frame.writeUInt16BE(frame.readUInt16BE(38) + 1, 38),
    'no hop left': frame => frame.writeUInt8(1, 22),
    'unknown channel': frame => frame.writeUInt16BE(CHANNEL + 1, 42),
    'a length of ChannelData that is not there': frame => frame.writeUInt16BE(6, 44),
    'another port of the client': frame => frame.writeUInt16BE(50001, 34),
    'a group’s address of Ethernet': frame => frame.writeUInt8(1, 0),
  }
  for (const [what, change] of Object.entries(changed)) {
    const frame = Buffer.from(good)
    change(frame)
    frame.writeUInt16BE(0, 24)
    frame.writeUInt16BE(~sum16(frame.subarray(14, 34)) & 0xffff, 24)
    t.equal(rig.run(kind, frame).said, 'pass', what)
  }
  const wrong = Buffer.from(good)
  wrong[24]! ^= 1
  t.equal(rig.run(kind, wrong).said, 'pass', 'a wrong checksum of IP')
  const long = rig.arrive(kind, PEER[4], RELAY[4], payloadOf(1470))
  t.equal(long.said, 'pass', 'too long once it has its header')
})

test('a frame for somebody else goes up, as a bridge or a sniffer sees them', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  const data = channelData(CHANNEL, payloadOf(5))
  for (const octets of ['020000000001', '000000000001', '000100000000', '00000001ffff']) {
    const destination = Buffer.from(octets, 'hex')
    t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], data, { destination }).said, 'pass', octets)
    t.equal(rig.arrive(kind, PEER[4], RELAY[4], data, { destination }).said, 'pass', `${octets}, back`)
  }
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], data).said, 'send')
})

test('how a datagram leaves is looked up again when its addresses have changed', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  const data = channelData(CHANNEL, payloadOf(5))
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], data).said, 'send')
  // As a relay that was taken over might: the next hop of the peer before must not serve this one.
  const peer = new DataView(rig.program.maps.routes, ROUTE_AT.peer, 16)
  const before = peer.getUint32(12)
  const past = rig.program.maps.passed()['no-way']
  peer.setUint32(12, 0x7f000001)
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], data).said, 'pass')
  t.equal(rig.program.maps.passed()['no-way'], past + 1)
  peer.setUint32(12, before)
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], data).said, 'send')
})

t.test('the relay is not handed the tables that say by which device and to whom frames leave', async t => {
  const image = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../../prebuilds/relay.bpf.json'), 'utf8'),
  ) as { maps: readonly { name: string }[] }
  const kept = image.maps
    .map(({ name }) => name)
    .filter(name => !(RELAY_MAPS as readonly string[]).includes(name))
  t.same(kept, ['hops', 'outlets', 'settings'])
})

test('a Send indication with more to it goes up', (t, rig, kind) => {
  scene(rig)
  const more = new MessageWriter('indication', Method.Send, TRANSACTION)
    .set(XOR_PEER_ADDRESS, addressOf(PEER[4]))
    .set(DATA, payloadOf(5))
    .set(DATA, payloadOf(1))
    .finish()
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], more).said, 'pass')
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], sendIndication(PEER[6], payloadOf(5))).said, 'pass')
})

test('a route stops when it is over, and goes on when it is renewed', (t, rig, kind) => {
  const { peerLifetime, relayedLifetime } = scene(rig, { channel: CHANNEL })
  const said = () => rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL, payloadOf(5))).said
  rig.advance(300_000 - 1)
  t.equal(said(), 'send')
  rig.advance(1)
  t.equal(said(), 'pass')
  t.equal(rig.arrive(kind, PEER[4], RELAY[4], payloadOf(5)).said, 'pass')
  rig.lifetimes.set(peerLifetime, after(rig.now, 60))
  rig.lifetimes.set(relayedLifetime, after(rig.now, 60))
  t.equal(said(), 'send')
  rig.lifetimes.set(relayedLifetime, rig.now)
  t.equal(said(), 'pass')
})

test('a route that is removed stops at once, and what it carried is told', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL, payloadOf(5)))
  rig.arrive(kind, PEER[4], RELAY[4], payloadOf(7))
  const before = rig.settled.length
  t.equal(rig.remove(0), undefined)
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL, payloadOf(5))).said, 'pass')
  t.equal(rig.arrive(kind, PEER[4], RELAY[4], payloadOf(5)).said, 'pass')
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], sendIndication(PEER[4], payloadOf(5))).said, 'pass')
  rig.advance(1000)
  rig.forwarder.settle()
  const traffic = { toPeer: { packets: 1, bytes: 5 }, toClient: { packets: 1, bytes: 7 } }
  t.same(rig.settled.slice(before), [[0, { traffic, dropped: 0 }]])
})

test('a route that is bound to another channel goes on by that alone', (t, rig, kind) => {
  const first = scene(rig, { channel: CHANNEL })
  rig.forwarder.add({ ...first, channel: (CHANNEL + 1) as never })
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL, payloadOf(5))).said, 'pass')
  t.equal(rig.arrive(kind, CLIENT[4], SERVER[4], channelData(CHANNEL + 1, payloadOf(5))).said, 'send')
  const back = rig.arrive(kind, PEER[4], RELAY[4], payloadOf(5))
  t.equal(back.frame!.payload.toString('hex'), channelData(CHANNEL + 1, payloadOf(5)).toString('hex'))
})

test('a route by the number of one that is just gone is carried once that has told its figures', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  rig.arrive(kind, PEER[4], RELAY[4], payloadOf(7))
  rig.remove(0)
  rig.add({ channel: CHANNEL, peer: '198.51.100.8:40000', relayed: RELAY[4] })
  t.equal(rig.arrive(kind, '198.51.100.8:40000', RELAY[4], payloadOf(5)).said, 'pass')
  rig.advance(1000)
  rig.forwarder.settle()
  t.equal(rig.arrive(kind, '198.51.100.8:40000', RELAY[4], payloadOf(5)).said, 'send')
  t.same(rig.read(0).traffic, { ...noTraffic(), toClient: { packets: 1, bytes: 5 } })
})

test('without maps everything goes on behind, and figures stay', (t, rig, kind) => {
  scene(rig, { channel: CHANNEL })
  rig.arrive(kind, PEER[4], RELAY[4], payloadOf(7))
  rig.forwarder.disconnect()
  t.equal(rig.arrive(kind, PEER[4], RELAY[4], payloadOf(7)).said, 'pass')
  rig.forwarder.connect(rig.program.maps)
  t.equal(rig.arrive(kind, PEER[4], RELAY[4], payloadOf(7)).said, 'send')
  t.same(rig.read(0).traffic.toClient, { packets: 2, bytes: 14 })
})

test('A-09: nobody on the wire can be a client or a peer of this machine itself', (t, rig, kind) => {
  for (const [client, server, peer, relay] of [
    ['127.0.0.1:50000', '127.0.0.1:3478', PEER[4], RELAY[4]],
    ['127.8.9.10:50000', SERVER[4], PEER[4], RELAY[4]],
    ['[::1]:50000', '[::1]:3478', PEER[6], RELAY[6]],
    [CLIENT[4], SERVER[4], '127.0.0.1:40000', RELAY[4]],
    [CLIENT[4], SERVER[4], PEER[4], '127.0.0.1:49160'],
    [CLIENT[6], '[::]:3478', PEER[6], RELAY[6]],
    [CLIENT[4], '0.0.0.0:3478', PEER[4], RELAY[4]],
  ] as const) {
    rig.reset()
    rig.bind(1, server).bind(2, relay)
    rig.add({ channel: CHANNEL, client, peer, relayed: relay })
    const forged = rig.arrive(kind, client, server, channelData(CHANNEL, payloadOf(5)))
    t.equal(forged.said, 'pass', `from ${client} to ${server}`)
    t.equal(rig.arrive(kind, peer, relay, payloadOf(5)).said, 'pass', `from ${peer} to ${relay}`)
  }
})

test('token buckets drop what is above the rate, and count it', (t, rig, kind) => {
  const bucket = rig.meters.open(2 * (100 + PACKET_OVERHEAD), rig.now)
  scene(rig, { channel: CHANNEL, meters: [bucket] as MeterId[] })
  const said = () => rig.arrive(kind, PEER[4], RELAY[4], payloadOf(100)).said
  t.same([said(), said(), said()], ['send', 'send', 'drop'])
  const before = rig.counters.read('dropRate')
  rig.forwarder.poll()
  t.equal(rig.read(0).dropped, 1)
  t.equal(rig.counters.read('dropRate'), before + 1)
  t.ok(rig.meters.owed(bucket, rig.now) > 2 * 100, 'the relay’s own bucket has been charged as well')
})

test('what the relay itself let pass counts in the kernel', (t, rig, kind) => {
  const bucket = rig.meters.open(2 * (100 + PACKET_OVERHEAD), rig.now)
  scene(rig, { channel: CHANNEL, meters: [bucket] as MeterId[] })
  rig.meters.takePacket([bucket], 100, rig.now)
  rig.forwarder.poll()
  const said = () => rig.arrive(kind, PEER[4], RELAY[4], payloadOf(100)).said
  t.same([said(), said()], ['send', 'drop'])
})

t.test('C and TypeScript have the same structures', async t => {
  const header = readFileSync(join(import.meta.dirname, '../../../bpf/relay.h'), 'utf8')
  const structures = structuresOf(header)
  const sizes = {
    flow: FLOW_OCTETS,
    named_peer: NAMED_PEER_OCTETS,
    route: ROUTE_OCTETS,
    bucket: BUCKET_OCTETS,
  }
  for (const [name, octets] of Object.entries(sizes)) t.equal(structures.get(name)!.octets, octets, name)
  const members = structures.get('route')!.members
  for (const [name, at] of Object.entries(ROUTE_AT)) t.equal(members.get(name), at, name)
  const reasons = [...header.matchAll(/^ {2}REASON_(\w+),/gm)].map(([, name]) => name!)
  t.strictSame(
    reasons.map(name => name.toLowerCase().replaceAll('_', '-')),
    [...PASS_REASONS],
  )
})

/** A route between an IPv4 client and an IPv4 peer. */
function scene(rig: KernelRig, options: Parameters<KernelRig['add']>[0] = {}) {
  rig.bind(1, SERVER[4]).bind(2, RELAY[4])
  return rig.add({ relayed: RELAY[4], ...options })
}

/** A Send indication with the attributes the other way round. */
function dataFirst(peer: string, payload: Buffer): Buffer {
  return new MessageWriter('indication', Method.Send, TRANSACTION)
    .set(DATA, payload)
    .set(XOR_PEER_ADDRESS, addressOf(peer))
    .finish()
}

/** A frame whose sender has left the checksum to its network card: the field holds the sum of the pseudo-header. */
function writePartial(from: string, to: string, payload: Buffer): Buffer {
  const frame = writeFrame(addressOf(from), addressOf(to), payload)
  frame.writeUInt16BE(sum16(pseudo(addressOf(from), addressOf(to), 8 + payload.length)), 40)
  return frame
}

/** Octets of each structure of a header, and where its members stand, by C's rules of alignment. */
function structuresOf(header: string): Map<string, { octets: number; members: Map<string, number> }> {
  const found = new Map<string, { octets: number; align: number; members: Map<string, number> }>()
  for (const [, name, body] of header.matchAll(/^struct (\w+) \{\n(.*?)^\};/gms)) {
    const members = new Map<string, number>()
    let at = 0
    let widest = 1
    for (const [, type, member, many] of body!.matchAll(/^ {2}(struct \w+|__\w+) (\w+)(?:\[(\w+)\])?;/gm)) {
      const inner = found.get(type!.replace('struct ', ''))
      const align = inner?.align ?? Number(/\d+/.exec(type!)![0]) / 8
      const count = many === undefined ? 1 : many === 'MOST_METERS' ? 3 : Number(many)
      at = Math.ceil(at / align) * align
      members.set(member!, at)
      at += (inner?.octets ?? align) * count
      widest = Math.max(widest, align)
    }
    found.set(name!, { octets: Math.ceil(at / widest) * widest, align: widest, members })
  }
  return found
}
