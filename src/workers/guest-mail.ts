import type { SocketId } from '../base/ids.ts'
import type { Door, GuestMessage, GuestPost } from '../relay/guests/guest-message.ts'
import type { FromWorker } from './protocol.ts'

/** What may be on its way at a time from one worker, and to one, in datagrams of up to 2 kB: two megabytes. */
export const MOST_ON_THE_WAY = 1024
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
  /** Told of a datagram for which there was no room. */
  readonly dropped: () => void
}

/** How a worker reaches the others. Datagrams are dropped while too many are on their way, as a full socket would. */
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
    if (unitsOf(message) > 0 && !room.hasRoom(own, worker)) {
      dropped()
      return
    }
    room.sent(own, message)
    push({ kind: 'guest', to, message })
  }
}

/** Only what carries somebody's datagram counts: the rest follows from requests, which are metered. */
function unitsOf(message: GuestMessage): number {
  return 'bytes' in message ? 1 + (message.bytes.length >> UNIT_BITS) : 0
}
