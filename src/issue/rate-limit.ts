import { ipKey } from '../base/address.ts'
import type { Time } from '../base/time.ts'

interface Bucket {
  /** Requests that may still come. */
  left: number
  at: Time
}

/** Clients that are counted at a time; the one heard of longest ago makes room. */
const MOST_CLIENTS = 10_000

/** Counts requests of each client address: a minute's worth at once, then evenly. */
export class RateLimit {
  readonly #buckets = new Map<number | string, Bucket>()
  #perMinute: number

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  configure(perMinute: number): void {
    this.#perMinute = perMinute
  }

  /** Seconds until this client may ask; 0 when it may now, which is then counted. */
  wait(ip: Uint8Array, now: Time): number {
    const key = ip.length === 4 ? ipKey(ip) : String.fromCharCode(...ip.subarray(0, 8))
    const bucket = this.#buckets.get(key) ?? { left: this.#perMinute, at: now }
    const earned = ((now - bucket.at) / 60_000) * this.#perMinute
    bucket.left = Math.min(this.#perMinute, bucket.left + earned)
    bucket.at = now
    this.#buckets.delete(key)
    if (this.#buckets.size >= MOST_CLIENTS) this.#buckets.delete(this.#buckets.keys().next().value!)
    this.#buckets.set(key, bucket)
    if (bucket.left < 1) return ((1 - bucket.left) * 60) / this.#perMinute
    bucket.left--
    return 0
  }
}
