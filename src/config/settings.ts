import type { Address } from '../base/address.ts'
import type { Range } from '../base/range.ts'
import type { Seconds } from '../base/time.ts'

/**
 * The configuration as values: what the file says, with every default filled
 * in, every secret file read and every path absolute. Plain data, so that it
 * can be handed to a worker as it is.
 */
export interface Settings {
  readonly realm: string
  readonly listen: readonly Listener[]
  readonly tls?: TlsFiles
  readonly relay: {
    readonly addresses: readonly ('auto' | RelayAddress)[]
    readonly ports: { readonly from: number; readonly to: number }
    readonly defaultFamily: 'ipv4' | 'listener'
  }
  readonly homeservers: readonly Homeserver[]
  readonly users: readonly User[]
  readonly peers: {
    readonly deny: readonly ('recommended' | Range)[]
    readonly allow: readonly Range[]
    /** Allow-list mode when it has entries: no peer outside of them. */
    readonly only: readonly Range[]
  }
  readonly limits: Limits
  readonly credentials: {
    /** How long after its expiry a credential still opens an allocation, for clocks that differ. */
    readonly grace: Seconds
    readonly strictExpiry: boolean
    /** Repeated wrong passwords are tried ever more slowly. */
    readonly backOff: boolean
    /** Most that an expiry may lie in the future; absent: any. */
    readonly maxLifetime?: Seconds
  }
  readonly protocol: {
    readonly sha256: boolean
    readonly software: false | string
    readonly reasonPhrases: boolean
    readonly mappedAddress: boolean
    readonly classicStun: boolean
    readonly legacyChannelNumbers: boolean
  }
  readonly alternate?: { readonly addresses: readonly Address[]; readonly domain?: string }
  readonly issue?: Issue
  /** Users of the test page; made when the relay starts, and in no file. */
  readonly testing?: Testing
  readonly metrics: false | { readonly listen: Address; readonly coturnNames: boolean }
  /** The control socket. `lenient`: nobody chose it, so one that cannot be had is no reason not to start. */
  readonly control: false | { readonly path: string; readonly lenient: boolean }
  readonly console: false | Console
  readonly workers: 'auto' | number
  readonly udp: 'auto' | 'native' | 'dgram'
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'text'
    readonly privacy: 'pseudonym' | 'truncated' | 'full' | 'none'
  }
  readonly stop: { readonly deadline: Seconds }
  /** The folder for what must outlive the process. It need not exist yet. */
  readonly state: string
}

export interface Listener {
  readonly transport: 'udp' | 'tcp' | 'tls'
  readonly address: Address
}

/** Where console and API are served over HTTP, and to whom. */
export interface Console {
  readonly listen: Address
  /** Nobody chose it, so an address that is taken is no reason not to start. */
  readonly lenient: boolean
  /** The origin that people reach it by, where a reverse proxy stands in front. */
  readonly publicUrl?: string
  readonly tokens: readonly ConsoleToken[]
  /** Further origins whose pages may use it. */
  readonly origins: readonly string[]
}

/** What users may do who test the relay by a link: a little, and only with the relay itself. */
export interface Testing {
  /** Stands where the homeserver's name would; none can have it. */
  readonly tenant: string
  readonly secret: string
  readonly allocations: number
  readonly bytesPerSecond: number
}

export interface ConsoleToken {
  readonly name: string
  /** `read` looks, `act` disconnects, drains, reloads and sees names. */
  readonly rights: 'read' | 'act'
  readonly token: string
}

/** Paths of PEM files. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
}

/** An address to relay from, and how peers see it where 1:1 NAT lies in between. */
export interface RelayAddress {
  /** 4 or 16 octets, as in `Address`. */
  readonly local: Uint8Array
  readonly public?: Uint8Array
}

export interface Homeserver {
  readonly name: string
  readonly secrets: readonly Secret[]
  readonly secretFile?: string
  readonly paused: boolean
  readonly uris?: readonly string[]
  readonly limits?: { readonly allocations?: number; readonly bytesPerSecond?: number }
  readonly standIn?: StandIn
  readonly backends: readonly Backend[]
  /** Matrix server names whose users get credentials for an OpenID token; `*.example.org` for all below it. */
  readonly openid: readonly string[]
}

/** Answers `/voip/turnServer` in the homeserver's place. */
export interface StandIn {
  /** Base of the homeserver's client API, without a slash at the end. */
  readonly url: string
  /** Names that clients reach it by, in lower case; never empty. */
  readonly hosts: readonly string[]
  readonly guests: boolean
}

/** A program that may ask for credentials of any user by TURN REST. */
export interface Backend {
  readonly name: string
  readonly apiKey: string
}

/** How credentials are handed out over HTTP. */
export interface Issue {
  readonly listen: Address
  readonly lifetime: Seconds
  /** Relays that share our secrets; empty: this one. */
  readonly relays: readonly WeightedRelay[]
  readonly relaysPerUser: number
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly Range[]
  /** Origins whose pages may read the answers, or '*' among them. */
  readonly origins: readonly string[]
  /** Of one client. */
  readonly requestsPerMinute: number
  /** Private addresses that homeservers of OpenID users may have all the same. */
  readonly reachable: readonly Range[]
}

export interface WeightedRelay {
  readonly uris: readonly string[]
  readonly weight: number
}

/** A shared secret, and the hash that makes passwords of it. */
export interface Secret {
  readonly value: string
  readonly algorithm: 'sha1' | 'sha256'
}

/** A long-term user, with a password or with the keys made from it (RFC 8489 §9.2.2), in hexadecimal. */
export interface User {
  readonly name: string
  readonly password?: string
  readonly keys?: { readonly md5: string; readonly sha256?: string }
}

export interface Limits {
  readonly allocationsPerUser: number
  readonly allocationsPerAddress: number
  readonly allocations: number
  /** Allocations that one user may open in a minute; absent: any number. */
  readonly allocationsPerUserPerMinute?: number
  /** Different peers that one user may try in a minute; absent: any number. */
  readonly peersPerUserPerMinute?: number
  /** Answers a second to what has proved nothing, for each /24 or /56; absent: any number. */
  readonly unverifiedAnswersPerNetwork?: number
  /** The same, in all; absent: any number. */
  readonly unverifiedAnswers?: number
  /** Payload octets a second, both directions together; absent: no limit. */
  readonly bytesPerSecondPerUser?: number
  readonly bytesPerSecond?: number
  /** The longest lifetime an allocation is granted. */
  readonly lifetime: Seconds
  readonly permissionsPerAllocation: number
  readonly channelsPerAllocation: number
  /** Open TCP and TLS connections. */
  readonly connections: number
  readonly connectionsPerAddress: number
}
