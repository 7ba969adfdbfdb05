import type { Carried } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation } from '../allocation.ts'
import type { Context } from '../context.ts'
import { NO_ROUTE } from '../peers/peers.ts'
import { SnapshotWriter } from './octets.ts'
import { type AllocationRecord, END, PARTS, type SnapshotPart } from './parts.ts'
import type { Shape } from './shapes.ts'

/** Values of lists that are written in one go; more takes longer than a millisecond. */
const SLICE = 1000

/** What an allocation has carried, forwarders included. */
export type CarriedBy = (allocation: Allocation) => Readonly<Carried>

/**
 * Writes the whole state, yielding after about a millisecond's work. It is the
 * state at one moment only if the core is handed no input in between; what
 * forwarders do meanwhile changes nothing but the figures of their routes.
 */
export function* writeSnapshot(
  context: Context,
  carried: CarriedBy,
  now: Time,
): Generator<undefined, Buffer> {
  const writer = new SnapshotWriter()
  const { book, buckets, scans, stores } = context
  write(writer, {
    kind: 'base',
    value: {
      at: now,
      draining: context.draining,
      lastId: book.lastId,
      unconfigured: [...context.unconfigured],
      withheldUntil: context.withheldUntil,
      nonceKey: stores.nonces.key,
      ...stores.strangers.export(),
      debts: stores.debts?.snapshot(),
      proofs: stores.proofs?.snapshot(),
    },
  })
  yield undefined
  yield* inSlices(writer, 'buckets', buckets.export?.(now) ?? [], bucket => bucket)
  yield* inSlices(writer, 'scans', scans.export(now), scan => scan)
  yield* inSlices(writer, 'reservations', book.reservations, ([token, reservation]) => ({
    token,
    ...reservation,
  }))
  yield* inSlices(writer, 'remembered', book.answersRemembered(now), answer => answer)
  yield* inSlices(writer, 'allocations', book.byId.values(), allocation => {
    const { traffic, dropped } = carried(allocation)
    return { ...recordOf(context, allocation), traffic, dropped }
  })
  writer.u8(END)
  return writer.finish()
}

type ListPart = Extract<
  SnapshotPart,
  { readonly kind: 'buckets' | 'scans' | 'reservations' | 'remembered' | 'allocations' }
>

/** Writes a list as parts of at most `SLICE` values and what lists are in them. */
function* inSlices<K extends ListPart['kind'], T>(
  writer: SnapshotWriter,
  kind: K,
  values: Iterable<T>,
  make: (value: T) => Extract<ListPart, { kind: K }>['value'][number],
): Generator<undefined, void> {
  let slice: unknown[] = []
  let weight = 0
  for (const value of values) {
    const made = make(value)
    slice.push(made)
    weight += weigh(made)
    if (weight < SLICE) continue
    write(writer, { kind, value: slice } as unknown as ListPart)
    slice = []
    weight = 0
    yield undefined
  }
  if (slice.length > 0) write(writer, { kind, value: slice } as unknown as ListPart)
}

/** How many values there are in a record and its lists. */
function weigh(value: object): number {
  let weight = 10
  for (const member of Object.values(value)) if (Array.isArray(member)) weight += member.length
  return weight
}

function write(writer: SnapshotWriter, part: SnapshotPart): void {
  for (const [number, { kind, shape }] of Object.entries(PARTS)) {
    if (kind !== part.kind) continue
    writer.u8(Number(number))
    ;(shape as Shape<unknown>).write(writer, part.value)
  }
}

function recordOf({ book }: Context, allocation: Allocation): AllocationRecord {
  const { lifetimes, permissions, peers } = book
  return {
    ...allocation,
    state: allocation.state as AllocationRecord['state'],
    halves: allocation.halves.map(({ relay, lifetime, linked }) => ({
      relay,
      expires: lifetimes.until(lifetime),
      linked: Array.from(linked, route => ({
        allocation: book.inRow(peers.allocation(route))!.id,
        peer: peers.address(route),
      })),
    })),
    // The last of a list first: the code that adds them in this order has the same list.
    permissions: Array.from(permissions.of(allocation.permissions), row => ({
      ip: permissions.ip(row),
      expires: lifetimes.until(permissions.lifetime(row)),
    })).reverse(),
    peers: Array.from(peers.of(allocation.peers), row => ({
      peer: peers.address(row),
      channel: peers.channel(row),
      expires: lifetimes.until(peers.lifetime(row)),
      isRouted: peers.route(row) !== NO_ROUTE,
      local: book.links.get(row)?.half?.relay.socket,
      wire: book.links.get(row)?.wire,
    })).reverse(),
  }
}
