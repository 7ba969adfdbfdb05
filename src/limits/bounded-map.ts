import type { Time } from '../base/time.ts'

interface Entry<V> {
  value: V
  readonly until: number
}

/**
 * A map of bounded size whose entries end. When it is full, the entry that was
 * set or found longest ago makes room.
 */
export class BoundedMap<K, V> {
  readonly #most: number
  readonly #entries = new Map<K, Entry<V>>()
  #at: Iterator<[K, Entry<V>], unknown> = this.#entries.entries()

  /** Holds at most `most` entries. */
  constructor(most: number) {
    this.#most = most
  }

  /** Entries, including those that have ended but were not removed yet. */
  get size(): number {
    return this.#entries.size
  }

  /** The value of a key, which thereby becomes the last to make room. */
  get(key: K, now: Time | number): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    if (entry.until <= now) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  /** The value of a key that was set without an end. Takes no note of the look, so it may stand on a hot path. */
  peek(key: K): V | undefined {
    return this.#entries.get(key)?.value
  }

  has(key: K, now: Time | number): boolean {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.until > now
  }

  /** Sets a value that ends at `until`, in milliseconds like `now`; by default never. */
  set(key: K, value: V, until: Time | number = Number.POSITIVE_INFINITY): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { value, until })
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  /**
   * Removes what has ended, and returns it. Looks at `most` entries at most,
   * going round them from one call to the next.
   */
  forget(now: Time | number, most = Number.POSITIVE_INFINITY): [K, V][] {
    const ended: [K, V][] = []
    for (let left = Math.min(most, this.#entries.size); left > 0; left--) {
      let next = this.#at.next()
      if (next.done) next = (this.#at = this.#entries.entries()).next()
      if (next.done) break
      const [key, { value, until }] = next.value
      if (until > now) continue
      this.#entries.delete(key)
      ended.push([key, value])
    }
    return ended
  }

  /** What has not ended, with its end, the first to make room first. */
  *entries(now: Time | number): Generator<[key: K, value: V, until: number]> {
    for (const [key, { value, until }] of this.#entries) if (until > now) yield [key, value, until]
  }
}
