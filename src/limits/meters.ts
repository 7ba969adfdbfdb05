import type { MeterId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import { Gcra, LARGEST_DEBT } from './gcra.ts'

/** Milliseconds of its rate that a bucket holds. */
const BURST = 1000
const FIRST_CAPACITY = 64
/**
 * Octets that a packet costs besides its payload: an IPv6 and a UDP header.
 * Without them tiny packets, which cost the machine as much as long ones, would
 * be nearly free.
 */
export const PACKET_OVERHEAD = 48

/**
 * Token buckets for bit rates (RFC 8656 §5: a server may drop what is above a
 * user's bandwidth). A bucket holds one second's worth of octets, so a burst of
 * a video key frame passes and a sustained excess does not.
 *
 * Core and forwarders take from the same buckets; excess is dropped, never
 * queued. In memory that several threads see, a rate holds for a user whose
 * calls are with different threads: one thread opens and closes buckets,
 * every thread takes from them.
 */
export class Meters {
  readonly #isFixed: boolean
  readonly #cells: Gcra
  #rates: Int32Array
  readonly #free: number[] = []
  #used = 0

  /** Bytes of memory for so many buckets. */
  static bytes(buckets: number): number {
    return Gcra.bytes(buckets) + buckets * 4
  }

  /** In `memory` there are as many buckets as fit; without it there are as many as are opened. */
  constructor(memory?: SharedArrayBuffer) {
    this.#isFixed = memory !== undefined
    const capacity = memory ? Math.floor(memory.byteLength / Meters.bytes(1)) : FIRST_CAPACITY
    this.#cells = new Gcra(memory ?? new ArrayBuffer(Gcra.bytes(capacity)), BURST, 0, capacity)
    this.#rates = memory
      ? new Int32Array(memory, Gcra.bytes(capacity), capacity)
      : new Int32Array(new ArrayBuffer(capacity * 4))
  }

  /** Buckets that can still be opened. */
  get left(): number {
    return this.#isFixed ? this.#rates.length - this.#used + this.#free.length : Number.POSITIVE_INFINITY
  }

  /** Opens a bucket of `bytesPerSecond`, full. Throws a RangeError when the memory has room for no more. */
  open(bytesPerSecond: number, now: Time): MeterId {
    if (this.left === 0) throw new RangeError('no bucket is left')
    const id = this.#free.shift() ?? this.#used++
    if (id === this.#rates.length) this.#grow()
    const rate = whole(bytesPerSecond)
    Atomics.store(this.#rates, id, rate)
    this.#cells.set(id, 0, rate, now)
    return id as MeterId
  }

  close(id: MeterId): void {
    this.#free.push(id)
  }

  /** Changes the rate of a bucket that is in use. What it owes takes as long to pay off as before. */
  setRate(id: MeterId, bytesPerSecond: number, now: Time): void {
    const rate = whole(bytesPerSecond)
    const before = this.#rates[id]!
    if (rate === before) return
    const owed = before === 0 ? 0 : Math.ceil((this.#cells.owed(id, before, now) * rate) / before)
    Atomics.store(this.#rates, id, rate)
    this.#cells.set(id, owed, rate, now)
  }

  /** Takes what a packet with so many octets of payload costs from every bucket, or from none and returns false. */
  takePacket(ids: readonly MeterId[], payload: number, now: Time): boolean {
    return ids.length === 0 || this.take(ids, payload + PACKET_OVERHEAD, now)
  }

  /** Takes `bytes` from every bucket, or from none and returns false. */
  take(ids: readonly MeterId[], bytes: number, now: Time): boolean {
    for (let i = 0; i < ids.length; i++) {
      const rate = this.#rates[ids[i]!]!
      if (this.#cells.take(ids[i]!, bytes, rate, rate, now)) continue
      while (--i >= 0) this.#cells.giveBack(ids[i]!, bytes)
      return false
    }
    return true
  }

  /** Octets a second that flow back into a bucket. */
  rate(id: MeterId): number {
    return this.#rates[id]!
  }

  /** Octets that a bucket is short of being full. */
  owed(id: MeterId, now: Time): number {
    return this.#cells.owed(id, this.#rates[id]!, now)
  }

  /** Lets a bucket be this many octets short of full, as it was in the relay that a snapshot was taken of. */
  setOwed(id: MeterId, bytes: number, now: Time): void {
    const rate = this.#rates[id]!
    this.#cells.set(id, Math.max(0, Math.min(rate, bytes)), rate, now)
  }

  #grow(): void {
    const wider = new Int32Array(this.#rates.length * 2)
    wider.set(this.#rates)
    this.#rates = wider
    this.#cells.grow(wider.length)
  }
}

/** The fastest rate that can be metered is 8.6 Gbit/s. */
function whole(bytesPerSecond: number): number {
  return Math.max(0, Math.min(LARGEST_DEBT, Math.round(bytesPerSecond)))
}
