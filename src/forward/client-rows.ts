/** Small numbers for clients, each in use for as long as the client has routes. */
export class ClientRows {
  readonly #routes: number[] = []
  readonly #free: number[] = []

  /** A number that is not in use. It has no routes yet; `retain` it. */
  open(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    return this.#routes.push(0) - 1
  }

  /** One more route. */
  retain(client: number): void {
    this.#routes[client] = this.#routes[client]! + 1
  }

  /** One route less. True if it was the last: the number is free then. */
  release(client: number): boolean {
    const left = this.#routes[client]! - 1
    this.#routes[client] = left
    if (left > 0) return false
    this.#free.push(client)
    return true
  }
}
