import t from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import { SEND } from '../../../src/base/batch.ts'
import { havoc, oneOf, upTo } from '../../fuzz/mutate.ts'
import { dice } from '../../sim/random.ts'
import { readFrame, sum16, writeFrame } from '../../support/frames.ts'
import { KernelRig, KINDS } from '../../support/kernel-rig.ts'
import { enterNamespace, needNamespaces } from '../../support/namespaces.ts'
import {
  addressOf,
  channelData,
  NOW,
  payloadOf,
  Rig,
  type RouteOptions,
  sendIndication,
} from '../../support/route-table-rig.ts'

const isInside = await enterNamespace(import.meta.url)
const FRAMES = Number(process.env.KERNEL_MUTANTS ?? 100_000)

const SERVER = ['203.0.113.1:3478', '[2001:db8:cafe::1]:3478'] as const
const RELAY = ['203.0.113.1:49160', '[2001:db8:cafe::1]:49160'] as const
const CLIENT = ['192.0.2.10:50000', '[2001:db8::10]:50000'] as const
const PEER = ['198.51.100.7:40000', '[2001:db8::b0b]:40000'] as const
/** What is bound where: two listeners, and of each client a relay socket. */
const BOUND = new Map([
  [SERVER[0], 1],
  [SERVER[1], 4],
  [RELAY[0], 2],
  [RELAY[1], 3],
])
const ROUTES: readonly RouteOptions[] = [
  { id: 0, channel: 0x4001, relaySocket: 2, relayed: RELAY[0], peer: PEER[0] },
  { id: 1, relaySocket: 2, relayed: RELAY[0], peer: '198.51.100.8:40000' },
  {
    id: 2,
    client: CLIENT[1],
    clientSocket: 4,
    channel: 0x4002,
    relaySocket: 3,
    relayed: RELAY[1],
    peer: PEER[1],
  },
  {
    id: 3,
    client: CLIENT[1],
    clientSocket: 4,
    relaySocket: 3,
    relayed: RELAY[1],
    peer: '[2001:db8::b0b]:40001',
  },
]

t.test(
  `of ${FRAMES} random and mutated frames none gets through that the route table would not relay so`,
  needNamespaces(),
  async t => {
    if (!isInside) return
    const roll = dice(20_261_130)
    const rig = new KernelRig()
    const table = new Rig({ octets: 4096 })
    for (const [address, socket] of BOUND) rig.bind(socket, address)
    for (const route of ROUTES) {
      rig.add(route)
      table.add(route)
    }
    const seeds = seedFrames()
    const did = { send: 0, pass: 0, drop: 0 }
    for (let i = 0; i < FRAMES; i++) {
      const kind = oneOf(roll, KINDS)
      const frame = longEnough(mutant(seeds, roll), kind)
      const { said, frame: left } = rig.program.run(kind, frame)
      did[said]++
      if (said === 'drop') throw new Error(`nothing limits these, but it dropped ${frame.toString('hex')}`)
      if (said === 'pass') {
        if (!left.equals(frame)) throw new Error(`passed up, but touched: ${frame.toString('hex')}`)
        continue
      }
      const came = readFrame(trimmed(frame))
      const went = readFrame(left)
      const hex = `${kind} ${frame.toString('hex')} became ${left.toString('hex')}`
      if (!came || !went) throw new Error(`not a datagram: ${hex}`)
      const socket = BOUND.get(formatAddress(came.to) as (typeof SERVER)[number])
      if (socket === undefined) throw new Error(`nothing is bound there: ${hex}`)
      const judged = table.arrive(socket, formatAddress(came.from), came.payload, NOW)
      const same =
        judged.verdict === SEND &&
        judged.to === formatAddress(went.to) &&
        BOUND.get(formatAddress(went.from) as (typeof SERVER)[number]) === judged.socket &&
        withoutTransaction(judged.bytes!).equals(withoutTransaction(went.payload)) &&
        came.checksums === went.checksums &&
        went.ttl === came.ttl - 1 &&
        went.tos === came.tos
      if (!same) throw new Error(`the route table says otherwise: ${hex}`)
    }
    t.ok(did.send > FRAMES / 20, `${did.send} were relayed`)
    t.ok(did.pass > FRAMES / 20, `${did.pass} were passed up`)
  },
)

function seedFrames(): Buffer[] {
  const frames: Buffer[] = []
  for (const octets of [0, 1, 5, 40, 172]) {
    for (const i of [0, 1] as const) {
      const send = (payload: Buffer) =>
        frames.push(writeFrame(addressOf(CLIENT[i]), addressOf(SERVER[i]), payload))
      send(channelData(0x4001 + i, payloadOf(octets)))
      send(Buffer.concat([channelData(0x4001 + i, payloadOf(octets)), Buffer.alloc(-octets & 3)]))
      send(sendIndication(PEER[i], payloadOf(octets)))
      frames.push(
        writeFrame(addressOf(PEER[i]), addressOf(RELAY[i]), payloadOf(octets), { trailer: Buffer.alloc(3) }),
      )
    }
    frames.push(writeFrame(addressOf('198.51.100.8:40000'), addressOf(RELAY[0]), payloadOf(octets)))
    frames.push(writeFrame(addressOf('[2001:db8::b0b]:40001'), addressOf(RELAY[1]), payloadOf(octets)))
  }
  return frames
}

/** A frame that may be anything: pure noise, changed anywhere, or only in its payload, with right checksums then. */
function mutant(seeds: readonly Buffer[], roll: () => number): Buffer {
  if (upTo(roll, 20) === 0) {
    return Buffer.from(Array.from({ length: 15 + upTo(roll, 120) }, () => upTo(roll, 256)))
  }
  const seed = oneOf(roll, seeds)
  if (upTo(roll, 2) === 0) return havoc(seed, oneOf(roll, seeds), roll, []).subarray(0, 2000)
  const read = readFrame(trimmed(seed))!
  const payload = havoc(read.payload, readFrame(trimmed(oneOf(roll, seeds)))!.payload, roll, [])
  const options = {
    ttl: 1 + upTo(roll, 4),
    tos: upTo(roll, 256),
    noChecksum: read.from.family === 4 && upTo(roll, 8) === 0,
  }
  const frame = writeFrame(read.from, read.to, payload.subarray(0, 1400), options)
  // A changed length of UDP, with everything else as it was.
  if (upTo(roll, 10) === 0 && read.from.family === 4) {
    frame.writeUInt16BE(upTo(roll, 300), 38)
    frame.writeUInt16BE(0, 24)
    frame.writeUInt16BE(~sum16(frame.subarray(14, 34)) & 0xffff, 24)
  }
  return frame
}

/** For a test, the kernel runs the program of TC only on frames with a whole IP header. */
function longEnough(frame: Buffer, kind: (typeof KINDS)[number]): Buffer {
  const least = kind === 'tc' ? 54 : 15
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, least - frame.length))])
}

/** A frame without what stands behind its IP packet. */
function trimmed(frame: Buffer): Buffer {
  const isIPv4 = frame.readUInt16BE(12) === 0x0800
  return frame.subarray(0, 14 + (isIPv4 ? frame.readUInt16BE(16) : 40 + frame.readUInt16BE(18)))
}

/** A Data indication’s transaction id is as good as any, and an IPv6 address is written with it. */
function withoutTransaction(payload: Buffer): Buffer {
  if (payload.length < 20 || payload.readUInt16BE(0) !== 0x0017) return payload
  const copy = Buffer.from(payload)
  const id = copy.subarray(4, 20)
  if (copy.length >= 44 && copy.readUInt16BE(22) === 20) for (let i = 0; i < 16; i++) copy[28 + i]! ^= id[i]!
  return copy.fill(0, 8, 20)
}
