import type { Family, PeerAddress } from '../../base/address.ts'
import type { ChannelNumber } from '../../base/ids.ts'
import type { Time } from '../../base/time.ts'
import type { Leg, OpenAllocation } from '../allocation.ts'
import type { Book } from '../book.ts'

/** The leg of a family, while it lives. */
export function legFor(book: Book, allocation: OpenAllocation, family: Family, now: Time): Leg | undefined {
  for (const leg of allocation.legs) {
    if (leg.relay.family === family && !book.lifetimes.isOver(leg.lifetime, now)) return leg
  }
  return undefined
}

/** The permission for this IP address, while it lives; else -1. */
export function permissionFor(book: Book, allocation: OpenAllocation, ip: Uint8Array, now: Time): number {
  const row = book.permissions.find(allocation.row, ip)
  return row >= 0 && !book.lifetimes.isOver(book.permissions.lifetime(row), now) ? row : -1
}

/** The number of the channel that is bound to exactly this peer, while it lives; else 0. */
export function channelTo(
  book: Book,
  allocation: OpenAllocation,
  peer: PeerAddress,
  now: Time,
): ChannelNumber | 0 {
  const row = book.peers.find(allocation.row, peer)
  if (row === undefined) return 0
  const channel = book.peers.channel(row)
  return channel !== 0 && book.lifetimes.isOver(book.peers.lifetime(row), now) ? 0 : channel
}

/** Whether data may flow to and from this peer: a permission for its IP address, or a channel to exactly this peer. */
export function isAdmitted(book: Book, allocation: OpenAllocation, peer: PeerAddress, now: Time): boolean {
  return permissionFor(book, allocation, peer.ip, now) >= 0 || channelTo(book, allocation, peer, now) !== 0
}
