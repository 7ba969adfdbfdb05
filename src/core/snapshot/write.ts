import { address } from '../../base/address.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation } from '../allocation.ts'
import { leftSaved, membersSaved } from '../one-port/saved.ts'
import type { RelayState } from '../relay-state.ts'
import { SnapshotWriter } from './envelope.ts'
import { type AllocationRecord, END, PARTS, type SnapshotPart } from './parts.ts'
import { type CarriedBy, everybody, type Leaves, recordOf } from './record.ts'
import { LARGEST_PIECE, type Shape } from './shapes.ts'

/** Values of lists that are written in one go; more takes longer than a millisecond. */
const SLICE = 500

/**
 * Writes the whole state, or of the allocations those that leave, yielding after about a millisecond's work. It is the
 * state at one moment only if the core is handed no input in between; what
 * forwarders do meanwhile changes nothing but the figures of their routes.
 */
export function* writeSnapshot(
  state: RelayState,
  carried: CarriedBy,
  now: Time,
  leaves: Leaves = everybody,
): Generator<undefined, Buffer> {
  const writer = new SnapshotWriter()
  const { book, stores } = state
  writeBase(writer, state, now)
  yield undefined
  yield* inPieces(writer, 'debts', stores.debts?.octets)
  yield* inPieces(writer, 'proofs', stores.proofs?.octets)
  yield* writeLists(writer, state, now)
  yield* inSlices(
    writer,
    'allocations',
    leaving(book.byId.values(), leaves),
    allocation => recordOf(state, allocation, carried, leaves),
    listed,
  )
  yield* writeShared(writer, state, now, leaves)
  writer.u8(END)
  return yield* writer.finish()
}

/** Writes what tells apart those that share relay ports; nothing where there are none. It comes after allocations. */
export function* writeShared(
  writer: SnapshotWriter,
  { book }: RelayState,
  now: Time,
  leaves: Leaves,
): Generator<undefined, void> {
  yield* inSlices(
    writer,
    'members',
    membersSaved(book, leaves),
    member => member,
    ({ usernames, contacts, links }) => usernames.length + contacts.length + links.length,
  )
  yield* inSlices(writer, 'left-contacts', leftSaved(book, leaves, now), left => left)
}

/** Writes what there is one of. */
export function writeBase(writer: SnapshotWriter, state: RelayState, now: Time): void {
  const { book, stores } = state
  writePart(writer, {
    kind: 'base',
    value: {
      at: now,
      draining: state.draining,
      lastId: book.lastId,
      unconfigured: [...state.unconfigured],
      withheldUntil: state.withheldUntil,
      nonceKey: stores.nonces.key,
      ticketKey: stores.tickets.key,
      ...stores.strangers.export(),
    },
  })
}

/** Writes what the relay keeps of users and of answers; it is little beside the allocations. */
export function* writeLists(
  writer: SnapshotWriter,
  { book, buckets, scans }: RelayState,
  now: Time,
): Generator<undefined, void> {
  yield* inSlices(writer, 'buckets', buckets.export?.(now) ?? [], bucket => bucket)
  yield* inSlices(
    writer,
    'scans',
    scans.export(now),
    scan => scan,
    ({ peers }) => peers.length,
  )
  yield* inSlices(writer, 'reservations', book.reservations, ([token, reservation]) => ({
    token,
    ...reservation,
  }))
  yield* inSlices(writer, 'remembered', book.answersRemembered(now), answer => answer)
}

/** Values in the lists of an allocation's record. */
export function listed({ legs, permissions, peers }: AllocationRecord): number {
  return legs.length + permissions.length + peers.length
}

/** What is known of a relay that could not write down its whole state. */
export interface KnownState {
  readonly keys: { readonly nonces: Uint8Array; readonly tickets: Uint8Array }
  readonly allocations: readonly AllocationRecord[]
}

/**
 * Writes a snapshot of what is known of a relay that has ended, as one of that relay would be; what is not known
 * begins afresh. `lastId` must be drawn: the relay that has ended may have given out any id behind those that it had.
 */
export function* writeKnown(
  { keys, allocations }: KnownState,
  lastId: number,
  now: Time,
): Generator<undefined, Buffer> {
  const writer = new SnapshotWriter()
  const nobody = { count: 0, from: address(new Uint8Array(4), 0) }
  writePart(writer, {
    kind: 'base',
    value: {
      at: now,
      draining: false,
      lastId,
      unconfigured: [],
      withheldUntil: 0 as Time,
      nonceKey: Buffer.from(keys.nonces),
      ticketKey: Buffer.from(keys.tickets),
      reported: 0 as Time,
      unverified: nobody,
      guessing: nobody,
    },
  })
  yield undefined
  yield* inSlices(writer, 'allocations', allocations, record => record)
  writer.u8(END)
  return yield* writer.finish()
}

/** The allocations that are in a snapshot. */
export function* leaving(allocations: Iterable<Allocation>, leaves: Leaves): Generator<Allocation> {
  for (const allocation of allocations) if (leaves(allocation)) yield allocation
}

function* inPieces(
  writer: SnapshotWriter,
  of: 'debts' | 'proofs',
  octets: Uint8Array | undefined,
): Generator<undefined, void> {
  if (!octets) return
  for (let from = 0; from < octets.length; from += LARGEST_PIECE) {
    const bytes = octets.subarray(from, from + LARGEST_PIECE)
    writePart(writer, { kind: 'table', value: { of, size: octets.length, from, bytes } })
    yield undefined
  }
}

type ListPart = Extract<
  SnapshotPart,
  {
    readonly kind:
      | 'buckets'
      | 'scans'
      | 'reservations'
      | 'remembered'
      | 'allocations'
      | 'figures'
      | 'members'
      | 'left-contacts'
  }
>

/** What a record costs beside the values of its lists, in such values. */
const RECORD_WEIGHT = 10

/** Writes a list as parts of about `SLICE` values. `listed` says how many there are in the lists of a record. */
export function* inSlices<
  K extends ListPart['kind'],
  T,
  R extends Extract<ListPart, { kind: K }>['value'][number],
>(
  writer: SnapshotWriter,
  kind: K,
  values: Iterable<T>,
  make: (value: T) => R,
  listed: (made: R) => number = () => 0,
): Generator<undefined, void> {
  let slice: unknown[] = []
  let weight = 0
  for (const value of values) {
    const made = make(value)
    slice.push(made)
    weight += RECORD_WEIGHT + listed(made)
    if (weight < SLICE) continue
    writePart(writer, { kind, value: slice } as unknown as ListPart)
    slice = []
    weight = 0
    yield undefined
  }
  if (slice.length > 0) writePart(writer, { kind, value: slice } as unknown as ListPart)
}

/** Writes one part; nothing for those that only follow from others when a snapshot is read. */
export function writePart(writer: SnapshotWriter, part: SnapshotPart): void {
  for (const [number, { kind, shape }] of Object.entries(PARTS)) {
    if (kind !== part.kind) continue
    writer.u8(Number(number))
    ;(shape as Shape<unknown>).write(writer, part.value)
  }
}
