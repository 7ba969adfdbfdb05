import { type Address, RECORD, writeRecord } from '../base/address.ts'
import type { LifetimeId, MeterId } from '../base/ids.ts'
import type { Route } from '../base/route.ts'
import { RecordIndex, type Rows } from '../base/row-index.ts'
import type { Random } from '../base/time.ts'
import { viaNumber } from '../base/via.ts'

/** Words in a row. The first six are the key of the index. */
const ROW = 24
const CLIENT_SOCKET = 0
const ADDRESS = 1
const VIA = 6
/** The route that was found last, which most often is the next one too: see `RouteRows`. */
const LATEST = 7
/** Two relayed addresses, first IPv4: eight words each. */
const RELAYED = 8
const RELAYED_ROW = 8
// A relayed address: its socket, its lifetime, the record, and how many routes go out of it.
const SOCKET = 0
const LIFETIME = 1
const RECORD_AT = 2
const ROUTES_OUT = 7

const NO_METERS: readonly MeterId[] = []

/** One row for each client that has routes, with what all of those have in common. */
export class ClientRows implements Rows {
  words = new Int32Array(64 * ROW)
  #octets = new Uint8Array(this.words.buffer)
  readonly #meters: (readonly MeterId[])[] = []
  readonly #free: number[] = []
  /** By the client's socket and address. */
  readonly #byAddress: RecordIndex
  /** By relay socket: a client's number, plus one. */
  #bySocket = new Int32Array(256)
  readonly #wanted = new Uint8Array(RECORD)
  readonly #wantedWords = new Int32Array(this.#wanted.buffer)

  constructor(random: Random) {
    this.#byAddress = new RecordIndex(this, ROW, CLIENT_SOCKET, random)
  }

  /** The client with routes that talks to this socket and sends from the record at `words[at]`, or -1. */
  find(socket: number, words: Int32Array, at: number): number {
    return this.#byAddress.find(socket, words, at)
  }

  /** The client with routes out of this relay socket, or -1. */
  ofRelay(socket: number): number {
    return socket < this.#bySocket.length ? this.#bySocket[socket]! - 1 : -1
  }

  /** The client whose route this is, with one route more. */
  retain(route: Route): number {
    writeRecord(route.client, this.#wanted, 0)
    const found = this.find(route.clientSocket, this.#wantedWords, 0)
    const client = found < 0 ? this.#open(route) : found
    const at = client * ROW
    const { words } = this
    words[at + VIA] = viaNumber(route.via)
    this.#meters[client] = route.meters
    const out = at + RELAYED + familyOf(route.peer) * RELAYED_ROW
    words[out + SOCKET] = route.relaySocket
    words[out + LIFETIME] = route.relayedLifetime
    writeRecord(route.relayed, this.#octets, (out + RECORD_AT) * 4)
    words[out + ROUTES_OUT] = words[out + ROUTES_OUT]! + 1
    this.#setSocket(route.relaySocket, client + 1)
    return client
  }

  /** One route less out of the client's relayed address of a family. */
  release(client: number, family: number): void {
    const at = client * ROW
    const out = at + RELAYED + family * RELAYED_ROW
    const { words } = this
    words[out + ROUTES_OUT] = words[out + ROUTES_OUT]! - 1
    if (words[out + ROUTES_OUT] === 0 && this.#bySocket[words[out + SOCKET]!] === client + 1) {
      this.#bySocket[words[out + SOCKET]!] = 0
    }
    if (words[at + RELAYED + ROUTES_OUT]! + words[at + RELAYED + RELAYED_ROW + ROUTES_OUT]! > 0) return
    this.#byAddress.delete(client)
    words.fill(0, at, at + ROW)
    this.#meters[client] = NO_METERS
    this.#free.push(client)
  }

  meters(client: number): readonly MeterId[] {
    return this.#meters[client]!
  }

  clientSocket(client: number): number {
    return this.words[client * ROW + CLIENT_SOCKET]!
  }

  via(client: number): number {
    return this.words[client * ROW + VIA]!
  }

  latest(client: number): number {
    return this.words[client * ROW + LATEST]!
  }

  setLatest(client: number, route: number): void {
    this.words[client * ROW + LATEST] = route
  }

  addressAt(client: number): number {
    return client * ROW + ADDRESS
  }

  /** The relay socket for peers of a family. */
  relaySocket(client: number, family: number): number {
    return this.words[client * ROW + RELAYED + family * RELAYED_ROW + SOCKET]!
  }

  lifetime(client: number, family: number): LifetimeId {
    return this.words[client * ROW + RELAYED + family * RELAYED_ROW + LIFETIME]! as LifetimeId
  }

  relayedAt(client: number, family: number): number {
    return client * ROW + RELAYED + family * RELAYED_ROW + RECORD_AT
  }

  #open(route: Route): number {
    const client = this.#free.pop() ?? this.#meters.push(NO_METERS) - 1
    if ((client + 1) * ROW > this.words.length) {
      const wider = new Int32Array(this.words.length * 2)
      wider.set(this.words)
      this.words = wider
      this.#octets = new Uint8Array(wider.buffer)
    }
    this.words[client * ROW + CLIENT_SOCKET] = route.clientSocket
    writeRecord(route.client, this.#octets, (client * ROW + ADDRESS) * 4)
    this.#byAddress.set(client)
    return client
  }

  #setSocket(socket: number, value: number): void {
    if (socket >= this.#bySocket.length) {
      const wider = new Int32Array(Math.max(this.#bySocket.length * 2, socket + 1))
      wider.set(this.#bySocket)
      this.#bySocket = wider
    }
    this.#bySocket[socket] = value
  }
}

/** Of the peer, and so of the relayed address that reaches it: 0 for IPv4, 1 for IPv6. */
function familyOf(peer: Address): number {
  return peer.family === 4 ? 0 : 1
}
