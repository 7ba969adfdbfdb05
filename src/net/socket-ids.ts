import type { SocketId } from '../base/ids.ts'
import { VIA, type Via, viaNumber } from '../base/via.ts'
import type { Transport } from './transport.ts'

/** Ids that always wait: more than a batch has slots. */
const HELD_BACK = 128

/**
 * The ids of all sockets of a shard, and which transport each belongs to.
 *
 * Ids are small, as they index arrays. A released id waits until `HELD_BACK`
 * others have been released after it, so that code that still holds it for the
 * rest of a batch does not meet a stranger. 0 is never an id.
 */
export class SocketIds {
  #transports: (Transport | undefined)[] = [undefined]
  #via = new Uint8Array(256)
  /** The id freed after this one; 0 at the end of the line. */
  #next = new Uint32Array(256)
  #first = 0
  #last = 0
  #waiting = 0
  #open = 0
  /** Ids that were passed over for the sake of one that was wanted. */
  readonly #gaps = new Set<number>()

  /**
   * Takes an id for a socket of `transport`. `wanted` is the one that a socket had with the shard before this one, or
   * with this one before it was given away.
   */
  take(transport: Transport, via: Via, wanted?: SocketId): SocketId {
    if (wanted !== undefined && this.#transports[wanted] !== undefined) return wanted
    const id = wanted === undefined ? this.#any() : this.#reach(wanted)
    while (id >= this.#via.length) this.#grow()
    this.#transports[id] = transport
    this.#via[id] = viaNumber(via)
    this.#open++
    return id as SocketId
  }

  /** Gives an id back; one that is not in use is left alone. */
  release(id: SocketId): void {
    if (this.#transports[id] === undefined) return
    this.#transports[id] = undefined
    this.#open--
    this.#waiting++
    this.#next[id] = 0
    if (this.#first === 0) this.#first = id
    else this.#next[this.#last] = id
    this.#last = id
  }

  /** The owner of the socket; `undefined` once it is closed. */
  transport(id: SocketId): Transport | undefined {
    return this.#transports[id]
  }

  /** How datagrams reach the socket; of a closed one, how they did. */
  via(id: SocketId): Via {
    return VIA[this.#via[id]!]!
  }

  /** Sockets that are open. */
  get open(): number {
    return this.#open
  }

  #any(): number {
    if (this.#waiting > HELD_BACK) return this.#unqueue()
    for (const gap of this.#gaps) {
      this.#gaps.delete(gap)
      return gap
    }
    return this.#transports.length
  }

  #reach(id: SocketId): SocketId {
    if (id < this.#transports.length) this.#unlink(id)
    while (this.#transports.length <= id) {
      this.#gaps.add(this.#transports.length)
      this.#transports.push(undefined)
    }
    this.#gaps.delete(id)
    return id
  }

  #unqueue(): number {
    const id = this.#first
    this.#first = this.#next[id]!
    this.#waiting--
    return id
  }

  /** Takes an id out of those that wait, if it is one: a walk along them, so it is for adopted sockets only. */
  #unlink(id: SocketId): void {
    for (let before = 0, at = this.#first; at !== 0; before = at, at = this.#next[at]!) {
      if (at !== id) continue
      if (before === 0) this.#first = this.#next[at]!
      else this.#next[before] = this.#next[at]!
      if (this.#last === at) this.#last = before
      this.#waiting--
      return
    }
  }

  #grow(): void {
    const via = new Uint8Array(this.#via.length * 2)
    via.set(this.#via)
    this.#via = via
    const next = new Uint32Array(this.#next.length * 2)
    next.set(this.#next)
    this.#next = next
  }
}
