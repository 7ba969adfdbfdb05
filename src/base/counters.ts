import { addTraffic, noTraffic, type Traffic } from './route.ts'
import { VIA, type Via, viaNumber } from './via.ts'

/** Requests by what they ask for. */
export const REQUEST_COUNTERS = {
  binding: 'Binding',
  allocateRequest: 'Allocate',
  refreshRequest: 'Refresh',
  createPermissionRequest: 'CreatePermission',
  channelBindRequest: 'ChannelBind',
} as const

/** Requests without a credential that is good, by the reason as metrics name it. */
export const AUTH_COUNTERS = {
  unauthenticated: 'first-401',
  authExpired: 'expired',
  authWrongSecret: 'wrong-secret',
  authUnknownUser: 'unknown-user',
  authStaleNonce: 'stale-nonce',
  authBadRequest: 'bad-request',
  authGuessing: 'guessing',
} as const

/** Error answers by their code. */
export const ERROR_COUNTERS = {
  300: 'error300',
  400: 'error400',
  401: 'error401',
  403: 'error403',
  405: 'error405',
  420: 'error420',
  437: 'error437',
  438: 'error438',
  440: 'error440',
  441: 'error441',
  442: 'error442',
  443: 'error443',
  486: 'error486',
  500: 'error500',
  508: 'error508',
} as const
/** The codes that are counted, which are all that are sent. */
export type CountedCode = keyof typeof ERROR_COUNTERS

/** Datagrams that were dropped, by the reason. */
export const DROP_COUNTERS = {
  dropMalformed: 'malformed',
  dropNotStun: 'not-stun',
  dropUnknownMethod: 'unknown-method',
  dropNoAllocation: 'no-allocation',
  dropNoPermission: 'no-permission',
  dropNoChannel: 'no-channel',
  dropPeerTaken: 'peer-taken',
  dropUnattributed: 'unattributed',
  dropDeniedPeer: 'denied-peer',
  dropFamily: 'family',
  dropRate: 'rate',
  dropClient: 'denied-client',
  dropUnverified: 'unverified',
  dropScan: 'scan',
  dropRequests: 'requests',
  dropBacklog: 'backlog',
  dropUnknownAttribute: 'unknown-attribute',
  dropExpired: 'expired',
  dropAway: 'away',
  dropTooLong: 'too-long',
  dropSendQueue: 'send-queue',
  dropSlowStream: 'slow-stream',
} as const

/** Connections that ended before a client was served on them, by the reason. */
export const UNSERVED_COUNTERS = {
  unservedHttp: 'http',
  unservedProxyHeader: 'proxy-header',
  unservedProxySource: 'proxy-source',
  unservedProxyMissing: 'proxy-missing',
  unservedProxyMalformed: 'proxy-malformed',
  unservedWebFull: 'web-full',
  unservedWebUnreachable: 'web-unreachable',
  unservedNotStun: 'not-stun',
  unservedPlainOnTls: 'plain-on-tls',
  unservedTlsWithoutCertificate: 'tls-without-certificate',
  unservedTlsUntrusted: 'tls-untrusted',
  unservedTlsVersion: 'tls-version',
  unservedTlsCipher: 'tls-cipher',
  unservedTlsProtocol: 'tls-protocol',
  unservedTlsBrokenOff: 'tls-broken-off',
  unservedTlsTimeout: 'tls-timeout',
  unservedTlsOther: 'tls-other',
} as const

/** Other things that happen, as metrics name them. */
export const EVENT_COUNTERS = {
  passed: 'passed',
  peerError: 'peer_error',
  deniedPermission: 'denied_permission',
  roamed: 'roamed',
  streamOpened: 'stream_opened',
  streamClosed: 'stream_closed',
  streamRefused: 'stream_refused',
  tlsFailed: 'tls_failed',
  proxied: 'proxied',
  proxyOwn: 'proxy_own',
  webOpened: 'web_opened',
  webClosed: 'web_closed',
} as const

/** What has a metric of its own. */
const SINGLE_COUNTERS = [
  'allocationOpened',
  'allocationClosed',
  'kernelToPeer',
  'kernelToClient',
  'webToServer',
  'webToClient',
] as const

export type CounterName =
  | keyof typeof REQUEST_COUNTERS
  | keyof typeof AUTH_COUNTERS
  | (typeof ERROR_COUNTERS)[CountedCode]
  | keyof typeof DROP_COUNTERS
  | keyof typeof UNSERVED_COUNTERS
  | keyof typeof EVENT_COUNTERS
  | (typeof SINGLE_COUNTERS)[number]

/**
 * Everything that is counted, by position in one array of doubles. Core and
 * forwarders add to it; metrics read it, from another thread if need be, and
 * no message is sent and no lock taken for that.
 */
export const COUNTER_NAMES: readonly CounterName[] = [
  ...namesOf(REQUEST_COUNTERS),
  ...namesOf(AUTH_COUNTERS),
  ...Object.values(ERROR_COUNTERS),
  ...namesOf(DROP_COUNTERS),
  ...namesOf(UNSERVED_COUNTERS),
  ...namesOf(EVENT_COUNTERS),
  ...SINGLE_COUNTERS,
]

const index = {} as Record<CounterName, number>
for (const [i, name] of COUNTER_NAMES.entries()) index[name] = i
/** Position of each counter. */
export const Counter: Readonly<Record<CounterName, number>> = index

/** Where the traffic counters begin: four for each `Via`. */
const TRAFFIC = COUNTER_NAMES.length
const TO_PEER_PACKETS = 0
const TO_PEER_BYTES = 1
const TO_CLIENT_PACKETS = 2
const TO_CLIENT_BYTES = 3

export class Counters {
  readonly values: Float64Array

  /** Give the `values` of another thread's counters to read them, or nothing for fresh ones. */
  constructor(values: Float64Array = new Float64Array(new SharedArrayBuffer(COUNTERS_LENGTH * 8))) {
    this.values = values
  }

  add(counter: number, n = 1): void {
    this.values[counter] = this.values[counter]! + n
  }

  read(name: CounterName): number {
    return this.values[Counter[name]]!
  }

  /** Counts a payload that went to a peer; `via` is the client's transport as `viaNumber` gives it. */
  toPeer(via: number, bytes: number): void {
    const at = TRAFFIC + via * 4
    this.values[at + TO_PEER_PACKETS] = this.values[at + TO_PEER_PACKETS]! + 1
    this.values[at + TO_PEER_BYTES] = this.values[at + TO_PEER_BYTES]! + bytes
  }

  /** Counts a payload that went to a client. */
  toClient(via: number, bytes: number): void {
    const at = TRAFFIC + via * 4
    this.values[at + TO_CLIENT_PACKETS] = this.values[at + TO_CLIENT_PACKETS]! + 1
    this.values[at + TO_CLIENT_BYTES] = this.values[at + TO_CLIENT_BYTES]! + bytes
  }

  /** Counts what figures have grown by. */
  carried(via: number, now: Readonly<Traffic>, before: Readonly<Traffic>): void {
    const at = TRAFFIC + via * 4
    this.add(at + TO_PEER_PACKETS, now.toPeer.packets - before.toPeer.packets)
    this.add(at + TO_PEER_BYTES, now.toPeer.bytes - before.toPeer.bytes)
    this.add(at + TO_CLIENT_PACKETS, now.toClient.packets - before.toClient.packets)
    this.add(at + TO_CLIENT_BYTES, now.toClient.bytes - before.toClient.bytes)
  }

  /** What was relayed for clients on this transport; payload octets. */
  traffic(via: Via): Traffic {
    const at = TRAFFIC + viaNumber(via) * 4
    return {
      toPeer: { packets: this.values[at + TO_PEER_PACKETS]!, bytes: this.values[at + TO_PEER_BYTES]! },
      toClient: { packets: this.values[at + TO_CLIENT_PACKETS]!, bytes: this.values[at + TO_CLIENT_BYTES]! },
    }
  }
}

/** What can be read of counters. */
export type CounterReader = Pick<Counters, 'read' | 'traffic'>

/** The counters of several shards, added up when they are read. */
export class CounterSum implements CounterReader {
  readonly #parts: readonly CounterReader[]

  constructor(parts: readonly CounterReader[]) {
    this.#parts = parts
  }

  read(name: CounterName): number {
    return this.#parts.reduce((sum, part) => sum + part.read(name), 0)
  }

  traffic(via: Via): Traffic {
    const sum = noTraffic()
    for (const part of this.#parts) addTraffic(sum, part.traffic(via))
    return sum
  }
}

/** Doubles that hold all counters of a shard. */
export const COUNTERS_LENGTH = TRAFFIC + VIA.length * 4

/** The entries of a group, in order. */
export function counterEntries<K extends string, V extends string>(group: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(group) as [K, V][]
}

function namesOf<K extends string>(group: Readonly<Record<K, string>>): K[] {
  return Object.keys(group) as K[]
}
