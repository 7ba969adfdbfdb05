import type { LoadFault } from './fault.ts'
import type { TrafficSource } from './profile.ts'

/*
 * What the bench and its generator processes say to one another. A generator
 * gets the credentials this way, so that they are in nobody's arguments.
 */

export const TRANSPORTS = ['udp', 'tcp', 'tls'] as const
export type ClientTransport = (typeof TRANSPORTS)[number]
export type RelayMethod = 'channels' | 'indications'
export const DIRECTIONS = ['to-peer', 'to-client', 'both'] as const
export type Direction = (typeof DIRECTIONS)[number]

export type Credentials =
  /** Time-limited names are made of it, several of them, as limits count by user. */
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'user'; readonly username: string; readonly password: string }

/** The relay as its clients reach it. */
export interface LoadTarget {
  /** `127.0.0.1:3478`. */
  readonly address: string
  /** The name that its certificate must have. */
  readonly host: string
  readonly transport: ClientTransport
  /** A certificate to trust, PEM. */
  readonly ca?: string
  /** Takes any certificate. */
  readonly insecure: boolean
}

export interface Setup {
  readonly target: LoadTarget
  readonly credentials: Credentials
  /** Our IP address that clients, and that peers, have. */
  readonly clientIp: string
  readonly peerIp: string
  readonly method: RelayMethod
  readonly udp: 'auto' | 'dgram'
  /** Has the kernel carry bursts as one datagram (UDP_SEGMENT, UDP_GRO). */
  readonly offload: boolean
  /** Tells the generators' users apart. */
  readonly member: number
  /** Milliseconds before a request is sent again. */
  readonly rto: number
}

export interface Load {
  /** The first N allocations take part. */
  readonly allocations: number
  readonly direction: Direction
  readonly sources: readonly TrafficSource[]
  readonly seconds: number
  /** Packets on their way at most, for sources without a pace. */
  readonly window: number
}

/** What one generator counted in one run. */
export interface TrafficTally {
  readonly seconds: number
  readonly sent: number
  /** Intact, in the right place, each once. */
  readonly received: number
  readonly octets: number
  readonly reordered: number
  readonly duplicates: number
  readonly corrupt: number
  readonly misdelivered: number
  /** Packets that should have been sent, but this process was too late for them. */
  readonly skipped: number
  /** Packets not handed over because a connection was full. */
  readonly held: number
  /** Of the packets that were lost, those that this process's own sockets dropped, as far as the system says. */
  readonly ownDrops: number
  /** Microseconds of processor time of this process. */
  readonly cpuMicros: number
  readonly latency: Float64Array
  readonly latencyMax: number
}

export type WorkerAsk =
  | { readonly kind: 'prepare'; readonly setup: Setup }
  /** Opens allocations until there are so many. */
  | { readonly kind: 'open'; readonly total: number }
  /** Ends allocations until so many are left. */
  | { readonly kind: 'close'; readonly keep: number }
  | { readonly kind: 'run'; readonly load: Load; readonly settle: boolean }

export type WorkerAnswer =
  | {
      readonly kind: 'prepared'
      readonly udp: 'native' | 'dgram'
      readonly fellBack?: string | undefined
      /** Octets of receive buffer that sockets get. */
      readonly receiveBuffer: number
    }
  | { readonly kind: 'progress'; readonly open: number }
  | { readonly kind: 'open'; readonly open: number; readonly cpuMicros: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'ran'; readonly tally: TrafficTally }
  | { readonly kind: 'failed'; readonly fault: LoadFault }
