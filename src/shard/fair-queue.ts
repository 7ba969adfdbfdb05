interface Entry<T> {
  readonly item: T
  readonly weight: number
  /** Whether it is dropped before its sender's others. */
  readonly isSpare: boolean
  before: Entry<T> | undefined
  behind: Entry<T> | undefined
}

interface Flow<T> {
  readonly sender: string
  first: Entry<T> | undefined
  last: Entry<T> | undefined
  /** Those that are dropped before any other, in their order. */
  readonly spare: Entry<T>[]
  weight: number
}

/** How an item counts. */
export interface Worth {
  /** A whole number of at least 1. */
  readonly weight?: number
  /** Whether it is dropped before its sender's others. */
  readonly isSpare?: boolean
}

/**
 * A bounded queue from which senders are served in turn, one item each, so
 * that what one of them has waiting delays the others by one item. Items of
 * one sender stay in order. Above the bound an item of the sender with the
 * greatest weight is dropped: the oldest of those that can be spared, else the
 * oldest. No step walks what waits.
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

  /** Adds an item. Returns how many items were dropped for it, which may be this one. */
  add(sender: string, item: T, { weight = 1, isSpare = false }: Worth = {}): number {
    let flow = this.#flows.get(sender)
    if (!flow) {
      flow = { sender, first: undefined, last: undefined, spare: [], weight: 0 }
      this.#flows.set(sender, flow)
      this.#nextRound.push(flow)
    }
    const entry: Entry<T> = { item, weight, isSpare, before: flow.last, behind: undefined }
    if (flow.last) flow.last.behind = entry
    else flow.first = entry
    flow.last = entry
    if (isSpare) flow.spare.push(entry)
    this.#weigh(flow, weight)
    let dropped = 0
    for (; this.#weight > this.#most; dropped++) {
      const heaviest = this.#heaviestFlow()
      this.#remove(heaviest, heaviest.spare[0] ?? heaviest.first!)
    }
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
      const { first } = flow
      // One whose items were all dropped is still in its round.
      if (!first) continue
      this.#remove(flow, first)
      if (flow.first) this.#nextRound.push(flow)
      return first.item
    }
  }

  /** Removes the first entry of a flow, or the first that can be spared. */
  #remove(flow: Flow<T>, entry: Entry<T>): void {
    const { before, behind } = entry
    if (before) before.behind = behind
    else flow.first = behind
    if (behind) behind.before = before
    else flow.last = before
    // The first of all is the first of these, too, if it is one of them.
    if (entry.isSpare) flow.spare.shift()
    this.#weigh(flow, -entry.weight)
    if (!flow.first) this.#flows.delete(flow.sender)
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
