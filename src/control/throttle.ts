/** Clients that are remembered; beyond them the oldest are forgotten. */
const MOST_CLIENTS = 1024

/** Lets each client do something a few times in a window, and no more. */
export class Throttle {
  readonly #most: number
  readonly #window: number
  readonly #now: () => number
  readonly #clients = new Map<string, { readonly since: number; count: number }>()

  /** `most` in each `window` milliseconds. */
  constructor(most: number, window: number, now: () => number = Date.now) {
    this.#most = most
    this.#window = window
    this.#now = now
  }

  /** Counts one more; false when it is one too many. */
  pass(client: string): boolean {
    const now = this.#now()
    const known = this.#clients.get(client)
    if (known && now - known.since < this.#window) return ++known.count <= this.#most
    this.#clients.delete(client)
    if (this.#clients.size >= MOST_CLIENTS) {
      for (const oldest of this.#clients.keys()) {
        this.#clients.delete(oldest)
        break
      }
    }
    this.#clients.set(client, { since: now, count: 1 })
    return true
  }
}
