import type { FiveTuple } from '../../base/five-tuple.ts'
import type { AllocationId, SocketId } from '../../base/ids.ts'
import type { Via } from '../../base/via.ts'

/**
 * What shards tell each other of guests: clients whose allocation is with
 * another shard than their socket. The socket's shard is at the door, the
 * allocation's is the host. Sockets are named by the ids of the one at the door.
 */
export type GuestMessage =
  /** To the host: a datagram or frame. `isReferred`: a Refresh that the host has to answer in any case. */
  | {
      readonly kind: 'came'
      readonly client: FiveTuple
      readonly bytes: Uint8Array
      readonly isReferred: boolean
    }
  /** To all hosts: a connection has ended. */
  | { readonly kind: 'left'; readonly socket: SocketId }
  /** To the door: what the host sends to the client. */
  | { readonly kind: 'send'; readonly client: FiveTuple; readonly bytes: Uint8Array }
  /** To the door: the 5-tuple is the host's from now on, or no longer. */
  | { readonly kind: 'host'; readonly client: FiveTuple; readonly on: boolean }

/** Where the socket of a guest really is: its shard, and the id that it has there. */
export interface Door {
  readonly shard: number
  readonly socket: SocketId
  readonly via: Via
}

/** How a shard reaches the others, by their numbers. */
export interface GuestPost {
  /** To the shard that holds the allocation; back to this one where none does. */
  refer(allocation: AllocationId, message: GuestMessage): void
  to(shard: number, message: GuestMessage): void
  toAll(message: GuestMessage): void
  /** Notes, for the shard that takes this one's place, where a socket is; nowhere any more where it is absent. */
  door(socket: SocketId, door: Door | undefined): void
}
