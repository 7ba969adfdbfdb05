import type { Address, Family } from '../base/address.ts'
import type { Random, Seconds, Time } from '../base/time.ts'

/** How a peer may be reached. `local`: only as a live relayed address of this server, inside the process. */
export type Reach = 'yes' | 'local' | 'no'

/** Everything a relay is told from outside. `Relay.configure` replaces it under live allocations. */
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
  /** What a request without REQUESTED-ADDRESS-FAMILY gets: IPv4 as RFC 8656 §7.2 says, or the listener's. */
  readonly defaultFamily: 'ipv4' | 'listener'
  /** True where sockets can set DF; else DONT-FRAGMENT is an unknown attribute (RFC 8656 §7.2). */
  readonly dontFragment: boolean
  /** A credential past its expiry is refused on Refresh, CreatePermission and ChannelBind too. */
  readonly strictExpiry: boolean
  readonly limits: {
    readonly permissionsPerAllocation: number
    readonly channelsPerAllocation: number
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
  }
  /** Where to send clients (300, RFC 8489 §10) while draining. */
  readonly alternate?: { readonly addresses: readonly Address[]; readonly domain?: string }
  /** Decides by IP address (canonical) and port; the deny lists are compiled into it. */
  readonly reach: (peer: Address) => Reach
  /** Whose users reach nothing but live relayed addresses at these IP addresses, whatever `reach` allows. */
  readonly confined?: { readonly tenant: string; isOurs(ip: Uint8Array): boolean }
  /** What other shards of this server hold; absent where there is only one. */
  readonly siblings?: Siblings
  readonly random: Random
  /**
   * What the wall clock shows at a moment: what the expiry inside a user name is
   * compared with. The machine's may be set or stepped, `Time` never is. Absent
   * where the two are the same.
   */
  readonly wall?: (at: Time) => Time
}

/**
 * The relayed addresses of the other shards. A datagram between two shards goes
 * through the kernel from one relay socket to the other, by the addresses they
 * are bound to, which behind 1:1 NAT are not those that peers see.
 */
export interface Siblings {
  /** Where to send for this relayed address, if another shard holds it just now. */
  wire(peer: Address): Address | undefined
  /** The relayed address whose socket is bound here, if another shard holds it just now. */
  relayed(from: Address): Address | undefined
}
