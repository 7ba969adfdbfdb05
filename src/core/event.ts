import type { ClientAddress, PeerAddress, RelayedAddress } from '../base/address.ts'
import type { FiveTuple } from '../base/five-tuple.ts'
import type { AllocationId, ChannelNumber } from '../base/ids.ts'
import type { Traffic } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Via } from '../base/via.ts'
import type { HostKey } from './environment.ts'

/**
 * `lost`: the shard that held it broke. Told for it, since it cannot say so
 * itself. `moved`: its relayed address is no longer ours.
 */
export type CloseReason = 'expired' | 'released' | 'hangup' | 'revoked' | 'stopped' | 'lost' | 'moved'

/**
 * Why a request was answered with an error. The first four are separate so that
 * operators can distinguish them: `first-401` is how every session begins.
 */
export type RejectReason =
  | 'first-401'
  | 'expired'
  | 'wrong-secret'
  | 'unknown-user'
  | 'wrong-realm'
  | 'stale-nonce'
  | 'guessing'
  | 'paused'
  | 'blocked'
  | 'bad-request'
  | 'unknown-attribute'
  | 'mismatch'
  | 'wrong-user'
  | 'unsupported'
  | 'denied-peer'
  | 'quota'
  | 'capacity'
  | 'draining'
  | 'allocation-rate'
  | 'scan'
  | 'internal'

/** What there was not enough of, where that is known: what an operator can do about it hangs on this. */
export type CapacityCause =
  | 'allocations'
  | 'ports'
  | 'relay-address'
  | 'shared-port'
  | 'descriptors'
  | 'reservation'
  | 'permissions'
  | 'channels'
  | 'user-share'
  | 'peers-in-all'
  | 'memory'

/**
 * What is held back without an answer: `unverified`, answers to sources that
 * have proved nothing; `guessing`, integrity that was wrong too often; `scan`,
 * peers beyond what one user may try in a minute; `requests`, signed requests
 * that come too fast.
 */
export type ThrottleReason = 'unverified' | 'guessing' | 'scan' | 'requests'

/**
 * Why a connection ended before a client was served on it: what came instead
 * of STUN, or how the TLS handshake failed.
 */
export type UnservedReason =
  | 'http'
  | 'proxy-header'
  | 'proxy-source'
  | 'proxy-missing'
  | 'proxy-malformed'
  | 'web-full'
  | 'web-unreachable'
  | 'not-stun'
  | 'plain-on-tls'
  | 'tls-without-certificate'
  | 'tls-untrusted'
  | 'tls-version'
  | 'tls-cipher'
  | 'tls-protocol'
  | 'tls-broken-off'
  | 'tls-timeout'
  | 'tls-other'

/** Whose allocation it is, as quotas, logs and figures see it. */
export interface Owner {
  /** Name of the homeserver whose secret verified, or '' for a long-term user. */
  readonly tenant: string
  /** The part after the timestamp, e.g. `@alice:example.org`; the bare issuer's is ''. */
  readonly user: string
}

/**
 * Equal for equal owners only: neither a homeserver's name nor a user name can
 * hold a NUL, and the first one parts them.
 */
export function ownerKey(owner: Owner): string {
  return `${owner.tenant}\0${owner.user}`
}

/** A fact, told once, in the past tense. Read by the log and the metrics. */
export type Event = { readonly at: Time } & (
  | {
      readonly kind: 'opened'
      readonly allocation: AllocationId
      readonly owner: Owner
      readonly client: ClientAddress
      readonly via: Via
      readonly relayed: readonly RelayedAddress[]
    }
  | {
      /** A client with a ticket speaks from another 5-tuple (RFC 8016). */
      readonly kind: 'roamed'
      readonly allocation: AllocationId
      readonly client: ClientAddress
      readonly via: Via
      readonly before: { readonly client: ClientAddress; readonly via: Via }
    }
  | {
      readonly kind: 'permitted'
      readonly allocation: AllocationId
      readonly peers: readonly PeerAddress[]
    }
  | {
      readonly kind: 'bound'
      readonly allocation: AllocationId
      readonly channel: ChannelNumber
      readonly peer: PeerAddress
    }
  | {
      readonly kind: 'closed'
      readonly allocation: AllocationId
      readonly owner: Owner
      readonly client: ClientAddress
      readonly via: Via
      readonly relayed: readonly RelayedAddress[]
      readonly reason: CloseReason
      readonly since: Time
      readonly traffic: Traffic
      /** How often a permission was installed for an IP address that had none. */
      readonly peers: number
    }
  /** A reserved port went back without being used; its quota unit with it. */
  | { readonly kind: 'unreserved'; readonly owner: Owner; readonly client: ClientAddress }
  /** A client wanted to reach a port of this machine that the peer policy keeps closed. Told once in a while. */
  | {
      readonly kind: 'withheld'
      readonly allocation: AllocationId
      readonly owner: Owner
      readonly peer: PeerAddress
      /** What in `peers` would open it. */
      readonly key: HostKey
    }
  | {
      readonly kind: 'rejected'
      readonly from: ClientAddress
      readonly via: Via
      readonly method: string
      readonly code: number
      readonly why: RejectReason
      readonly detail: string
      /** With `capacity` only. */
      readonly cause?: CapacityCause
      /**
       * True where the request had a nonce that this address was given, so it
       * receives there, and nobody has sent this in its name.
       */
      readonly isReturning?: true
      /** USERNAME as sent, unverified; for the log only, and only as a pseudonym. */
      readonly username?: string
      /** Whose request it was, where it has proved itself. */
      readonly owner?: Owner
    }
  | {
      /** Not by the core, which has never heard of the connection, but by what accepted it. */
      readonly kind: 'unserved'
      readonly from: ClientAddress
      readonly why: UnservedReason
      /** A sentence in our words; nothing that the client chose is in it. */
      readonly detail: string
      /** How the proxy in front names the connection in its own log: ASCII without blanks. */
      readonly uniqueId?: string
    }
  | {
      /** Told once in a while for each reason, and for `scan` once for each user who begins one. */
      readonly kind: 'throttled'
      readonly why: ThrottleReason
      /** How often since it was last told. */
      readonly count: number
      /** One of those whom it befell. */
      readonly from: ClientAddress
      /** Whose it was, for `scan` and `requests`. */
      readonly owner?: Owner
    }
)

/** Tells of an open allocation to those who have not heard of it, such as after a hand-over. */
export function openedEvent({
  id,
  since,
  identity,
  client,
  legs,
}: {
  readonly id: AllocationId
  readonly since: Time
  readonly identity: { readonly owner: Owner }
  readonly client: FiveTuple
  readonly legs: readonly { readonly relay: { readonly address: RelayedAddress } }[]
}): Extract<Event, { kind: 'opened' }> {
  return {
    kind: 'opened',
    at: since,
    allocation: id,
    owner: identity.owner,
    client: client.address,
    via: client.via,
    relayed: legs.map(({ relay }) => relay.address),
  }
}
