import type { Address, ClientAddress, Family } from '../base/address.ts'
import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId, RouteId, SocketId } from '../base/ids.ts'
import type { Route } from '../base/route.ts'
import type { Event, Owner } from './event.ts'
import type { RelaySocket } from './relay-socket.ts'

/** What a client asks for when it allocates. */
export interface Claim {
  readonly allocation: AllocationId
  readonly owner: Owner
  readonly client: ClientAddress
  /** One family, or both for a dual allocation, of which one is enough. */
  readonly families: readonly Family[]
  /** `even`: an even port. `pair`: an even port, and the next one reserved (RFC 8656 §18.7). */
  readonly port: 'any' | 'even' | 'pair'
  /** A socket that a RESERVATION-TOKEN named; the world only settles the quota. */
  readonly reserved?: { readonly relay: RelaySocket; readonly owner: Owner; readonly client: ClientAddress }
  /**
   * A RESERVATION-TOKEN that is not this shard's. The world has its port from
   * another shard, whatever its family, or refuses the claim.
   */
  readonly token?: Uint8Array
}

/** A Refresh whose ticket names an allocation that is not held here. */
export interface Referral {
  readonly allocation: AllocationId
  /** Where it came from. */
  readonly client: FiveTuple
  readonly bytes: Buffer
}

/**
 * Everything the relay can ask for. Carried out at once and in order, before
 * the batch is given back: `bytes` may be a view into it.
 */
export type Command =
  | {
      readonly kind: 'send'
      readonly socket: SocketId
      readonly to: Address
      readonly bytes: Buffer
      /** With the DF bit set (RFC 8656 §14); only where `RelayConfig.dontFragment` holds. */
      readonly dontFragment?: boolean
    }
  | { readonly kind: 'open'; readonly claim: Claim }
  /** Closes a relay socket, or hangs up on a stream client. */
  | { readonly kind: 'close'; readonly socket: SocketId }
  /** Adds a route, or replaces the one with the same id. */
  | { readonly kind: 'route'; readonly allocation: AllocationId; readonly route: Route }
  | { readonly kind: 'unroute'; readonly allocation: AllocationId; readonly route: RouteId }
  /** A Refresh with the ticket of an allocation that another shard may hold, which is asked to answer it. */
  | ({ readonly kind: 'refer' } & Referral)
  /** From now on, or no longer, what comes on this 5-tuple is for this shard, whichever shard has the socket. */
  | { readonly kind: 'host'; readonly client: FiveTuple; readonly on: boolean }
  | { readonly kind: 'tell'; readonly event: Event }
  /** There is more to do for the last input than fits one turn: hand in `continue` once others have had theirs. */
  | { readonly kind: 'continue' }
