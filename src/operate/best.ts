/** Something that is in the running, and how well it does. */
export interface Scored<T> {
  readonly score: number
  readonly item: T
}

/**
 * Keeps the best of many: a heap with the worst of those kept on top, so that
 * one more costs a comparison where it is not among them, and a few where it is.
 */
export class Best<T> {
  readonly #most: number
  readonly #compare: (a: Scored<T>, b: Scored<T>) => number
  readonly #heap: Scored<T>[] = []

  /** `compare` says as for `Array.sort` which comes first. */
  constructor(most: number, compare: (a: Scored<T>, b: Scored<T>) => number) {
    this.#most = most
    this.#compare = compare
  }

  get size(): number {
    return this.#heap.length
  }

  add(one: Scored<T>): void {
    const heap = this.#heap
    if (heap.length < this.#most) {
      heap.push(one)
      this.#rise(heap.length - 1)
    } else if (heap.length > 0 && this.#compare(one, heap[0]!) < 0) {
      heap[0] = one
      this.#sink()
    }
  }

  /** Those that are kept, in no order. */
  items(): readonly Scored<T>[] {
    return this.#heap
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1
      if (!this.#isWorse(at, above)) return
      this.#swap(at, above)
      at = above
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      let worst = at
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < this.#heap.length && this.#isWorse(below, worst)) worst = below
      }
      if (worst === at) return
      this.#swap(at, worst)
      at = worst
    }
  }

  #isWorse(a: number, b: number): boolean {
    return this.#compare(this.#heap[a]!, this.#heap[b]!) > 0
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap
    const one = heap[a]!
    heap[a] = heap[b]!
    heap[b] = one
  }
}
