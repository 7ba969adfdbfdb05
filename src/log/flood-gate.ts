import { FixedWindow } from '../limits/fixed-window.ts'

/** Lines of one kind that pass in a window, and how long a window is. */
export interface FloodLimits {
  readonly lines: number
  readonly milliseconds: number
}

/** A kind of line that was held back, and how often, since its window began. */
export interface Suppressed {
  readonly key: string
  readonly count: number
}

/** Kinds of lines that are counted at a time; there are fewer. */
const MOST_KINDS = 1024

/**
 * Lets the first few lines of a kind through in each window and counts the
 * rest, so that a flood of packets is a handful of lines on the disk. Keys come
 * from small fixed sets; nothing that a packet says is part of one.
 */
export class FloodGate {
  readonly #lines: number
  readonly #windows: FixedWindow<string, { passed: number }>
  /** Apart from the windows, so that nothing is lost when a kind begins a new one before the sweep. */
  readonly #held = new Map<string, number>()

  constructor(limits: FloodLimits = { lines: 10, milliseconds: 10_000 }) {
    this.#lines = limits.lines
    this.#windows = new FixedWindow(limits.milliseconds, MOST_KINDS, () => ({ passed: 0 }))
  }

  /** True if the line may be written now. */
  pass(key: string, now: number): boolean {
    const window = this.#windows.of(key, now)
    if (window.passed >= this.#lines) {
      this.#held.set(key, (this.#held.get(key) ?? 0) + 1)
      return false
    }
    window.passed++
    return true
  }

  /** Counts lines that somebody else has held back. */
  hold(key: string, count: number, now: number): void {
    this.#windows.of(key, now)
    this.#held.set(key, (this.#held.get(key) ?? 0) + count)
  }

  /** Ends the windows that are over; returns what they held back. To be called about once a second. */
  sweep(now: number): Suppressed[] {
    const suppressed: Suppressed[] = []
    for (const [key] of this.#windows.end(now)) {
      const count = this.#held.get(key)
      this.#held.delete(key)
      if (count !== undefined) suppressed.push({ key, count })
    }
    return suppressed
  }
}
