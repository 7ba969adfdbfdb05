import { type Address, ipKey } from '../base/address.ts'
import type { AllocationId, ChannelNumber, SocketId } from '../base/ids.ts'
import type { Route, Traffic } from '../base/route.ts'
import type { Seconds, Time } from '../base/time.ts'
import type { Via } from '../base/via.ts'
import type { FailedFamily, RelaySocket } from './relay-socket.ts'
import type { ReplyTo } from './reply.ts'
import type { Identity } from './signer.ts'

/** Seconds that a permission lasts (RFC 8656 §9). */
export const PERMISSION_LIFETIME = 300
/** Seconds that a channel binding lasts (RFC 8656 §12). */
export const CHANNEL_LIFETIME = 600

/** One relayed address of an allocation; a dual allocation has two. */
export interface Half {
  readonly relay: RelaySocket
  expires: Time
  /** Routes of allocations on this server that deliver to this one inside the process. */
  readonly linked: Set<RouteEntry>
}

export interface Permission {
  readonly ip: Uint8Array
  expires: Time
}

export interface Channel {
  readonly number: ChannelNumber
  readonly peer: Address
  expires: Time
}

/** A route that forwarders hold, and whose it is. */
export interface RouteEntry {
  readonly allocation: Allocation
  route: Route
  /** The half of another allocation that `route.local` names. */
  link: Half | undefined
}

/** What one client holds on this server (RFC 8656 §3.2). */
export interface Allocation {
  readonly id: AllocationId
  /** The 5-tuple: the client's address and the socket it talks to, which stands for the server's. */
  readonly client: { readonly socket: SocketId; readonly address: Address; readonly via: Via }
  readonly identity: Identity
  readonly since: Time
  /** `opening` while the world binds its relay sockets; `aborted` when the client left meanwhile. */
  state: 'opening' | 'aborted' | 'open' | 'closed'
  /** Seconds granted, until a Refresh says otherwise. */
  readonly lifetime: Seconds
  /** The Allocate request to answer, and to recognise when it is sent again (RFC 8489 §6.3.1). */
  readonly asked: ReplyTo
  answered: Buffer | undefined
  /** The family of a dual allocation that this server has no relay address for. */
  readonly lacking: FailedFamily | undefined
  halves: Half[]
  /** The earliest moment anything below can lapse; the sweep looks no further. */
  due: Time
  /** By peer IP address (RFC 8656 §9). */
  readonly permissions: Map<number | string, Permission>
  readonly channels: Map<ChannelNumber, Channel>
  /** By peer address. */
  readonly channelByPeer: Map<number | string, Channel>
  readonly routes: Map<number | string, RouteEntry>
  /** How often a permission was installed for an IP address that had none. */
  peers: number
  /** Datagrams that its token buckets have dropped, but for those of routes that forwarders still have. */
  dropped: number
  /** What it has carried, but for what routes have that forwarders still have. */
  readonly traffic: Traffic
}

/** The half whose family is the peer's, while it lives. */
export function halfFor(allocation: Allocation, peer: Address, now: Time): Half | undefined {
  for (const half of allocation.halves) {
    if (half.relay.family === peer.family && half.expires > now) return half
  }
  return undefined
}

/** The permission for this peer's IP address, while it lives. */
export function permissionFor(allocation: Allocation, peer: Address, now: Time): Permission | undefined {
  const permission = allocation.permissions.get(ipKey(peer.ip))
  return permission && permission.expires > now ? permission : undefined
}

/** The channel bound to exactly this peer, while it lives. */
export function channelTo(allocation: Allocation, peer: Address, now: Time): Channel | undefined {
  const channel = allocation.channelByPeer.get(peer.key)
  return channel && channel.expires > now ? channel : undefined
}

/** Forgets a binding by its number and by its peer. */
export function unbind(allocation: Allocation, channel: Channel): void {
  allocation.channels.delete(channel.number)
  allocation.channelByPeer.delete(channel.peer.key)
}

/** The earliest moment at which anything of the allocation lapses. */
export function nextDue(allocation: Allocation): Time {
  let due = Number.POSITIVE_INFINITY
  for (const half of allocation.halves) due = Math.min(due, half.expires)
  for (const permission of allocation.permissions.values()) due = Math.min(due, permission.expires)
  for (const channel of allocation.channels.values()) due = Math.min(due, channel.expires)
  return due as Time
}
