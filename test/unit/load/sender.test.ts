import t from 'tap'
import { formatAddress, parseAddress, RECORD, readRecord } from '../../../src/base/address.ts'
import { SEND } from '../../../src/base/batch.ts'
import type { ChannelNumber, SocketId } from '../../../src/base/ids.ts'
import { TurnClient } from '../../../src/client/turn-client.ts'
import { Dialogue, type DialogueLink } from '../../../src/load/dialogue.ts'
import { Flows } from '../../../src/load/flow.ts'
import { PayloadReader } from '../../../src/load/payload.ts'
import type { Load } from '../../../src/load/protocol.ts'
import { Sender } from '../../../src/load/sender.ts'
import type { UdpTransport } from '../../../src/net/transport.ts'
import { DATA, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { channelLength, readChannel } from '../../../src/wire/channel.ts'
import { get, MessageWriter, Method, parse } from '../../../src/wire/message.ts'

const SERVER = parseAddress('127.0.0.1:3478')!
const PEER = parseAddress('127.0.0.1:40000')!
const CHANNEL = 0x4000 as ChannelNumber
const NOTHING_UNDERWAY = () => 0

interface Sent {
  readonly socket: number
  readonly to: string
  readonly bytes: Buffer
}

/** A sender of two flows; what it sends is kept. */
function sending(method: 'channels' | 'indications', options: { stream?: boolean; backlog?: number } = {}) {
  const datagrams: Sent[] = []
  const frames: Buffer[] = []
  const udp = {
    send(batch) {
      for (let i = 0; i < batch.count; i++) {
        t.equal(batch.verdict[i], SEND)
        const start = batch.start[i]!
        const bytes = Buffer.from(batch.bytes.subarray(start, start + batch.length[i]!))
        datagrams.push({
          socket: batch.socket[i]!,
          to: formatAddress(readRecord(batch.remote, i * RECORD)),
          bytes,
        })
      }
    },
  } as UdpTransport
  const flows = new Flows()
  for (const i of [0, 1]) {
    const link: DialogueLink = {
      backlog: options.backlog ?? 0,
      send: bytes => frames.push(Buffer.from(bytes)),
      close() {},
    }
    const prefix =
      method === 'channels'
        ? Buffer.from([0x40, 0, 0, 0])
        : new MessageWriter('indication', Method.Send, Buffer.alloc(12, 5))
            .set(XOR_PEER_ADDRESS, PEER)
            .set(DATA, Buffer.alloc(0))
            .finish()
    flows.add(
      {
        dialogue: new Dialogue(new TurnClient({ random: () => {} }), link),
        link,
        client: options.stream ? undefined : ((i * 2 + 1) as SocketId),
        peer: (i * 2 + 2) as SocketId,
        ports: [],
        channel: CHANNEL,
        prefix,
      },
      SERVER,
      parseAddress(`127.0.0.1:${50_000 + i}`)!,
    )
  }
  return { sender: new Sender(flows, udp, method), datagrams, frames }
}

function load(over: Partial<Load> = {}): Load {
  return {
    allocations: 2,
    direction: 'both',
    sources: [{ octets: 172, burst: 1, perSecond: 50 }],
    seconds: 1,
    window: 8,
    ...over,
  }
}

function isWhole(bytes: Buffer, start = 0, octets = bytes.length): { stream: number; sequence: number } {
  const reader = new PayloadReader()
  t.ok(reader.read(bytes, start, octets))
  return { stream: reader.stream, sequence: reader.sequence }
}

t.test('streams take turns, each to where it belongs', async t => {
  const { sender, datagrams } = sending('channels')
  sender.begin(1, load(), 0)

  sender.tick(20, NOTHING_UNDERWAY)

  t.same(
    datagrams.map(({ socket, to }) => [socket, to]),
    [
      [1, '127.0.0.1:3478'],
      [2, '127.0.0.1:50000'],
      [3, '127.0.0.1:3478'],
      [4, '127.0.0.1:50001'],
    ],
  )
})

t.test('to the relay a payload is ChannelData, to the relayed address it goes bare', async t => {
  const { sender, datagrams } = sending('channels')
  sender.begin(1, load({ allocations: 1 }), 0)

  sender.tick(20, NOTHING_UNDERWAY)

  const [up, down] = datagrams
  t.equal(readChannel(up!.bytes, 0, up!.bytes.length), CHANNEL)
  t.equal(channelLength(up!.bytes, 0), 172)
  t.same(isWhole(up!.bytes, 4, 172), { stream: 0, sequence: 0 })
  t.same(isWhole(down!.bytes), { stream: 1, sequence: 0 })
})

for (const octets of [172, 173, 174, 175]) {
  t.test(`a Send indication of ${octets} octets is one that others can read, padded with zeros`, async t => {
    const { sender, datagrams } = sending('indications')
    sender.begin(1, load({ direction: 'to-peer', sources: [{ octets, burst: 1, perSecond: 50 }] }), 0)

    sender.tick(20, NOTHING_UNDERWAY)

    const message = parse(datagrams[0]!.bytes)
    if (message.kind === 'malformed') return t.fail(message.why)
    t.equal(message.method, Method.Send)
    t.equal(get(message, XOR_PEER_ADDRESS)?.key, PEER.key)
    const data = get(message, DATA)!
    t.equal(data.length, octets)
    isWhole(data)
    t.ok(datagrams[0]!.bytes.subarray(36 + octets).every(octet => octet === 0))
  })
}

t.test('numbers go up within a stream, and begin anew with a run', async t => {
  const { sender, datagrams } = sending('channels')
  const one = load({ allocations: 1, direction: 'to-client' })
  sender.begin(1, one, 0)
  sender.tick(40, NOTHING_UNDERWAY)
  sender.begin(2, one, 40)
  sender.tick(60, NOTHING_UNDERWAY)

  t.same(
    datagrams.map(({ bytes }) => isWhole(bytes).sequence),
    [0, 1, 0],
  )
  t.equal(sender.sent, 1)
})

t.test('the packets of a burst leave in a row', async t => {
  const { sender, datagrams } = sending('channels')
  sender.begin(1, load({ sources: [{ octets: 1200, burst: 8, perSecond: 30 }] }), 0)

  sender.tick(34, NOTHING_UNDERWAY)

  t.same(
    datagrams.map(({ socket }) => socket),
    [1, 2, 3, 4].flatMap(socket => Array(8).fill(socket)),
  )
})

t.test('over a connection a burst is written in one piece, every frame padded', async t => {
  const { sender, frames, datagrams } = sending('channels', { stream: true })
  sender.begin(1, load({ direction: 'to-peer', sources: [{ octets: 173, burst: 3, perSecond: 50 }] }), 0)

  sender.tick(20, NOTHING_UNDERWAY)

  t.equal(datagrams.length, 0)
  t.equal(frames.length, 2)
  t.equal(frames[0]!.length, 3 * 180)
  for (const i of [0, 1, 2]) t.same(isWhole(frames[0]!, i * 180 + 4, 173), { stream: 0, sequence: i })
})

t.test('a connection that is full gets nothing more, and that is told', async t => {
  const { sender, frames } = sending('channels', { stream: true, backlog: 10 << 20 })
  sender.begin(1, load({ direction: 'to-peer' }), 0)

  sender.tick(20, NOTHING_UNDERWAY)

  t.equal(frames.length, 0)
  t.equal(sender.held, 2)
  t.equal(sender.sent, 0)
})

t.test('a flood fills its window and no more', async t => {
  const { sender } = sending('channels')
  sender.begin(1, load({ sources: [{ octets: 172, burst: 1, perSecond: 0 }] }), 0)

  sender.tick(0, () => sender.sent - 0)
  t.equal(sender.sent, 8)
  sender.tick(1, () => sender.sent)
  t.equal(sender.sent, 8)
  sender.tick(2, () => sender.sent - 3)
  t.equal(sender.sent, 11)
})

t.test('a turn is bounded, and says that there is more', async t => {
  const { sender } = sending('channels')
  sender.begin(1, load({ sources: [{ octets: 172, burst: 1, perSecond: 1000 }] }), 0)

  t.ok(sender.tick(50, NOTHING_UNDERWAY))
  t.equal(sender.sent, 64)
  t.equal(sender.skipped(50), 200 - 64)
  t.ok(sender.tick(50, NOTHING_UNDERWAY))
  t.ok(sender.tick(50, NOTHING_UNDERWAY))
  t.notOk(sender.tick(50, NOTHING_UNDERWAY))
  t.equal(sender.sent, 200)
  t.equal(sender.skipped(50), 0)
})

t.test('a process that no allocation fell to sends nothing', async t => {
  const { sender, datagrams } = sending('channels')
  sender.begin(1, load({ allocations: 0, sources: [{ octets: 172, burst: 1, perSecond: 0 }] }), 0)

  t.notOk(sender.tick(100, NOTHING_UNDERWAY))
  t.equal(datagrams.length, 0)
})
