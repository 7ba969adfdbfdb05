import type { MeterId } from './ids.ts'
import type { Time } from './time.ts'

/**
 * Token buckets for bit rates (RFC 8656 §5: a server may drop what is above a
 * user's bandwidth). A bucket holds one second's worth of octets, so a burst of
 * a video key frame passes and a sustained excess does not.
 *
 * Core and forwarders take from the same buckets; excess is dropped, never queued.
 */
export class Meters {
  #rate = new Float64Array(64)
  #level = new Float64Array(64)
  #at = new Float64Array(64)
  #free: number[] = []
  #used = 0

  /** Opens a bucket of `bytesPerSecond`, full. */
  open(bytesPerSecond: number, now: Time): MeterId {
    const id = this.#free.pop() ?? this.#used++
    if (id === this.#rate.length) this.#grow()
    this.#rate[id] = bytesPerSecond
    this.#level[id] = bytesPerSecond
    this.#at[id] = now
    return id as MeterId
  }

  close(id: MeterId): void {
    this.#free.push(id)
  }

  /** Changes the rate of a bucket that is in use. */
  setRate(id: MeterId, bytesPerSecond: number): void {
    this.#rate[id] = bytesPerSecond
  }

  /** Takes `bytes` from every bucket, or from none and returns false. */
  take(ids: readonly MeterId[], bytes: number, now: Time): boolean {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      const rate = this.#rate[id]!
      const level = Math.min(rate, this.#level[id]! + ((now - this.#at[id]!) * rate) / 1000)
      this.#at[id] = now
      this.#level[id] = level
      if (level < bytes) return false
    }
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      this.#level[id] = this.#level[id]! - bytes
    }
    return true
  }

  #grow(): void {
    const twice = (old: Float64Array) => {
      const wider = new Float64Array(old.length * 2)
      wider.set(old)
      return wider
    }
    this.#rate = twice(this.#rate)
    this.#level = twice(this.#level)
    this.#at = twice(this.#at)
  }
}
