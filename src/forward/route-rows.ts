import { writeRecord } from '../base/address.ts'
import type { LifetimeId } from '../base/ids.ts'
import { addCarried, type Carried, type Route } from '../base/route.ts'
import { NumberIndex, RecordIndex, type Rows } from '../base/row-index.ts'
import { roomier } from '../base/row-store.ts'
import type { Random } from '../base/time.ts'
import { RECORD_FAMILY, RECORD_IPV4 } from './record-words.ts'
import { WayRows } from './way-rows.ts'

/** Words in a row. */
const ROW = 14
/** The client's number, plus one; 0 in a row that is free. With the peer behind it, the key of an index. */
const CLIENT = 0
const PEER = 1
const CHANNEL = 6
const LIFETIME = 7
/** Where the peer is: the relay socket of an allocation here, or -1, or below that a row of `WayRows`. */
const LOCAL = 8
/** Datagrams that token buckets have dropped. */
const DROPPED = 9
// What it has carried since it was last added to `#spilled`: packets, and behind them payload octets and packets.
const TO_PEER = 10
const TO_CLIENT = 12
/** Where the second of those two words stands at this, the counts are moved away before they overflow. */
const FULL = 2 ** 30

const ELSEWHERE = -1
/** What `LOCAL` holds for the first row of `WayRows`. */
const FIRST_WAY = -2

/**
 * Routes in typed arrays, by RouteId: whatever is particular to one peer. A
 * route takes 56 bytes here, and a few words in the indexes.
 */
export class RouteRows implements Rows {
  words = new Int32Array(64 * ROW)
  #octets = new Uint8Array(this.words.buffer)
  /** What routes have carried that have carried gigabytes, but for what stands in their rows. */
  readonly #spilled = new Map<number, Carried>()
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

  /** The client's route to a peer, or -1. `guess` may be any number of a route that there has been. */
  toPeer(client: number, words: Int32Array, at: number, guess: number): number {
    return isTo(this.words, guess * ROW, client + 1, words, at)
      ? guess
      : this.#byPeer.find(client + 1, words, at)
  }

  /** The client's route over a channel, or -1. */
  overChannel(client: number, channel: number, guess: number): number {
    const at = guess * ROW
    if (this.words[at + CLIENT] === client + 1 && this.words[at + CHANNEL] === channel) return guess
    return this.#byChannel.find(client + 1, channel)
  }

  /** The client's route from where a datagram came in by the network, or -1. */
  fromOrigin(client: number, words: Int32Array, at: number, guess: number): number {
    const row = this.toPeer(client, words, at, guess)
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
    const at = row * ROW
    const carried = {
      traffic: { toPeer: this.#counted(at + TO_PEER), toClient: this.#counted(at + TO_CLIENT) },
      dropped: this.words[at + DROPPED]! >>> 0,
    }
    const spilled = this.#spilled.get(row)
    if (spilled) addCarried(carried, spilled)
    return carried
  }

  countToPeer(row: number, bytes: number): void {
    if (count(this.words, row * ROW + TO_PEER, bytes)) this.#spill(row)
  }

  countToClient(row: number, bytes: number): void {
    if (count(this.words, row * ROW + TO_CLIENT, bytes)) this.#spill(row)
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
    this.#spilled.delete(row)
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
    return (this.words[row * ROW + PEER]! & RECORD_FAMILY) === RECORD_IPV4 ? 0 : 1
  }

  /** The words, and where in them the record begins, of where datagrams to the peer go on the network. */
  wayWords(row: number): Int32Array {
    return this.words[row * ROW + LOCAL]! <= FIRST_WAY ? this.#ways.words : this.words
  }

  wayAt(row: number): number {
    const local = this.words[row * ROW + LOCAL]!
    return local <= FIRST_WAY ? this.#ways.at(FIRST_WAY - local) : row * ROW + PEER
  }

  #counted(at: number): { packets: number; bytes: number } {
    const packets = this.words[at]!
    return { packets, bytes: this.words[at + 1]! - packets }
  }

  /** Moves what a route has carried to where there is room for more than two gigabytes. */
  #spill(row: number): void {
    const carried = this.carried(row)
    this.#spilled.set(row, { ...carried, dropped: 0 })
    const at = row * ROW
    this.words.fill(0, at + TO_PEER, at + TO_CLIENT + 2)
  }

  #grow(): void {
    const rows = this.words.length / ROW
    const wider = new Int32Array(roomier(rows) * ROW)
    wider.set(this.words)
    this.words = wider
    this.#octets = new Uint8Array(wider.buffer)
  }
}

/** Whether the row at `row` is that of the client's route to the record at `words[at]`. */
function isTo(rows: Int32Array, row: number, client: number, words: Int32Array, at: number): boolean {
  return (
    rows[row + CLIENT] === client &&
    rows[row + PEER] === words[at] &&
    rows[row + PEER + 1] === words[at + 1] &&
    rows[row + PEER + 2] === words[at + 2] &&
    rows[row + PEER + 3] === words[at + 3] &&
    rows[row + PEER + 4] === words[at + 4]
  )
}

/** Counts a packet. True when the counts have to be moved away. */
function count(words: Int32Array, at: number, bytes: number): boolean {
  words[at] = words[at]! + 1
  // Packets are counted along, so that those without payload fill it too.
  const sum = words[at + 1]! + bytes + 1
  words[at + 1] = sum
  return sum >= FULL
}
