import type { ChannelNumber } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import { SnapshotRefusal } from '../core/snapshot/octet-reader.ts'
import { ALLOCATION, type AllocationRecord } from '../core/snapshot/parts.ts'
import { list, record, SHAPES, type Shape, type Shaped } from '../core/snapshot/shapes.ts'
import { RecordReader, type RecordWriter } from './octets.ts'

const { f64, ip, socketAddress, u16 } = SHAPES
const time = f64 as Shape<Time>

/** What is told of an allocation, by the octet that begins it. */
const RECORDS = {
  1: { kind: 'whole', shape: ALLOCATION },
  2: { kind: 'prolonged', shape: record({ expires: list(time) }) },
  3: { kind: 'permitted', shape: record({ ips: list(ip), expires: time }) },
  4: {
    kind: 'bound',
    shape: record({ channel: u16 as Shape<ChannelNumber>, peer: socketAddress, expires: time }),
  },
} as const

type Records = typeof RECORDS
type JournalRecord = {
  [N in keyof Records]: { readonly kind: Records[N]['kind']; readonly value: Shaped<Records[N]['shape']> }
}[keyof Records]

const NUMBERS = { whole: 1, prolonged: 2, permitted: 3, bound: 4 } as const satisfies {
  [N in keyof Records as Records[N]['kind']]: N
}

export function writeChange(writer: RecordWriter, { kind, value }: JournalRecord): void {
  const number = NUMBERS[kind]
  writer.u8(number)
  ;(RECORDS[number].shape as Shape<unknown>).write(writer, value)
}

/**
 * The allocation that the records of one chain make together, the first of
 * which is the whole of it. Undefined where they cannot be read.
 *
 * Routes are not taken over: each is made again with the first datagram that
 * takes it, as its other end may not be there any more.
 */
export function readAllocation(octets: Buffer, figures: readonly number[]): AllocationRecord | undefined {
  const reader = new RecordReader(octets)
  try {
    let allocation: AllocationRecord | undefined
    while (!reader.isAtEnd) {
      const next = readRecord(reader)
      if (next.kind === 'whole') allocation = withoutRoutes(next.value)
      else if (allocation) allocation = apply(allocation, next)
    }
    return allocation && withFigures(allocation, figures)
  } catch (error) {
    if (error instanceof SnapshotRefusal) return undefined
    throw error
  }
}

function readRecord(reader: RecordReader): JournalRecord {
  const number = reader.u8()
  if (!(number in RECORDS)) reader.refuse(`record ${number} is not known`)
  const { kind, shape } = RECORDS[number as keyof Records]
  return { kind, value: shape.read(reader) } as JournalRecord
}

function apply(
  allocation: AllocationRecord,
  next: Exclude<JournalRecord, { kind: 'whole' }>,
): AllocationRecord {
  switch (next.kind) {
    case 'prolonged': {
      const { expires } = next.value
      const legs = allocation.legs.map((leg, i) => ({ ...leg, expires: expires[i] ?? leg.expires }))
      return { ...allocation, legs }
    }
    case 'permitted': {
      const { ips, expires } = next.value
      const renewed = new Map(ips.map(ip => [keyOf(ip), { ip, expires }]))
      const known = allocation.permissions.filter(({ ip }) => renewed.has(keyOf(ip))).length
      return {
        ...allocation,
        permissions: [
          ...allocation.permissions.filter(({ ip }) => !renewed.has(keyOf(ip))),
          ...renewed.values(),
        ],
        permitted: allocation.permitted + renewed.size - known,
      }
    }
    case 'bound': {
      const { channel, peer, expires } = next.value
      // A number, or a peer, that is bound anew had lost its binding before.
      const others = allocation.peers.filter(one => one.channel !== channel && one.peer.key !== peer.key)
      const bound = { peer, channel, expires, isRouted: false, local: undefined, wire: undefined }
      return { ...allocation, peers: [...others, bound] }
    }
  }
}

function withoutRoutes(allocation: AllocationRecord): AllocationRecord {
  return {
    ...allocation,
    legs: allocation.legs.map(leg => ({ ...leg, linked: [] })),
    peers: allocation.peers
      .filter(({ channel }) => channel !== 0)
      .map(peer => ({ ...peer, isRouted: false, local: undefined, wire: undefined })),
  }
}

/** Whatever may lapse is looked at with the first sweep. */
function withFigures(allocation: AllocationRecord, figures: readonly number[]): AllocationRecord {
  const [toPeerPackets = 0, toPeerBytes = 0, toClientPackets = 0, toClientBytes = 0, dropped = 0] = figures
  return {
    ...allocation,
    due: 0 as Time,
    dropped,
    traffic: {
      toPeer: { packets: toPeerPackets, bytes: toPeerBytes },
      toClient: { packets: toClientPackets, bytes: toClientBytes },
    },
  }
}

function keyOf(ip: Uint8Array): string {
  return Buffer.from(ip).toString('latin1')
}
