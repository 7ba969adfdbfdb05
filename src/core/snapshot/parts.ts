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
const owner = record({ tenant: text, user: text })
const relay = record({ family, socket, address: socketAddress })
const traffic = record({
  toPeer: record({ packets: f64, bytes: f64 }),
  toClient: record({ packets: f64, bytes: f64 }),
})
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

const replyTo = record({
  socket,
  to: socketAddress,
  via,
  method: u16,
  transaction: octetString,
  fingerprint: flag,
  at: time,
  signature: record({ kind: oneOf(['sha1', 'sha256'] as const), key: secret }),
  username: optional(text),
})

export const ALLOCATION = record({
  id: allocationId,
  client: record({ socket, address: socketAddress, via }),
  identity: record({ owner, username: text, key: secret, algorithm: u8, expires: optional(time) }),
  since: time,
  state: oneOf(['opening', 'aborted', 'open'] as const),
  firstLifetime: seconds,
  replyTo,
  answered: optional(octetString),
  lacking: optional(record({ family, code: u16 as Shape<440 | 508> })),
  due: time,
  legs: list(
    record({
      relay,
      expires: time,
      /** Routes of other allocations that lead here, in order. */
      linked: list(record({ allocation: allocationId, peer: socketAddress })),
    }),
  ),
  permissions: list(record({ ip, expires: time })),
  /** Peers with a channel, or a route, or both. */
  peers: list(
    record({
      peer: socketAddress,
      channel: channelNumber as Shape<ChannelNumber | 0>,
      /** Of the channel; a peer without one is admitted by its permission. */
      expires: time,
      isRouted: flag,
      local: optional(socket),
      wire: optional(socketAddress),
    }),
  ),
  permitted: f64,
  dropped: f64,
  traffic,
})
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
