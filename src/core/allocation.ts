import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId, AllocationRow, LifetimeId, MeterId, RouteId } from '../base/ids.ts'
import type { Traffic } from '../base/route.ts'
import type { RowList } from '../base/row-store.ts'
import type { Seconds, Time } from '../base/time.ts'
import type { UserHolding } from './peers/user-holdings.ts'
import type { FailedFamily, RelaySocket } from './relay-socket.ts'
import type { SignedReplyTo } from './reply.ts'
import type { Identity } from './trust/signer.ts'

/** Seconds that a permission lasts (RFC 8656 §9). */
export const PERMISSION_LIFETIME = 300
/** Seconds that a channel binding lasts (RFC 8656 §12). */
export const CHANNEL_LIFETIME = 600

/** One relayed address of an allocation, and what hangs on it. An allocation has one leg, a dual allocation two. */
export interface Leg {
  readonly relay: RelaySocket
  readonly lifetime: LifetimeId
  /** Routes of allocations on this server that deliver to this one inside the process; most have never had one. */
  linked: Set<RouteId> | undefined
}

/** Where a client with a ticket has asked from to go on, and has sent nothing to a peer from yet. */
export interface Arrival {
  readonly client: FiveTuple
  /** Of the ticket that was given out there. */
  readonly ticket: number
  /** When it is given up, and the client stays where it was. */
  readonly until: Time
}

/** How a client that asked for tickets moves (RFC 8016). */
export interface Mobility {
  /** The number of the latest ticket. */
  latest: number
  /** The number of the oldest ticket that is still good. */
  oldest: number
  /** At most one at a time. */
  arrival: Arrival | undefined
  /** The answer to the last Refresh with a ticket, for the case that it comes again. */
  answered: { readonly client: FiveTuple; readonly transaction: Buffer; readonly bytes: Buffer } | undefined
}

/** What is known of an allocation from its Allocate request on. */
interface Requested {
  readonly id: AllocationId
  readonly row: AllocationRow
  /** The 5-tuple. Its socket is `NOWHERE` while the client's connection is gone and it may come back. */
  client: FiveTuple
  /** Present where the client has asked for tickets (RFC 8016). */
  readonly mobility: Mobility | undefined
  readonly identity: Identity
  /** What its user holds, this one included. */
  readonly user: UserHolding
  readonly since: Time
  /** Seconds that the Allocate request was granted. What a Refresh grants stands in `Lifetimes`. */
  readonly firstLifetime: Seconds
  /** The Allocate request to answer, and to recognise when it is sent again (RFC 8489 §6.3.1). */
  readonly replyTo: SignedReplyTo
  /** The family of a dual allocation that this server has no relay address for. */
  readonly lacking: FailedFamily | undefined
}

/** An allocation whose relay sockets the world is still binding. It holds its 5-tuple and nothing else. */
export interface OpeningAllocation extends Requested {
  /** `aborted` when the client left meanwhile: the world's answer ends it. */
  state: 'opening' | 'aborted'
}

/** What one client holds on this server (RFC 8656 §3.2). */
export interface OpenAllocation extends Requested {
  state: 'open' | 'closed'
  /** The answer to its Allocate request. */
  readonly answered: Buffer
  legs: Leg[]
  /** Nothing below lapses before this moment; the sweep looks no further. */
  due: Time
  /** Rows of `Permissions`, those that have ended and are not yet swept away included. */
  readonly permissions: RowList
  /** Rows of `Peers`. */
  readonly peers: RowList
  /** How many of those have a channel. */
  channels: number
  /** Token buckets that its payload passes. */
  meters: readonly MeterId[]
  /** How often a permission was installed for an IP address that had none. */
  permitted: number
  /** Datagrams that its token buckets have dropped, but for those of routes that forwarders still have. */
  dropped: number
  /** What it has carried, but for what routes have that forwarders still have. */
  readonly traffic: Traffic
}

/** The book has one object while it opens and another once it is open. */
export type Allocation = OpeningAllocation | OpenAllocation

/** Where the client of an allocation is, and where it has arrived. */
export function tuplesOf({
  client,
  mobility,
}: {
  readonly client: FiveTuple
  readonly mobility: { readonly arrival: { readonly client: FiveTuple } | undefined } | undefined
}): FiveTuple[] {
  return mobility?.arrival ? [client, mobility.arrival.client] : [client]
}
