import type { Address, Family } from '../base/address.ts'
import type { Seconds } from '../base/time.ts'

/**
 * How the relay is set up: data only, so that it can be recorded. The input
 * `configure` replaces it under live allocations. What has to be asked for is
 * in `Environment`.
 */
export interface RelayConfig {
  readonly realm: string
  /** Sent as SOFTWARE in Binding, Allocate and Refresh answers when present. */
  readonly software?: string
  /** Reason phrases in ERROR-CODE; without them every error answer is smaller. */
  readonly reasonPhrases: boolean
  /** MAPPED-ADDRESS beside XOR-MAPPED-ADDRESS in Binding answers. */
  readonly mappedAddress: boolean
  /** Answers RFC 3489 Binding requests over UDP. */
  readonly classicStun: boolean
  /** Takes channel numbers up to 0x7FFE (RFC 5766). */
  readonly legacyChannelNumbers: boolean
  /** Offers PASSWORD-ALGORITHMS with SHA-256. */
  readonly sha256: boolean
  /** Offers USERHASH; only of use where every user is in a list. */
  readonly userhash: boolean
  readonly lifetime: { readonly default: Seconds; readonly max: Seconds }
  readonly nonceLifetime: Seconds
  /** Families that relay addresses exist for. */
  readonly families: readonly Family[]
  /** Relay ports that many allocations have at a time; all others are one allocation's. */
  readonly sharedPorts?: readonly number[]
  /** What a request without REQUESTED-ADDRESS-FAMILY gets: IPv4 as RFC 8656 §7.2 says, or the listener's. */
  readonly defaultFamily: 'ipv4' | 'listener'
  /** True where sockets can set DF; else DONT-FRAGMENT is an unknown attribute (RFC 8656 §7.2). */
  readonly dontFragment: boolean
  /** Gives tickets to clients that ask for one, with which they change networks (RFC 8016). */
  readonly mobility: boolean
  /** A credential past its expiry is refused on Refresh, CreatePermission and ChannelBind too. */
  readonly strictExpiry: boolean
  readonly limits: {
    readonly permissionsPerAllocation: number
    readonly channelsPerAllocation: number
    /** Of one user, in all their allocations here. */
    readonly permissionsPerUser: number
    readonly channelsPerUser: number
    /** Of all together. */
    readonly permissions: number
    readonly channels: number
    /** Octets a second, or undefined for no limit. */
    readonly bytesPerSecondPerUser?: number
    readonly bytesPerSecondPerTenant?: ReadonlyMap<string, number>
    readonly bytesPerSecond?: number
    /** Answers a second to sources of one network that have proved nothing; undefined for no limit. */
    readonly unverifiedAnswersPerNetwork?: number
    /** The same, to all together. */
    readonly unverifiedAnswers?: number
    /** Repeated wrong passwords are tried ever more slowly. */
    readonly backOff?: boolean
    /** Different peers that one user may try in a minute; undefined for no limit. */
    readonly peersPerUserPerMinute?: number
    /** Signed requests of one user; undefined for no limit. */
    readonly requestsPerUserPerSecond?: number
  }
  /** Where to send clients (300, RFC 8489 §10) while draining. */
  readonly alternate?: { readonly addresses: readonly Address[]; readonly domain?: string }
  /**
   * A homeserver whose users reach nothing but live relayed addresses at these
   * IP addresses, whatever the peer policy allows.
   */
  readonly confined?: { readonly tenant: string; readonly ips: readonly Uint8Array[] }
}
