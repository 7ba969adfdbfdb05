import type { SocketId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { GcraTable } from '../limits/gcra-table.ts'
import type { Door, GuestMessage, GuestPost } from '../relay/guests/guest-message.ts'
import type { FromWorker } from './protocol.ts'

/** What may be on its way at a time from one worker, and to one, in datagrams of up to 2 kB: two megabytes. */
export const MOST_ON_THE_WAY = 1024
/** What one client may have of the second half of it at once. */
const SHARE = 64
/** Of that share, what an entry of a datagram takes, in milliseconds until it is paid off: a thousand a second. */
const PAID_OFF_IN = 1
/** Bits of the octets that one unit has room for. */
const UNIT_BITS = 11

/**
 * How much of what workers hand each other for guests is on its way: from each
 * worker to the main thread, and from there to each worker. Messages between
 * threads queue without a bound, and clients and peers send as fast as they like.
 */
export class GuestRoom {
  readonly #shards: number
  /** By worker: what has left it; behind that, by worker: what is to arrive there. */
  readonly #units: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#units = new Int32Array(memory)
    this.#shards = this.#units.length / 2
  }

  static memory(shards: number): SharedArrayBuffer {
    return new SharedArrayBuffer(shards * 2 * Int32Array.BYTES_PER_ELEMENT)
  }

  /** Whether a worker may hand on more; `to` is absent where only the main thread knows it. */
  hasRoom(from: number, to: number | undefined): boolean {
    return Atomics.load(this.#units, from) < MOST_ON_THE_WAY && (to === undefined || this.hasRoomAt(to))
  }

  /** Whether so much is on its way from a worker or to another that each client has to keep to its share. */
  isHalfFull(from: number, to: number | undefined): boolean {
    const arriving = to === undefined ? 0 : Atomics.load(this.#units, this.#shards + to)
    return Atomics.load(this.#units, from) + arriving >= MOST_ON_THE_WAY / 2
  }

  /** Whether more may be posted to a worker. */
  hasRoomAt(to: number): boolean {
    return Atomics.load(this.#units, this.#shards + to) < MOST_ON_THE_WAY
  }

  /** A worker hands something to the main thread. */
  sent(from: number, message: GuestMessage): void {
    Atomics.add(this.#units, from, unitsOf(message))
  }

  /** The main thread has it. */
  passed(from: number, message: GuestMessage): void {
    this.#take(from, unitsOf(message))
  }

  /** The main thread posts it to a worker. */
  posted(to: number, message: GuestMessage): void {
    Atomics.add(this.#units, this.#shards + to, unitsOf(message))
  }

  /** That worker has it. */
  arrived(to: number, message: GuestMessage): void {
    this.#take(this.#shards + to, unitsOf(message))
  }

  /** A worker has gone, and what was on its way with it. */
  clear(worker: number): void {
    Atomics.store(this.#units, worker, 0)
    Atomics.store(this.#units, this.#shards + worker, 0)
  }

  /** What was on its way when a worker broke may arrive after `clear`. */
  #take(place: number, units: number): void {
    if (Atomics.sub(this.#units, place, units) < units) Atomics.store(this.#units, place, 0)
  }
}

export interface GuestMailParts {
  /** The worker's number, from 0 on. */
  readonly own: number
  readonly room: GuestRoom
  readonly push: (message: FromWorker) => void
  readonly now: () => Time
  /** What clients owe of their shares. */
  readonly shares: GcraTable
  /** Told of a datagram for which there was no room. */
  readonly dropped: () => void
}

/**
 * How a worker reaches the others. Datagrams are dropped while too many are on
 * their way, as a full socket would. Half of the room is for all alike; of
 * the other half each client has a share, so that one that floods leaves room
 * for the others.
 */
export class GuestMail implements GuestPost {
  readonly #parts: GuestMailParts

  constructor(parts: GuestMailParts) {
    this.#parts = parts
  }

  refer(...[allocation, message]: Parameters<GuestPost['refer']>): void {
    this.#mail({ allocation }, undefined, message)
  }

  to(worker: number, message: GuestMessage): void {
    this.#mail({ worker }, worker, message)
  }

  /** What is told to all is never dropped, as there is one for each connection at most. */
  toAll(message: GuestMessage): void {
    this.#parts.push({ kind: 'guest', to: 'all', message })
  }

  /** The main thread has the note before the client has an answer, as both go the same way. */
  door(socket: SocketId, door: Door | undefined): void {
    this.#parts.push({ kind: 'door', socket, door })
  }

  #mail(
    to: Extract<FromWorker, { kind: 'guest' }>['to'],
    worker: number | undefined,
    message: GuestMessage,
  ): void {
    const { own, room, push, dropped } = this.#parts
    if ('bytes' in message && !this.#mayMail(message, worker)) {
      dropped()
      return
    }
    room.sent(own, message)
    push({ kind: 'guest', to, message })
  }

  #mayMail(message: Extract<GuestMessage, { bytes: unknown }>, worker: number | undefined): boolean {
    const { own, room, now, shares } = this.#parts
    if (!room.hasRoom(own, worker)) return false
    if (!room.isHalfFull(own, worker)) return true
    const { socket, address } = message.client
    const key = shares.key(0, { ip: address.ip, number: ((socket << 16) | address.port) >>> 0 })
    return shares.take(key, unitsOf(message) * PAID_OFF_IN, SHARE * PAID_OFF_IN, now())
  }
}

/** Only what carries somebody's datagram counts: the rest follows from requests, which are metered. */
function unitsOf(message: GuestMessage): number {
  return 'bytes' in message ? 1 + (message.bytes.length >> UNIT_BITS) : 0
}
