import type { Time } from '../../src/base/time.ts'

interface Entry {
  readonly at: Time
  readonly sequence: number
  readonly run: () => void
}

/** Simulated time: things to do, ordered by moment and then by when they were scheduled. */
export class Timeline {
  #now: Time
  #sequence = 0
  /** A binary heap, earliest first. */
  readonly #heap: Entry[] = []

  constructor(start: Time) {
    this.#now = start
  }

  now(): Time {
    return this.#now
  }

  at(moment: Time, run: () => void): void {
    const entry = { at: Math.max(moment, this.#now) as Time, sequence: this.#sequence++, run }
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  /** The moment of the next entry. */
  next(): Time | undefined {
    return this.#heap[0]?.at
  }

  /** Runs everything up to and including `end`, then stands at `end`. */
  runUntil(end: Time): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= end) this.step()
    if (end > this.#now) this.#now = end
  }

  /** Runs the next entry. */
  step(): void {
    const entry = this.#pop()
    if (!entry) return
    this.#now = entry.at
    entry.run()
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (!top || !last || heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
