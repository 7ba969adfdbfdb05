import { writeRecord } from '../base/address.ts'
import type { LifetimeId } from '../base/ids.ts'
import type { Carried, Route } from '../base/route.ts'
import { NumberIndex, RecordIndex, type Rows } from '../base/row-index.ts'
import { roomier } from '../base/row-store.ts'
import type { Random } from '../base/time.ts'
import { WayRows } from './way-rows.ts'

/** Words in a row. */
const ROW = 18
// The row in doubles: what it has carried.
const TO_PEER_PACKETS = 0
const TO_PEER_BYTES = 1
const TO_CLIENT_PACKETS = 2
const TO_CLIENT_BYTES = 3
// The row in words, from where the doubles end.
/** The client's number, plus one; 0 in a row that is free. With the peer behind it, the key of an index. */
const CLIENT = 8
const PEER = 9
const CHANNEL = 14
const LIFETIME = 15
/** Where the peer is: the relay socket of an allocation here, or -1, or below that a row of `WayRows`. */
const LOCAL = 16
/** Datagrams that token buckets have dropped. */
const DROPPED = 17

const ELSEWHERE = -1
/** What `LOCAL` holds for the first row of `WayRows`. */
const FIRST_WAY = -2

/**
 * Routes in typed arrays, by RouteId: whatever is particular to one peer. A
 * route takes 72 bytes here, and a few words in the indexes.
 */
export class RouteRows implements Rows {
  words = new Int32Array(64 * ROW)
  #octets = new Uint8Array(this.words.buffer)
  #doubles = new Float64Array(this.words.buffer)
  readonly #byPeer: RecordIndex
  readonly #byChannel: NumberIndex
  readonly #ways: WayRows

  constructor(random: Random) {
    this.#byPeer = new RecordIndex(this, ROW, CLIENT, random)
    this.#byChannel = new NumberIndex(this, ROW, CLIENT, CHANNEL, random)
    this.#ways = new WayRows(random)
  }

  has(row: number): boolean {
    return row * ROW < this.words.length && this.words[row * ROW + CLIENT] !== 0
  }

  /** The client's route to a peer, or -1. */
  toPeer(client: number, words: Int32Array, at: number): number {
    return this.#byPeer.find(client + 1, words, at)
  }

  /** The client's route over a channel, or -1. */
  overChannel(client: number, channel: number): number {
    return this.#byChannel.find(client + 1, channel)
  }

  /** The client's route from where a datagram came in by the network, or -1. */
  fromOrigin(client: number, words: Int32Array, at: number): number {
    const row = this.#byPeer.find(client + 1, words, at)
    // What another shard sends does not come from its relayed address.
    if (row >= 0 && this.words[row * ROW + LOCAL]! > FIRST_WAY) return row
    return this.#ways.size === 0 ? -1 : this.#ways.find(client + 1, words, at)
  }

  /** Writes a route into its row and enters it. Counts stay: a row in use is being replaced. */
  write(route: Route, client: number): void {
    const row = route.id
    while ((row + 1) * ROW > this.words.length) this.#grow()
    const at = row * ROW
    this.words[at + CLIENT] = client + 1
    writeRecord(route.peer, this.#octets, (at + PEER) * 4)
    this.words[at + CHANNEL] = route.channel
    this.words[at + LIFETIME] = route.peerLifetime
    this.words[at + LOCAL] =
      route.local ?? (route.wire ? FIRST_WAY - this.#ways.add(client + 1, route.wire, row) : ELSEWHERE)
    this.#byPeer.set(row)
    if (route.channel !== 0) this.#byChannel.set(row)
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

  /** Takes a route out of the indexes. */
  leave(row: number): void {
    const at = row * ROW
    this.#byPeer.delete(row)
    if (this.words[at + CHANNEL] !== 0) this.#byChannel.delete(row)
    const local = this.words[at + LOCAL]!
    if (local <= FIRST_WAY) this.#ways.remove(FIRST_WAY - local)
  }

  /** Frees a row that has left, counts and all. */
  clear(row: number): void {
    this.words.fill(0, row * ROW, (row + 1) * ROW)
  }

  client(row: number): number {
    return this.words[row * ROW + CLIENT]! - 1
  }

  /** 0 when the peer has no channel. */
  channel(row: number): number {
    return this.words[row * ROW + CHANNEL]!
  }

  lifetime(row: number): LifetimeId {
    return this.words[row * ROW + LIFETIME]! as LifetimeId
  }

  /** The relay socket of the allocation that the peer is; negative when it is somewhere else. */
  local(row: number): number {
    return this.words[row * ROW + LOCAL]!
  }

  peerAt(row: number): number {
    return row * ROW + PEER
  }

  /** 0 for IPv4, 1 for IPv6. */
  family(row: number): number {
    return this.#octets[(row * ROW + PEER) * 4] === 4 ? 0 : 1
  }

  /** The words, and where in them the record begins, of where datagrams to the peer go on the network. */
  wayWords(row: number): Int32Array {
    return this.words[row * ROW + LOCAL]! <= FIRST_WAY ? this.#ways.words : this.words
  }

  wayAt(row: number): number {
    const local = this.words[row * ROW + LOCAL]!
    return local <= FIRST_WAY ? this.#ways.at(FIRST_WAY - local) : row * ROW + PEER
  }

  #grow(): void {
    const rows = this.words.length / ROW
    const wider = new Int32Array(roomier(rows) * ROW)
    wider.set(this.words)
    this.words = wider
    this.#octets = new Uint8Array(wider.buffer)
    this.#doubles = new Float64Array(wider.buffer)
  }
}
