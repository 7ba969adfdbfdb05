import type { Time } from '../base/time.ts'
import { BoundedMap } from './bounded-map.ts'

/**
 * What each key does within a window of time, counted in a value of its own.
 * The window of a key begins with the first look at it and ends after
 * `milliseconds`; then the key begins afresh.
 */
export class FixedWindow<K, V> {
  readonly milliseconds: number
  readonly #windows: BoundedMap<K, V>
  readonly #fresh: () => V

  /** Remembers `keys` windows at most; the one used longest ago makes room. `fresh` makes the value of a new window. */
  constructor(milliseconds: number, keys: number, fresh: () => V) {
    this.milliseconds = milliseconds
    this.#windows = new BoundedMap(keys)
    this.#fresh = fresh
  }

  /** The value of the key's window, which begins now if there is none. */
  of(key: K, now: Time | number): V {
    const known = this.#windows.get(key, now)
    if (known !== undefined) return known
    const value = this.#fresh()
    this.#windows.set(key, value, now + this.milliseconds)
    return value
  }

  /** The value of the key's window, if there is one. */
  find(key: K, now: Time | number): V | undefined {
    return this.#windows.get(key, now)
  }

  /** Takes over a window that began elsewhere. */
  set(key: K, value: V, until: Time | number): void {
    this.#windows.set(key, value, until)
  }

  /** Removes the windows that are over, and returns them; looks at `most` at most, see `BoundedMap`. */
  end(now: Time | number, most?: number): [K, V][] {
    return this.#windows.forget(now, most)
  }

  /** Ends all windows. */
  clear(): void {
    this.#windows.clear()
  }

  /** Windows that are remembered. */
  get size(): number {
    return this.#windows.size
  }

  /** The windows that are not over, with their end. */
  entries(now: Time | number): Generator<[key: K, value: V, until: number]> {
    return this.#windows.entries(now)
  }
}

/** Counts how often each key does something within a window, and says when it is too often. */
export class CountingWindow<K> {
  readonly #most: number
  readonly #windows: FixedWindow<K, { count: number }>

  /** `most` times in `milliseconds`, for at most `keys` keys at a time. */
  constructor(most: number, milliseconds: number, keys: number) {
    this.#most = most
    this.#windows = new FixedWindow(milliseconds, keys, () => ({ count: 0 }))
  }

  /** Counts one more; false when it is one too many. */
  pass(key: K, now: Time | number): boolean {
    return ++this.#windows.of(key, now).count <= this.#most
  }

  /** True if one more would be too many. */
  isSpent(key: K, now: Time | number): boolean {
    return (this.#windows.find(key, now)?.count ?? 0) >= this.#most
  }
}
