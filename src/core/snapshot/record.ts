import { type Carried, nothingCarried } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation, OpenAllocation } from '../allocation.ts'
import type { Book } from '../book.ts'
import { NO_ROUTE } from '../peers/peers.ts'
import type { RelayState } from '../relay-state.ts'
import type { AllocationRecord } from './parts.ts'

/** What an allocation has carried, forwarders included. */
export type CarriedBy = (allocation: OpenAllocation) => Readonly<Carried>

/** Which allocations are in a snapshot. */
export type Leaves = (allocation: Allocation) => boolean

/** All of them. */
export const everybody: Leaves = () => true

/**
 * An allocation as it is written down. One that is still opening holds nothing yet.
 *
 * Member by member and list by list in loops: a snapshot makes thousands of these, and with spreads, iterators and
 * closures each takes several times as long.
 */
export function recordOf(
  { book }: RelayState,
  allocation: Allocation,
  carried: CarriedBy = open => open,
  leaves: Leaves = everybody,
): AllocationRecord {
  const { replyTo } = allocation
  const open = allocation.state === 'open' ? allocation : undefined
  const { traffic, dropped } = open ? carried(open) : nothingCarried()
  return {
    id: allocation.id,
    client: allocation.client,
    mobility: allocation.mobility,
    identity: allocation.identity,
    since: allocation.since,
    state: allocation.state as AllocationRecord['state'],
    firstLifetime: allocation.firstLifetime,
    request: {
      transaction: replyTo.transaction,
      fingerprint: replyTo.fingerprint,
      signature: replyTo.signature.kind,
      username: replyTo.username,
    },
    answered: open?.answered,
    lacking: allocation.lacking,
    due: open?.due ?? (Number.POSITIVE_INFINITY as Time),
    legs: open ? legsOf(book, open, leaves) : [],
    permissions: open ? permissionsOf(book, open) : [],
    peers: open ? peersOf(book, open, leaves) : [],
    permitted: open?.permitted ?? 0,
    dropped,
    traffic,
  }
}

type Member<K extends 'legs' | 'permissions' | 'peers'> = AllocationRecord[K][number]

function legsOf(book: Book, { legs }: OpenAllocation, leaves: Leaves): Member<'legs'>[] {
  const records: Member<'legs'>[] = []
  for (const { relay, lifetime, linked } of legs) {
    const from: Member<'legs'>['linked'][number][] = []
    for (const row of linked ?? []) {
      const owner = book.inRow(book.peers.allocation(row))!
      if (leaves(owner)) from.push({ allocation: owner.id, peer: book.peers.address(row) })
    }
    records.push({ relay, expires: book.lifetimes.until(lifetime), linked: from })
  }
  return records
}

function permissionsOf({ permissions, lifetimes }: Book, open: OpenAllocation): Member<'permissions'>[] {
  const records: Member<'permissions'>[] = []
  for (const row of permissions.inOrder(open.permissions)) {
    records.push({ ip: permissions.ip(row), expires: lifetimes.until(permissions.lifetime(row)) })
  }
  return records
}

function peersOf(book: Book, open: OpenAllocation, leaves: Leaves): Member<'peers'>[] {
  const { peers, lifetimes } = book
  const records: Member<'peers'>[] = []
  for (const row of peers.inOrder(open.peers)) {
    const link = book.links.get(row)
    const local = link?.leg?.relay.socket
    // Routes between those that leave and those that stay are made anew where a datagram asks for them.
    const isRelated = local === undefined || leaves(book.bySocket.get(local)!.allocation)
    records.push({
      peer: peers.address(row),
      channel: peers.channel(row),
      expires: lifetimes.until(peers.lifetime(row)),
      isRouted: peers.route(row) !== NO_ROUTE && isRelated,
      local: isRelated ? local : undefined,
      wire: link?.wire,
    })
  }
  return records
}
