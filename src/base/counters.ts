import { addTraffic, noTraffic, type Traffic } from './route.ts'
import { VIA, type Via, viaNumber } from './via.ts'

/**
 * Everything that is counted, by position in one array of doubles. Core and
 * forwarders add to it; metrics read it, from another thread if need be, and
 * no message is sent and no lock taken for that.
 */
export const COUNTER_NAMES = [
  'binding',
  'allocateRequest',
  'refreshRequest',
  'createPermissionRequest',
  'channelBindRequest',
  'allocationOpened',
  'allocationClosed',
  'passed',
  'unauthenticated',
  'authExpired',
  'authWrongSecret',
  'authUnknownUser',
  'authStaleNonce',
  'authBadRequest',
  'authGuessing',
  'error300',
  'error400',
  'error401',
  'error403',
  'error420',
  'error437',
  'error438',
  'error440',
  'error441',
  'error442',
  'error443',
  'error486',
  'error500',
  'error508',
  'dropMalformed',
  'dropNotStun',
  'dropUnknownMethod',
  'dropNoAllocation',
  'dropNoPermission',
  'dropNoChannel',
  'dropDeniedPeer',
  'dropFamily',
  'dropRate',
  'dropUnverified',
  'dropScan',
  'dropUnknownAttribute',
  'dropExpired',
  'dropTooLong',
  'dropSendQueue',
  'dropSlowStream',
  'peerError',
  'deniedPermission',
  'streamOpened',
  'streamClosed',
  'streamRefused',
  'tlsFailed',
] as const
export type CounterName = (typeof COUNTER_NAMES)[number]

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
