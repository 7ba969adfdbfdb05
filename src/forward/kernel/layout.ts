import type { Address } from '../../base/address.ts'

/** The structures of bpf/relay.h, which a test compares with these. Octets. */
export const FLOW_OCTETS = 40
export const NAMED_PEER_OCTETS = 24
export const ROUTE_OCTETS = 168
export const BUCKET_OCTETS = 16

/** What a datagram with the addresses of a flow is; a channel number stands for ChannelData over that channel. */
export const KIND = { peer: 0, client: 1, local: 2 } as const

/** Where each member of a route stands. */
export const ROUTE_AT = {
  relayed_until: 0,
  peer_until: 8,
  to_peer_packets: 16,
  to_peer_bytes: 24,
  to_client_packets: 32,
  to_client_bytes: 40,
  dropped: 48,
  meters: 56,
  channel: 68,
  is_local: 70,
  client: 72,
  server: 88,
  peer: 104,
  relay: 120,
  relayed: 136,
  client_port: 152,
  server_port: 154,
  peer_port: 156,
  relay_port: 158,
  relayed_port: 160,
} as const

/** Token buckets that a route can name. */
export const MOST_METERS = 3

/** Why datagrams of a route went up to the relay, in the order of `enum reason`. */
export const PASS_REASONS = [
  'expired',
  'checksum',
  'merged',
  'no-way',
  'no-neighbour',
  'too-long',
  'no-room',
  'form',
  'other-end',
  'refresh',
] as const
export type PassReason = (typeof PASS_REASONS)[number]

/** The key of a flow: from where to where, and what it is. */
export function flowKey(from: Address, to: Address, kind: number): Uint8Array {
  const key = new Uint8Array(FLOW_OCTETS)
  writeIp(key, 0, from)
  writeIp(key, 16, to)
  writePort(key, 32, from.port)
  writePort(key, 34, to.port)
  writePort(key, 36, kind)
  return key
}

/** The key of a peer as a client names it in a Send indication. */
export function namedPeerKey(client: number, peer: Address): Uint8Array {
  const key = new Uint8Array(NAMED_PEER_OCTETS)
  new DataView(key.buffer).setUint32(0, client, true)
  writePort(key, 4, peer.port)
  writeIp(key, 8, peer)
  return key
}

/** Sixteen octets; an IPv4 address as `::ffff:a.b.c.d`. */
export function writeIp(bytes: Uint8Array, at: number, { ip }: Address): void {
  if (ip.length === 4) bytes.fill(255, at + 10, at + 12)
  bytes.set(ip, at + 16 - ip.length)
}

/** Two octets of the network's order. */
export function writePort(bytes: Uint8Array, at: number, port: number): void {
  bytes[at] = port >> 8
  bytes[at + 1] = port & 255
}
