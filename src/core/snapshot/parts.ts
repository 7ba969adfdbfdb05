import type { AllocationId, ChannelNumber, SocketId } from '../../base/ids.ts'
import type { Seconds, Time } from '../../base/time.ts'
import { VIA } from '../../base/via.ts'
import { list, oneOf, optional, record, SHAPES, type Shape, type Shaped } from './shapes.ts'

const { f64, flag, ip, latin1, octetString, piece, secret, secretLatin1, socketAddress, text, u8, u16, u32 } =
  SHAPES

const time = f64 as Shape<Time>
const seconds = f64 as Shape<Seconds>
const allocationId = f64 as Shape<AllocationId>
const socket = u32 as Shape<SocketId>
const channelNumber = u16 as Shape<ChannelNumber>
const family = u8 as Shape<4 | 6>
const via = oneOf(VIA)
const owner = record({ tenant: text, user: text }, (of, r) => ({
  tenant: of.tenant.read(r),
  user: of.user.read(r),
}))
const relay = record({ family, socket, address: socketAddress }, (of, r) => ({
  family: of.family.read(r),
  socket: of.socket.read(r),
  address: of.address.read(r),
}))
const amount = record({ packets: f64, bytes: f64 }, (of, r) => ({
  packets: of.packets.read(r),
  bytes: of.bytes.read(r),
}))
const traffic = record({ toPeer: amount, toClient: amount }, (of, r) => ({
  toPeer: of.toPeer.read(r),
  toClient: of.toClient.read(r),
}))
const held = record({ count: f64, from: socketAddress })

/** What there is one of. */
export const BASE = record({
  at: time,
  draining: flag,
  lastId: f64,
  /** Allocations that a new configuration has not been applied to yet. */
  unconfigured: list(allocationId),
  withheldUntil: time,
  nonceKey: secret,
  ticketKey: secret,
  reported: time,
  unverified: held,
  guessing: held,
})

/** A piece of a table that this relay has for itself; those that several shards share are not in a snapshot. */
export const PIECE = record({ of: oneOf(['debts', 'proofs'] as const), size: u32, from: u32, bytes: piece })

export const BUCKET = record({ name: text, rate: f64, owed: f64, at: time })
export const SCAN = record({ user: text, until: time, told: flag, peers: list(latin1) })
export const RESERVATION = record({ token: secretLatin1, relay, owner, client: socketAddress, expires: time })
export const REMEMBERED = record({
  socket,
  client: socketAddress,
  transaction: octetString,
  bytes: octetString,
  until: time,
})

/** The 5-tuple of an allocation. */
const client = record({ socket, address: socketAddress, via }, (of, r) => ({
  socket: of.socket.read(r),
  address: of.address.read(r),
  via: of.via.read(r),
}))
/** How a client with tickets moves. */
const mobility = record({
  latest: u32,
  oldest: u32,
  arrival: optional(record({ client, ticket: u32, until: time })),
  answered: optional(record({ client, transaction: octetString, bytes: octetString })),
})
const identity = record(
  { owner, username: text, key: secret, algorithm: u8, expires: optional(time) },
  (of, r) => ({
    owner: of.owner.read(r),
    username: of.username.read(r),
    key: of.key.read(r),
    algorithm: of.algorithm.read(r),
    expires: of.expires.read(r),
  }),
)
/** What of the Allocate request the client and its identity do not say. */
const request = record(
  {
    transaction: octetString,
    fingerprint: flag,
    signature: oneOf(['sha1', 'sha256'] as const),
    username: optional(text),
  },
  (of, r) => ({
    transaction: of.transaction.read(r),
    fingerprint: of.fingerprint.read(r),
    signature: of.signature.read(r),
    username: of.username.read(r),
  }),
)
const leg = record(
  {
    relay,
    expires: time,
    /** Routes of other allocations that lead here, in order. */
    linked: list(record({ allocation: allocationId, peer: socketAddress })),
  },
  (of, r) => ({ relay: of.relay.read(r), expires: of.expires.read(r), linked: of.linked.read(r) }),
)
const permission = record({ ip, expires: time }, (of, r) => ({
  ip: of.ip.read(r),
  expires: of.expires.read(r),
}))
/** A peer with a channel, or a route, or both. */
const peer = record(
  {
    peer: socketAddress,
    channel: channelNumber as Shape<ChannelNumber | 0>,
    /** Of the channel; a peer without one is admitted by its permission. */
    expires: time,
    isRouted: flag,
    local: optional(socket),
    wire: optional(socketAddress),
  },
  (of, r) => ({
    peer: of.peer.read(r),
    channel: of.channel.read(r),
    expires: of.expires.read(r),
    isRouted: of.isRouted.read(r),
    local: of.local.read(r),
    wire: of.wire.read(r),
  }),
)

export const ALLOCATION = record(
  {
    id: allocationId,
    client,
    mobility: optional(mobility),
    identity,
    since: time,
    state: oneOf(['opening', 'aborted', 'open'] as const),
    firstLifetime: seconds,
    request,
    answered: optional(octetString),
    lacking: optional(record({ family, code: u16 as Shape<440 | 508> })),
    due: time,
    legs: list(leg),
    permissions: list(permission),
    peers: list(peer),
    permitted: f64,
    dropped: f64,
    traffic,
  },
  (of, r) => ({
    id: of.id.read(r),
    client: of.client.read(r),
    mobility: of.mobility.read(r),
    identity: of.identity.read(r),
    since: of.since.read(r),
    state: of.state.read(r),
    firstLifetime: of.firstLifetime.read(r),
    request: of.request.read(r),
    answered: of.answered.read(r),
    lacking: of.lacking.read(r),
    due: of.due.read(r),
    legs: of.legs.read(r),
    permissions: of.permissions.read(r),
    peers: of.peers.read(r),
    permitted: of.permitted.read(r),
    dropped: of.dropped.read(r),
    traffic: of.traffic.read(r),
  }),
)
export type AllocationRecord = Shaped<typeof ALLOCATION>

/** Kinds of parts, by the octet that begins them. */
export const PARTS = {
  1: { kind: 'base', shape: BASE },
  2: { kind: 'buckets', shape: list(BUCKET) },
  3: { kind: 'scans', shape: list(SCAN) },
  4: { kind: 'reservations', shape: list(RESERVATION) },
  5: { kind: 'remembered', shape: list(REMEMBERED) },
  6: { kind: 'allocations', shape: list(ALLOCATION) },
  7: { kind: 'table', shape: PIECE },
} as const
/** The octet after the last part. */
export const END = 0

type Parts = typeof PARTS
/** A piece of a snapshot that is restored in one go, small enough to keep nobody waiting. */
export type SnapshotPart =
  | {
      [N in keyof Parts]: { readonly kind: Parts[N]['kind']; readonly value: Shaped<Parts[N]['shape']> }
    }[keyof Parts]
  /** All allocations are there: routes between them are tied to both ends. */
  | { readonly kind: 'links'; readonly value: readonly AllocationRecord[] }
  | { readonly kind: 'complete' }
