import type { ClientAddress, PeerAddress, RelayedAddress, WireAddress } from './address.ts'
import type { ChannelNumber, LifetimeId, MeterId, RouteId, SocketId } from './ids.ts'
import type { Via } from './via.ts'

/**
 * All the data plane needs to move datagrams between one client and one peer:
 * over a bound channel (RFC 8656 §12), or as Send and Data indications when
 * the peer is permitted but has no channel (§11).
 *
 * It lives only while both directions may flow: until the relayed address ends,
 * or what admits the peer. Those moments stand in `Lifetimes`, so that a refresh
 * changes no route.
 */
export interface Route {
  readonly id: RouteId
  /** 0 when the peer has no channel. A peer with a channel may be sent indications all the same. */
  readonly channel: ChannelNumber | 0
  /** The client's address, and the socket that it talks to: a listener's, or its own stream connection. */
  readonly client: ClientAddress
  readonly clientSocket: SocketId
  readonly via: Via
  /** The allocation's relayed address as peers see it, and its socket. */
  readonly relayed: RelayedAddress
  readonly relaySocket: SocketId
  readonly peer: PeerAddress
  /**
   * Present when the peer is a relayed address of this very server: the relay
   * socket of that other allocation. Such datagrams never touch the network;
   * they are taken as if they had arrived at that socket from `relayed`.
   */
  readonly local?: SocketId
  /**
   * Present when the peer is a relayed address of another shard: what its
   * socket is bound to, where datagrams go and where they come from.
   */
  readonly wire?: WireAddress
  /** When the relayed address ends. */
  readonly relayedLifetime: LifetimeId
  /** When what admits the peer ends: its channel where it has one, else the permission for its IP address. */
  readonly peerLifetime: LifetimeId
  /** Token buckets that every payload must pass, in either direction: the user's, the homeserver's, the total. */
  readonly meters: readonly MeterId[]
}

/** Payload counts; headers excluded. */
export interface Traffic {
  toPeer: { packets: number; bytes: number }
  toClient: { packets: number; bytes: number }
}

/** What routes have carried, and how many datagrams their token buckets have dropped. */
export interface Carried {
  readonly traffic: Traffic
  dropped: number
}

export function nothingCarried(): Carried {
  return { traffic: noTraffic(), dropped: 0 }
}

export function addCarried(sum: Carried, more: Readonly<Carried>): void {
  addTraffic(sum.traffic, more.traffic)
  sum.dropped += more.dropped
}

export function noTraffic(): Traffic {
  return { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 0, bytes: 0 } }
}

export function addTraffic(sum: Traffic, more: Readonly<Traffic>): void {
  sum.toPeer.packets += more.toPeer.packets
  sum.toPeer.bytes += more.toPeer.bytes
  sum.toClient.packets += more.toClient.packets
  sum.toClient.bytes += more.toClient.bytes
}
