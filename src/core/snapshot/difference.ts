import type { AllocationId } from '../../base/ids.ts'
import { nothingCarried } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation } from '../allocation.ts'
import type { Book } from '../book.ts'
import type { RelayState } from '../relay-state.ts'
import { SnapshotWriter } from './envelope.ts'
import { ChunkWriter } from './octet-writer.ts'
import { ALLOCATION, END } from './parts.ts'
import { type CarriedBy, type Leaves, recordOf } from './record.ts'
import { inSlices, leaving, listed, writeBase, writeLists, writePart, writeShared } from './write.ts'

/** The tables that are compared block by block, each of so many bytes. */
const TABLES = ['debts', 'proofs'] as const
const BLOCK = 1024
/** Allocations that are compared in one go. */
const COMPARED = 50
const NOTHING = nothingCarried()

/** What another relay has a copy of: octets, so that whatever has changed since is seen without having to be told. */
export class CopiedState {
  /** Records without figures, which change all the time. */
  readonly records = new Map<AllocationId, Buffer>()
  readonly tables = new Map<(typeof TABLES)[number], Buffer>()
  /** How many allocations were in the last difference as a whole, or had ended. */
  changed = 0
}

/**
 * Notes what a snapshot that is taken at the same moment has of this state: the core must be handed no input in
 * between. Yields about every millisecond.
 */
export function* noteCopied(
  state: RelayState,
  leaves: Leaves,
  copied: CopiedState,
): Generator<undefined, void> {
  for (const name of TABLES) {
    const octets = state.stores[name]?.octets
    if (octets) copied.tables.set(name, Buffer.from(octets))
    yield undefined
  }
  yield* compare(state, leaves, copied)
}

/**
 * Writes what has changed since the state was copied, as a snapshot that a relay restores which has the copy. Of the
 * allocations it compares each with its copy, and so sees changes of every kind; those that changed are in it as a
 * whole, and so is each that routes connect them with, since both ends of a route name the other.
 */
export function* writeDifference(
  state: RelayState,
  carried: CarriedBy,
  now: Time,
  leaves: Leaves,
  copied: CopiedState,
): Generator<undefined, Buffer> {
  const writer = new SnapshotWriter()
  const { book } = state
  writeBase(writer, state, now)
  const changed = yield* compare(state, leaves, copied)
  const gone = ended(book, leaves, copied)
  withNeighbours(book, leaves, changed)
  copied.changed = changed.size + gone.length
  for (const { id } of changed) if (copied.records.has(id)) gone.push(id)
  writePart(writer, { kind: 'gone', value: gone })
  yield undefined
  for (const name of TABLES) writeBlocks(writer, name, state.stores[name]?.octets, copied)
  yield* writeLists(writer, state, now)
  const made = (allocation: Allocation) => recordOf(state, allocation, carried, leaves)
  yield* inSlices(writer, 'allocations', inOrder(book, changed), made, listed)
  yield* inSlices(writer, 'figures', leaving(book.byId.values(), leaves), allocation => ({
    id: allocation.id,
    ...(allocation.state === 'open' ? carried(allocation) : NOTHING),
  }))
  yield* writeShared(writer, state, now, leaves)
  writer.u8(END)
  return yield* writer.finish()
}

/** The allocations that are not as they were copied, whose copies are those of now from here on. */
function* compare(
  state: RelayState,
  leaves: Leaves,
  { records }: CopiedState,
): Generator<undefined, Set<Allocation>> {
  const changed = new Set<Allocation>()
  const writer = new RecordWriter()
  let count = 0
  for (const allocation of leaving(state.book.byId.values(), leaves)) {
    const record = writer.write(recordOf(state, allocation, () => NOTHING, leaves))
    if (!records.get(allocation.id)?.equals(record)) {
      changed.add(allocation)
      records.set(allocation.id, Buffer.from(record))
    }
    if (++count % COMPARED === 0) yield undefined
  }
  return changed
}

/** Those that were copied and are there no more, or do not leave any more. */
function ended({ byId }: Book, leaves: Leaves, { records }: CopiedState): AllocationId[] {
  const gone: AllocationId[] = []
  for (const id of records.keys()) {
    const allocation = byId.get(id)
    if (allocation && leaves(allocation)) continue
    records.delete(id)
    gone.push(id)
  }
  return gone
}

/** Adds all allocations that routes connect with these, and with those, and so on. */
function withNeighbours(book: Book, leaves: Leaves, found: Set<Allocation>): void {
  // A set that grows while it is walked is walked to its end.
  for (const allocation of found) {
    if (allocation.state !== 'open') continue
    for (const { linked } of allocation.legs) {
      for (const row of linked ?? []) {
        const owner = book.inRow(book.peers.allocation(row))
        if (owner && leaves(owner)) found.add(owner)
      }
    }
    for (const row of book.peers.of(allocation.peers)) {
      const socket = book.links.get(row)?.leg?.relay.socket
      const other = socket === undefined ? undefined : book.bySocket.get(socket)?.allocation
      if (other && leaves(other)) found.add(other)
    }
  }
}

/** In the order of all. */
function* inOrder({ byId }: Book, some: ReadonlySet<Allocation>): Generator<Allocation> {
  if (some.size > 0) for (const allocation of byId.values()) if (some.has(allocation)) yield allocation
}

/** Writes the blocks of a table that have changed. */
function writeBlocks(
  writer: SnapshotWriter,
  of: (typeof TABLES)[number],
  octets: Uint8Array | undefined,
  { tables }: CopiedState,
): void {
  const copy = tables.get(of)
  if (!octets || !copy) return
  for (let from = 0; from < octets.length; from += BLOCK) {
    const bytes = octets.subarray(from, from + BLOCK)
    if (copy.compare(bytes, 0, bytes.length, from, from + bytes.length) === 0) continue
    copy.set(bytes, from)
    writePart(writer, { kind: 'table', value: { of, size: octets.length, from, bytes } })
  }
}

/** Writes one record at a time, each over the one before it. Nothing that it writes leaves the thread. */
class RecordWriter extends ChunkWriter {
  secret(value: Uint8Array): void {
    this.octets(value)
  }

  /** The octets are good until the next. */
  write(record: Parameters<typeof ALLOCATION.write>[1]): Buffer {
    this.rewind()
    ALLOCATION.write(this, record)
    const [only, ...more] = this.chunks()
    return more.length === 0 ? only! : Buffer.concat([only!, ...more])
  }
}
