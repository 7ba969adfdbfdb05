import type { MeterId } from './ids.ts'
import { Meters } from './meters.ts'
import type { Time } from './time.ts'

/** Octets that must have flowed back before a bucket is filled up, so that rounding costs less than two per cent. */
const LEAST_GAIN = 64
/** Milliseconds that no two threads' clocks are apart. */
const LONG = 3_600_000
/** The fastest rate that fits, in octets a second: 17 Gbit/s. */
const FASTEST = 0x7fff_ffff
/** Words of a bucket: its rate, what is in it, and when it was last filled up. */
const WORDS = 3
const LEVEL = 1
const AT = 2

/**
 * Token buckets in memory that several threads see, so that a rate holds for a
 * user whose calls are with different threads. One thread opens and closes
 * buckets, every thread takes from them.
 *
 * There is no lock. What has flowed back since the last look belongs to the
 * one thread that moves `AT` on, and the level is only ever changed in one
 * step. Where two threads take at once, one may find the bucket emptier than
 * it is, by what the other is about to give back; never fuller.
 */
export class SharedMeters extends Meters {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #epoch: number
  readonly #free: number[] = []
  #used = 0

  /** Octets of memory for so many buckets. */
  static octets(buckets: number): number {
    return buckets * WORDS * 4
  }

  /** `epoch` is a moment before now, the same in every thread. */
  constructor(memory: SharedArrayBuffer, epoch: Time) {
    super()
    this.memory = memory
    this.#words = new Int32Array(memory)
    this.#epoch = epoch
  }

  /** Buckets that can still be opened. */
  get left(): number {
    return this.#words.length / WORDS - this.#used + this.#free.length
  }

  /** Opens a bucket of `bytesPerSecond`, full. Throws a RangeError when none is left. */
  override open(bytesPerSecond: number, now: Time): MeterId {
    if (this.left === 0) throw new RangeError('no bucket is left')
    const id = (this.#free.shift() ?? this.#used++) as MeterId
    const rate = whole(bytesPerSecond)
    Atomics.store(this.#words, id * WORDS, rate)
    Atomics.store(this.#words, id * WORDS + LEVEL, rate)
    Atomics.store(this.#words, id * WORDS + AT, this.#tick(now))
    return id
  }

  override close(id: MeterId): void {
    this.#free.push(id)
  }

  override setRate(id: MeterId, bytesPerSecond: number): void {
    const rate = whole(bytesPerSecond)
    Atomics.store(this.#words, id * WORDS, rate)
    this.#add(id * WORDS, rate, 0)
  }

  /** Takes `bytes` from every bucket, or from none and returns false. */
  override take(ids: readonly MeterId[], bytes: number, now: Time): boolean {
    const words = this.#words
    for (let i = 0; i < ids.length; i++) {
      const at = ids[i]! * WORDS
      this.#fill(at, this.#tick(now))
      if (Atomics.sub(words, at + LEVEL, bytes) >= bytes) continue
      for (let k = i; k >= 0; k--) Atomics.add(words, ids[k]! * WORDS + LEVEL, bytes)
      return false
    }
    return true
  }

  /** Adds what has flowed back since somebody last did so. */
  #fill(at: number, now: number): void {
    const words = this.#words
    const rate = Atomics.load(words, at)
    const since = Atomics.load(words, at + AT)
    const passed = (now - since) | 0
    // A bucket that nobody touched for weeks looks as if it had been filled in the future.
    const gain = passed < -LONG ? rate : Math.min(rate, Math.floor((passed * rate) / 1000))
    if (gain < Math.min(LEAST_GAIN, rate)) return
    if (Atomics.compareExchange(words, at + AT, since, now) === since) this.#add(at, rate, gain)
  }

  #add(at: number, rate: number, gain: number): void {
    const words = this.#words
    let level = Atomics.load(words, at + LEVEL)
    for (;;) {
      const found = Atomics.compareExchange(words, at + LEVEL, level, Math.min(rate, level + gain))
      if (found === level) return
      level = found
    }
  }

  /** Milliseconds, modulo 2^32: only differences count. */
  #tick(now: Time): number {
    return (now - this.#epoch) | 0
  }
}

function whole(bytesPerSecond: number): number {
  return Math.max(0, Math.min(FASTEST, Math.round(bytesPerSecond)))
}
