import type { Address, PeerAddress } from '../base/address.ts'
import type { AllocationId, SocketId } from '../base/ids.ts'
import type { Carried } from '../base/route.ts'
import type { Via } from '../base/via.ts'
import type { Slowed } from './buckets.ts'
import type { RelayConfig } from './config.ts'
import type { CapacityCause, CloseReason } from './event.ts'
import type { FailedFamily, RelaySocket } from './relay-socket.ts'
import type { SnapshotPart } from './snapshot/parts.ts'

/** What the world found for a claim. `relays` holds one or two, IPv4 before IPv6. */
export interface Opened {
  readonly allocation: AllocationId
  readonly relays: readonly RelaySocket[]
  readonly failed?: FailedFamily
  /** The odd sibling of an EVEN-PORT pair, held for a RESERVATION-TOKEN. */
  readonly reserved?: RelaySocket
  /** The token of such a port where the world holds it itself, for all shards. */
  readonly token?: Buffer
}

/** Why a claim was refused: 486 a quota, 508 no port or too many allocations in all. */
export interface Refused {
  readonly allocation: AllocationId
  readonly code: 486 | 508
  readonly why: string
  readonly cause?: CapacityCause
  /** Present where the user only has to wait. */
  readonly tooFast?: true
}

/** An ICMP error that a peer's network sent for a datagram of ours (RFC 8656 §11.5). */
export interface Unreachable {
  /** The relay socket that sent the datagram. */
  readonly socket: SocketId
  /** Where the datagram was going: the embedded destination, not the router that complains. */
  readonly peer: PeerAddress
  readonly type: number
  readonly code: number
  /** The next hop's MTU for "packet too big" and "fragmentation needed", else 0. */
  readonly data: number
}

/** What routes of an allocation have carried that are gone. Not told of an allocation that has ended. */
export interface RoutesEnded {
  readonly allocation: AllocationId
  readonly carried: Readonly<Carried>
}

/** A datagram, or a frame of a stream, and where it came from. */
export interface Datagram {
  readonly kind: 'datagram'
  /** `relay` is what peers send to a relayed address. */
  readonly via: Via
  readonly socket: SocketId
  readonly from: Address
  readonly bytes: Buffer
  /** Another shard has referred it to this one, which answers it in any case. */
  readonly isReferred?: true
}

/** Everything that can happen to the relay. The state is a fold over these. */
export type Input =
  | Datagram
  | ({ readonly kind: 'opened' } & Opened)
  | ({ readonly kind: 'refused' } & Refused)
  | ({ readonly kind: 'unreachable' } & Unreachable)
  | ({ readonly kind: 'routes-ended' } & RoutesEnded)
  | { readonly kind: 'hangup'; readonly socket: SocketId }
  /** `handed-over`: it lives on in another process, and nothing is told of its end here. */
  | {
      readonly kind: 'revoke'
      readonly allocation: AllocationId
      readonly reason: CloseReason | 'handed-over'
    }
  | { readonly kind: 'drain'; readonly on: boolean }
  /** Memory is nearly full, or there is room again. */
  | { readonly kind: 'memory'; readonly isShort: boolean }
  /**
   * A new configuration under live allocations: what the peer policy now denies
   * is no longer relayed, rates are the new ones, nothing else moves.
   */
  | { readonly kind: 'configure'; readonly config: RelayConfig }
  /** Budgets are used up, or no longer: these users are slowed down now, and nobody else. */
  | { readonly kind: 'slow'; readonly slowed: Slowed }
  /** A piece of another relay's state for a fresh one; all of them, in the order that `readSnapshot` gives. */
  | { readonly kind: 'restore'; readonly part: SnapshotPart }
  | { readonly kind: 'tick' }
  /** Answers the command of the same name. */
  | { readonly kind: 'continue' }
