import { writeRecord } from '../base/address.ts'
import type { MeterId } from '../base/ids.ts'
import type { Carried, Route } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import { viaNumber } from '../base/via.ts'
import { RECORD_WORDS } from './record-words.ts'

/** Words in a row: two cache lines, of which the second is addresses. */
const ROW = 32

// The row in doubles: when it ends, and what it has carried.
const EXPIRES = 0
const TO_PEER_PACKETS = 1
const TO_PEER_BYTES = 2
const TO_CLIENT_PACKETS = 3
const TO_CLIENT_BYTES = 4
// The row in words, from where the doubles end.
const RELAY = 10
const LISTENER = 11
const CHANNEL = 12
const VIA = 13
const LOCAL = 14
/** Number of the client that `RouteTable` gave it, plus one; 0 in a row that is free. */
const CLIENT_ROW = 15
const PEER = 16
const CLIENT = PEER + RECORD_WORDS
/** Where the peer is: its address, unless that has to be reached by another way. See `wayAt`. */
const WAY = CLIENT + RECORD_WORDS
/** Datagrams that token buckets have dropped; the last word of the row. */
const DROPPED = WAY + RECORD_WORDS

/** What LOCAL holds where the peer is not an allocation of this shard. */
const ELSEWHERE = -1
const IN_ANOTHER_SHARD = -2
const NO_METERS: readonly MeterId[] = []

/**
 * Routes in typed arrays, by RouteId: whatever moving a datagram needs is in
 * one stretch of memory and is read without creating anything.
 */
export class RouteRows {
  /** For addresses: `words[peerAt(row)]` is the first of five words. */
  words = new Int32Array(0)
  /** The same memory in octets. */
  octets = new Uint8Array(0)
  #doubles = new Float64Array(0)
  #meters: (readonly MeterId[])[] = []

  constructor() {
    this.#resize(64)
  }

  has(row: number): boolean {
    return row < this.#meters.length && this.words[row * ROW + CLIENT_ROW] !== 0
  }

  /** Writes a route into its row, all but the client's number. Counts stay: a row in use is being replaced. */
  write(route: Route): void {
    const row = route.id
    while (row >= this.#meters.length) this.#resize(this.#meters.length * 2)
    const at = row * ROW
    this.#doubles[(at >> 1) + EXPIRES] = route.expires
    this.words[at + RELAY] = route.relay
    this.words[at + LISTENER] = route.listener
    this.words[at + CHANNEL] = route.channel
    this.words[at + VIA] = viaNumber(route.via)
    this.words[at + LOCAL] = route.local ?? (route.wire ? IN_ANOTHER_SHARD : ELSEWHERE)
    writeRecord(route.peer, this.octets, (at + PEER) * 4)
    writeRecord(route.client, this.octets, (at + CLIENT) * 4)
    const way = route.local === undefined ? (route.wire ?? route.peer) : route.relayed
    writeRecord(way, this.octets, (at + WAY) * 4)
    this.#meters[row] = route.meters
  }

  /** Frees a row, counts and all. */
  clear(row: number): void {
    this.words.fill(0, row * ROW, (row + 1) * ROW)
    this.#meters[row] = NO_METERS
  }

  carried(row: number): Carried {
    const at = (row * ROW) >> 1
    const doubles = this.#doubles
    const traffic = {
      toPeer: { packets: doubles[at + TO_PEER_PACKETS]!, bytes: doubles[at + TO_PEER_BYTES]! },
      toClient: { packets: doubles[at + TO_CLIENT_PACKETS]!, bytes: doubles[at + TO_CLIENT_BYTES]! },
    }
    return { traffic, dropped: this.words[row * ROW + DROPPED]! >>> 0 }
  }

  countToPeer(row: number, bytes: number): void {
    const at = (row * ROW) >> 1
    const doubles = this.#doubles
    doubles[at + TO_PEER_PACKETS] = doubles[at + TO_PEER_PACKETS]! + 1
    doubles[at + TO_PEER_BYTES] = doubles[at + TO_PEER_BYTES]! + bytes
  }

  countToClient(row: number, bytes: number): void {
    const at = (row * ROW) >> 1
    const doubles = this.#doubles
    doubles[at + TO_CLIENT_PACKETS] = doubles[at + TO_CLIENT_PACKETS]! + 1
    doubles[at + TO_CLIENT_BYTES] = doubles[at + TO_CLIENT_BYTES]! + bytes
  }

  countDropped(row: number): void {
    this.words[row * ROW + DROPPED] = this.words[row * ROW + DROPPED]! + 1
  }

  expired(row: number, now: Time): boolean {
    return now >= this.#doubles[((row * ROW) >> 1) + EXPIRES]!
  }

  meters(row: number): readonly MeterId[] {
    return this.#meters[row]!
  }

  relay(row: number): number {
    return this.words[row * ROW + RELAY]!
  }

  listener(row: number): number {
    return this.words[row * ROW + LISTENER]!
  }

  /** 0 when the peer has no channel. */
  channel(row: number): number {
    return this.words[row * ROW + CHANNEL]!
  }

  via(row: number): number {
    return this.words[row * ROW + VIA]!
  }

  /** The relay socket of the allocation that the peer is; negative when it is somewhere else. */
  local(row: number): number {
    return this.words[row * ROW + LOCAL]!
  }

  clientRow(row: number): number {
    return this.words[row * ROW + CLIENT_ROW]! - 1
  }

  setClientRow(row: number, client: number): void {
    this.words[row * ROW + CLIENT_ROW] = client + 1
  }

  peerAt(row: number): number {
    return row * ROW + PEER
  }

  clientAt(row: number): number {
    return row * ROW + CLIENT
  }

  /**
   * The way to the peer. Where that is an allocation of this shard: our relayed
   * address, from which it takes what is sent. Else where datagrams go on the
   * network, which for one of another shard is not its relayed address.
   */
  wayAt(row: number): number {
    return row * ROW + WAY
  }

  /** From where the peer's datagrams reach the relay socket. */
  originAt(row: number): number {
    return row * ROW + (this.words[row * ROW + LOCAL] === IN_ANOTHER_SHARD ? WAY : PEER)
  }

  #resize(rows: number): void {
    const buffer = new ArrayBuffer(rows * ROW * 4)
    const words = new Int32Array(buffer)
    words.set(this.words)
    this.words = words
    this.octets = new Uint8Array(buffer)
    this.#doubles = new Float64Array(buffer)
    while (this.#meters.length < rows) this.#meters.push(NO_METERS)
  }
}
