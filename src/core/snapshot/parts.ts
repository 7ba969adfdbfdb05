import type { AllocationId, ChannelNumber, SocketId } from '../../base/ids.ts'
import type { Seconds, Time } from '../../base/time.ts'
import { VIA } from '../../base/via.ts'
import { list, literal, oneOf, optional, record, SHAPES, type Shape, type Shaped } from './shapes.ts'
import { LEFT_CONTACT, MEMBER } from './shared-parts.ts'

const { f64, flag, ip, latin1, octetString, piece, secret, secretLatin1, socketAddress, text, u8, u16, u32 } =
  SHAPES

const time = f64 as Shape<Time>
const seconds = f64 as Shape<Seconds>
const allocationId = f64 as Shape<AllocationId>
const socket = u32 as Shape<SocketId>
const channelNumber = u16 as Shape<ChannelNumber>
const family = u8 as Shape<4 | 6>
const via = oneOf(VIA)
const owner = literal(
  r => ({
    tenant: text.read(r),
    user: text.read(r),
  }),
  (w, of) => {
    text.write(w, of.tenant)
    text.write(w, of.user)
  },
)
const relay = literal(
  r => ({
    family: family.read(r),
    socket: socket.read(r),
    address: socketAddress.read(r),
  }),
  (w, of) => {
    family.write(w, of.family)
    socket.write(w, of.socket)
    socketAddress.write(w, of.address)
  },
)
const amount = literal(
  r => ({
    packets: f64.read(r),
    bytes: f64.read(r),
  }),
  (w, of) => {
    f64.write(w, of.packets)
    f64.write(w, of.bytes)
  },
)
const traffic = literal(
  r => ({
    toPeer: amount.read(r),
    toClient: amount.read(r),
  }),
  (w, of) => {
    amount.write(w, of.toPeer)
    amount.write(w, of.toClient)
  },
)
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
const client = literal(
  r => ({
    socket: socket.read(r),
    address: socketAddress.read(r),
    via: via.read(r),
  }),
  (w, of) => {
    socket.write(w, of.socket)
    socketAddress.write(w, of.address)
    via.write(w, of.via)
  },
)
/** How a client with tickets moves. */
const mobility = optional(
  record({
    latest: u32,
    oldest: u32,
    arrival: optional(record({ client, ticket: u32, until: time })),
    answered: optional(record({ client, transaction: octetString, bytes: octetString })),
  }),
)
const moment = optional(time)
const identity = literal(
  r => ({
    owner: owner.read(r),
    username: text.read(r),
    key: secret.read(r),
    algorithm: u8.read(r),
    expires: moment.read(r),
  }),
  (w, of) => {
    owner.write(w, of.owner)
    text.write(w, of.username)
    secret.write(w, of.key)
    u8.write(w, of.algorithm)
    moment.write(w, of.expires)
  },
)
const signature = oneOf(['sha1', 'sha256'] as const)
const maybeText = optional(text)
/** What of the Allocate request the client and its identity do not say. */
const request = literal(
  r => ({
    transaction: octetString.read(r),
    fingerprint: flag.read(r),
    signature: signature.read(r),
    username: maybeText.read(r),
  }),
  (w, of) => {
    octetString.write(w, of.transaction)
    flag.write(w, of.fingerprint)
    signature.write(w, of.signature)
    maybeText.write(w, of.username)
  },
)
/** Routes of other allocations that lead here, in order. */
const linked = list(record({ allocation: allocationId, peer: socketAddress }))
const legs = list(
  literal(
    r => ({
      relay: relay.read(r),
      expires: time.read(r),
      linked: linked.read(r),
    }),
    (w, of) => {
      relay.write(w, of.relay)
      time.write(w, of.expires)
      linked.write(w, of.linked)
    },
  ),
)
const permissions = list(
  literal(
    r => ({
      ip: ip.read(r),
      expires: time.read(r),
    }),
    (w, of) => {
      ip.write(w, of.ip)
      time.write(w, of.expires)
    },
  ),
)
const channel = channelNumber as Shape<ChannelNumber | 0>
const local = optional(socket)
const wire = optional(socketAddress)
/**
 * Peers with a channel, or a route, or both. `expires` is of the channel; a peer without one is admitted by its
 * permission.
 */
const peers = list(
  literal(
    r => ({
      peer: socketAddress.read(r),
      channel: channel.read(r),
      expires: time.read(r),
      isRouted: flag.read(r),
      local: local.read(r),
      wire: wire.read(r),
    }),
    (w, of) => {
      socketAddress.write(w, of.peer)
      channel.write(w, of.channel)
      time.write(w, of.expires)
      flag.write(w, of.isRouted)
      local.write(w, of.local)
      wire.write(w, of.wire)
    },
  ),
)

const state = oneOf(['opening', 'aborted', 'open'] as const)
const answered = optional(octetString)
const lacking = optional(record({ family, code: u16 as Shape<440 | 508> }))
export const ALLOCATION = literal(
  r => ({
    id: allocationId.read(r),
    client: client.read(r),
    mobility: mobility.read(r),
    identity: identity.read(r),
    since: time.read(r),
    state: state.read(r),
    firstLifetime: seconds.read(r),
    request: request.read(r),
    answered: answered.read(r),
    lacking: lacking.read(r),
    due: time.read(r),
    legs: legs.read(r),
    permissions: permissions.read(r),
    peers: peers.read(r),
    permitted: f64.read(r),
    dropped: f64.read(r),
    traffic: traffic.read(r),
  }),
  (w, of) => {
    allocationId.write(w, of.id)
    client.write(w, of.client)
    mobility.write(w, of.mobility)
    identity.write(w, of.identity)
    time.write(w, of.since)
    state.write(w, of.state)
    seconds.write(w, of.firstLifetime)
    request.write(w, of.request)
    answered.write(w, of.answered)
    lacking.write(w, of.lacking)
    time.write(w, of.due)
    legs.write(w, of.legs)
    permissions.write(w, of.permissions)
    peers.write(w, of.peers)
    f64.write(w, of.permitted)
    f64.write(w, of.dropped)
    traffic.write(w, of.traffic)
  },
)
export type AllocationRecord = Shaped<typeof ALLOCATION>

/** What an allocation has carried: all that changes of most between two copies. */
const FIGURES = literal(
  r => ({
    id: allocationId.read(r),
    dropped: f64.read(r),
    traffic: traffic.read(r),
  }),
  (w, of) => {
    allocationId.write(w, of.id)
    f64.write(w, of.dropped)
    traffic.write(w, of.traffic)
  },
)

/** Kinds of parts, by the octet that begins them. */
export const PARTS = {
  1: { kind: 'base', shape: BASE },
  2: { kind: 'buckets', shape: list(BUCKET) },
  3: { kind: 'scans', shape: list(SCAN) },
  4: { kind: 'reservations', shape: list(RESERVATION) },
  5: { kind: 'remembered', shape: list(REMEMBERED) },
  6: { kind: 'allocations', shape: list(ALLOCATION) },
  7: { kind: 'table', shape: PIECE },
  /** Only in a difference: allocations that have ended, or follow once more, and no longer as they were. */
  8: { kind: 'gone', shape: list(allocationId) },
  /** Only in a difference: of all allocations, in order. */
  9: { kind: 'figures', shape: list(FIGURES) },
  /** Only where relay ports are shared, and once all allocations are there. */
  10: { kind: 'members', shape: list(MEMBER) },
  /** The same. */
  11: { kind: 'left-contacts', shape: list(LEFT_CONTACT) },
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
