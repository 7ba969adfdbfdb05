import type { RouteId } from '../../base/ids.ts'
import { type Carried, nothingCarried } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Allocation, OpenAllocation } from '../allocation.ts'
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
 * Member by member: with a spread it takes several times as long.
 */
export function recordOf(
  { book }: RelayState,
  allocation: Allocation,
  carried: CarriedBy = open => open,
  leaves: Leaves = everybody,
): AllocationRecord {
  const { lifetimes, permissions, peers } = book
  /** Routes between those that leave and those that stay are made anew where a datagram asks for them. */
  const leads = (row: RouteId) => {
    const leg = book.links.get(row)?.leg
    return leg === undefined || leaves(book.bySocket.get(leg.relay.socket)!.allocation)
  }
  const owner = (row: RouteId) => book.inRow(peers.allocation(row))!
  const { replyTo } = allocation
  const open = allocation.state === 'open' ? allocation : undefined
  const { traffic, dropped } = open ? carried(open) : nothingCarried()
  return {
    id: allocation.id,
    client: allocation.client,
    mobility: allocation.mobility,
    identity: allocation.identity,
    since: allocation.since,
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
    permitted: open?.permitted ?? 0,
    traffic,
    dropped,
    state: allocation.state as AllocationRecord['state'],
    legs: (open?.legs ?? []).map(({ relay, lifetime, linked }) => ({
      relay,
      expires: lifetimes.until(lifetime),
      linked: Array.from(linked)
        .filter(row => leaves(owner(row)))
        .map(row => ({ allocation: owner(row).id, peer: peers.address(row) })),
    })),
    // The last of a list first: the code that adds them in this order has the same list.
    permissions: Array.from(open ? permissions.of(open.permissions) : [], row => ({
      ip: permissions.ip(row),
      expires: lifetimes.until(permissions.lifetime(row)),
    })).reverse(),
    peers: Array.from(open ? peers.of(open.peers) : [], row => ({
      peer: peers.address(row),
      channel: peers.channel(row),
      expires: lifetimes.until(peers.lifetime(row)),
      isRouted: peers.route(row) !== NO_ROUTE && leads(row),
      local: leads(row) ? book.links.get(row)?.leg?.relay.socket : undefined,
      wire: book.links.get(row)?.wire,
    })).reverse(),
  }
}
