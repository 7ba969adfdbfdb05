import type { Address } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'
import type { Owner } from '../../core/event.ts'
import type { Datagram, RoutesEnded } from '../../core/input.ts'
import type { RelayKeys } from '../../core/relay.ts'
import type { ConnectionRest, GivenConnection, GivenListener } from '../../net/stream/given.ts'
import type { Door } from '../guests/guest-message.ts'

/**
 * A UDP socket that is let go of without being closed. Where a relay socket is not open, `local` is what clients were
 * told of its address.
 */
export interface GivenUdp {
  readonly id: SocketId
  readonly purpose: 'listener' | 'relay'
  readonly local: Address
  readonly fd: number
}

/** Secrets that clients have something of, and where each shard is reached. */
export interface KnownBeside {
  readonly keys: RelayKeys
  readonly shards: readonly KnownShard[]
}

/** UDP sockets of a shard that clients talk to, and those of other shards, by the ids that they have here. */
export interface KnownShard {
  readonly listeners: ReadonlyMap<SocketId, Address>
  readonly doors: GivenShard['doors']
}

/** A port that waits for its RESERVATION-TOKEN, and whose unit of quota it is. */
export interface GivenReservation {
  readonly socket: SocketId
  readonly owner: Owner
  readonly client: Address
}

/** What has come of a shard while it was taken over: the end of a hand-over in which data goes on. */
export interface ShardRest {
  /** Of each connection in `GivenShard.connections`, in their order; undefined for one that has ended. */
  readonly connections: readonly (ConnectionRest | undefined)[]
  readonly carried: readonly RoutesEnded[]
  /** Datagrams and frames that wait to be handled. */
  readonly waiting: readonly Datagram[]
}

/** What a shard hands over: its state at one moment, and the sockets that go with it. */
export interface GivenShard {
  readonly snapshot: Uint8Array
  readonly udp: readonly GivenUdp[]
  readonly listeners: readonly GivenListener[]
  readonly connections: readonly GivenConnection[]
  readonly reserved: readonly GivenReservation[]
  /** Where sockets are that other shards have, by the ids that they have here. */
  readonly doors: readonly (readonly [SocketId, Door])[]
  /**
   * Where copies went ahead: relay sockets that were in them and are closed. The others of them are there already, and
   * `snapshot` is what has changed since the last copy.
   */
  readonly closed?: readonly SocketId[] | undefined
}
