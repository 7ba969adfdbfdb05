import type { Time } from '../base/time.ts'

/** A map of bounded size whose entries end; what was used longest ago makes room. */
export class Expiring<V> {
  readonly #most: number
  readonly #entries = new Map<string, { readonly value: V; readonly until: Time }>()

  /** Holds at most `most` entries. */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: Time): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    if (entry.until <= now) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: V, until: Time): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { value, until })
  }
}
