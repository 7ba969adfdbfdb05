interface Flow<T> {
  readonly sender: string
  readonly items: { readonly item: T; readonly weight: number }[]
  weight: number
}

/**
 * A bounded queue from which senders are served in turn, one item each, so
 * that what one of them has waiting delays the others by one item. Items of
 * one sender stay in order. Above the bound the oldest item of the sender with
 * the greatest weight is dropped. No step walks what waits.
 */
export class FairQueue<T> {
  readonly #most: number
  readonly #flows = new Map<string, Flow<T>>()
  /** Those who have not had their turn in this round, from `#at` on, and those who have, or came since it began. */
  #round: Flow<T>[] = []
  #at = 0
  #nextRound: Flow<T>[] = []
  /** Flows by their weight. */
  readonly #byWeight: (Set<Flow<T>> | undefined)[] = []
  /** No flow weighs more. */
  #heaviest = 0
  #weight = 0

  /** `most` is the weight of all items together. */
  constructor(most: number) {
    this.#most = most
  }

  get isEmpty(): boolean {
    return this.#weight === 0
  }

  /** Whether something of this sender waits. */
  has(sender: string): boolean {
    return this.#flows.has(sender)
  }

  /** Adds an item of a whole weight of at least 1. Returns how many items were dropped for it. */
  add(sender: string, item: T, weight = 1): number {
    let flow = this.#flows.get(sender)
    if (!flow) {
      flow = { sender, items: [], weight: 0 }
      this.#flows.set(sender, flow)
      this.#nextRound.push(flow)
    }
    flow.items.push({ item, weight })
    this.#weigh(flow, weight)
    let dropped = 0
    for (; this.#weight > this.#most; dropped++) this.#shift(this.#heaviestFlow())
    return dropped
  }

  /** Takes the oldest item of the sender whose turn it is. */
  take(): T | undefined {
    for (;;) {
      if (this.#at === this.#round.length) {
        if (this.#nextRound.length === 0) return undefined
        this.#round = this.#nextRound
        this.#nextRound = []
        this.#at = 0
      }
      const flow = this.#round[this.#at++]!
      // One whose items were all dropped is still in its round.
      if (flow.items.length === 0) continue
      const item = this.#shift(flow)
      if (flow.items.length > 0) this.#nextRound.push(flow)
      return item
    }
  }

  #shift(flow: Flow<T>): T {
    const { item, weight } = flow.items.shift()!
    this.#weigh(flow, -weight)
    if (flow.items.length === 0) this.#flows.delete(flow.sender)
    return item
  }

  #weigh(flow: Flow<T>, by: number): void {
    this.#byWeight[flow.weight]?.delete(flow)
    flow.weight += by
    this.#weight += by
    if (flow.weight === 0) return
    const alike = (this.#byWeight[flow.weight] ??= new Set())
    alike.add(flow)
    this.#heaviest = Math.max(this.#heaviest, flow.weight)
  }

  #heaviestFlow(): Flow<T> {
    for (; ; this.#heaviest--) {
      for (const flow of this.#byWeight[this.#heaviest] ?? []) return flow
    }
  }
}
