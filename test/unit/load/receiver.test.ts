import t from 'tap'
import { type Address, parseAddress, writeRecord } from '../../../src/base/address.ts'
import { type Batch, createBatch, HEADROOM } from '../../../src/base/batch.ts'
import type { ChannelNumber, SocketId } from '../../../src/base/ids.ts'
import { TurnClient } from '../../../src/client/turn-client.ts'
import { Dialogue, type DialogueLink } from '../../../src/load/dialogue.ts'
import { Flows } from '../../../src/load/flow.ts'
import { writeFiller, writePayload } from '../../../src/load/payload.ts'
import { Receiver, stampNow } from '../../../src/load/receiver.ts'
import { DATA, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { writeChannelData } from '../../../src/wire/channel.ts'
import { MessageWriter, Method } from '../../../src/wire/message.ts'

const SERVER = parseAddress('127.0.0.1:3478')!
const RELAYED = [parseAddress('127.0.0.1:50000')!, parseAddress('127.0.0.1:50001')!]
const PEER = parseAddress('127.0.0.1:40000')!
const CHANNEL = 0x4000 as ChannelNumber
const RUN = 3
/** Sockets of the clients and peers of two flows. */
const CLIENT = [1, 3]
const PEERS = [2, 4]

/** A receiver of two flows that has begun run 3. */
function listening() {
  const link: DialogueLink = { backlog: 0, send() {}, close() {} }
  const flows = new Flows()
  for (const i of [0, 1]) {
    const dialogue = new Dialogue(new TurnClient({ random: () => {} }), link)
    const sockets = { client: CLIENT[i] as SocketId, peer: PEERS[i] as SocketId }
    flows.add(
      { dialogue, link, ...sockets, ports: [], channel: CHANNEL, prefix: Buffer.alloc(4) },
      SERVER,
      RELAYED[i]!,
    )
  }
  const control: Buffer[] = []
  const receiver = new Receiver(flows, (_flow, bytes) => control.push(Buffer.from(bytes)))
  receiver.begin(RUN, 4)
  return { receiver, control }
}

function payload(stream: number, sequence = 0, run = RUN): Buffer {
  const bytes = Buffer.alloc(172)
  writeFiller(bytes, 0, bytes.length)
  writePayload(bytes, 0, bytes.length, { run, stream, sequence, stamp: stampNow() })
  return bytes
}

function batchOf(...datagrams: { socket: number; from: Address; bytes: Buffer }[]): Batch {
  const batch = createBatch(datagrams.length, 2048)
  batch.count = datagrams.length
  for (const [i, { socket, from, bytes }] of datagrams.entries()) {
    batch.start[i] = i * batch.stride + HEADROOM
    batch.length[i] = bytes.length
    batch.socket[i] = socket
    bytes.copy(batch.bytes, batch.start[i])
    writeRecord(from, batch.remote, i * 20)
  }
  return batch
}

const counts = ({ received, reordered, duplicates, corrupt, misdelivered }: Receiver) => ({
  received,
  reordered,
  duplicates,
  corrupt,
  misdelivered,
})
const NONE = { received: 0, reordered: 0, duplicates: 0, corrupt: 0, misdelivered: 0 }

t.test('what arrives where it belongs is received: at the peer, by channel and by indication', async t => {
  const { receiver } = listening()
  const indication = new MessageWriter('indication', Method.Data, Buffer.alloc(12))
    .set(XOR_PEER_ADDRESS, PEER)
    .set(DATA, payload(3))
    .finish()

  receiver.datagrams(
    batchOf(
      { socket: PEERS[0]!, from: RELAYED[0]!, bytes: payload(0) },
      { socket: CLIENT[0]!, from: SERVER, bytes: writeChannelData(CHANNEL, payload(1)) },
      { socket: CLIENT[1]!, from: SERVER, bytes: indication },
    ),
  )

  t.same(counts(receiver), { ...NONE, received: 3 })
  t.equal(receiver.octets, 3 * 172)
  t.equal(receiver.latency.total, 3)
})

t.test('a packet of another allocation, or of the other direction, is misdelivered', async t => {
  const { receiver } = listening()

  receiver.datagrams(
    batchOf(
      { socket: PEERS[0]!, from: RELAYED[0]!, bytes: payload(2) },
      { socket: PEERS[0]!, from: RELAYED[0]!, bytes: payload(1) },
      { socket: CLIENT[1]!, from: SERVER, bytes: writeChannelData(CHANNEL, payload(1)) },
    ),
  )

  t.same(counts(receiver), { ...NONE, misdelivered: 3 })
})

t.test('a packet from another address, or by another channel, is misdelivered', async t => {
  const { receiver } = listening()

  receiver.datagrams(
    batchOf(
      { socket: PEERS[0]!, from: RELAYED[1]!, bytes: payload(0) },
      { socket: CLIENT[0]!, from: PEER, bytes: writeChannelData(CHANNEL, payload(1)) },
      { socket: CLIENT[0]!, from: SERVER, bytes: writeChannelData(0x4001 as ChannelNumber, payload(1)) },
    ),
  )

  t.same(counts(receiver), { ...NONE, misdelivered: 3 })
})

t.test('octets that changed, and datagrams that were cut, are corrupt', async t => {
  const { receiver } = listening()
  const changed = payload(0)
  changed[100]! ^= 1
  const cut = writeChannelData(CHANNEL, payload(1)).subarray(0, 100)

  receiver.datagrams(
    batchOf(
      { socket: PEERS[0]!, from: RELAYED[0]!, bytes: changed },
      { socket: CLIENT[0]!, from: SERVER, bytes: cut },
    ),
  )

  t.same(counts(receiver), { ...NONE, corrupt: 2 })
})

t.test('what comes twice counts once, and what comes late is out of order', async t => {
  const { receiver } = listening()
  const order = [0, 2, 1, 2]

  receiver.datagrams(
    batchOf(...order.map(n => ({ socket: PEERS[1]!, from: RELAYED[1]!, bytes: payload(2, n) }))),
  )

  t.same(counts(receiver), { ...NONE, received: 3, reordered: 1, duplicates: 1 })
})

t.test('packets of an earlier run, and for sockets of nobody, are ignored', async t => {
  const { receiver } = listening()

  receiver.datagrams(
    batchOf(
      { socket: PEERS[0]!, from: RELAYED[0]!, bytes: payload(0, 0, RUN - 1) },
      { socket: 9, from: RELAYED[0]!, bytes: payload(0) },
      { socket: 900, from: RELAYED[0]!, bytes: payload(0) },
    ),
  )

  t.same(counts(receiver), NONE)
})

t.test('answers of the server are handed to its client', async t => {
  const { receiver, control } = listening()
  const answer = new MessageWriter('success', Method.Refresh, Buffer.alloc(12, 1)).finish()

  receiver.datagrams(batchOf({ socket: CLIENT[1]!, from: SERVER, bytes: answer }))

  t.same(control, [answer])
  t.same(counts(receiver), NONE)
})
