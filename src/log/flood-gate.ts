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

/**
 * Lets the first few lines of a kind through in each window and counts the
 * rest, so that a flood of packets is a handful of lines on the disk. Keys come
 * from small fixed sets; nothing that a packet says is part of one.
 */
export class FloodGate {
  readonly #limits: FloodLimits
  readonly #windows = new Map<string, { since: number; passed: number; held: number }>()

  constructor(limits: FloodLimits = { lines: 10, milliseconds: 10_000 }) {
    this.#limits = limits
  }

  /** True if the line may be written now. */
  pass(key: string, now: number): boolean {
    const window = this.#windows.get(key)
    if (!window) {
      this.#windows.set(key, { since: now, passed: 1, held: 0 })
      return true
    }
    if (window.passed < this.#limits.lines) {
      window.passed++
      return true
    }
    window.held++
    return false
  }

  /** Counts lines that somebody else has held back. */
  hold(key: string, count: number, now: number): void {
    const window = this.#windows.get(key)
    if (window) window.held += count
    else this.#windows.set(key, { since: now, passed: 0, held: count })
  }

  /** Ends the windows that are over; returns what they held back. To be called about once a second. */
  sweep(now: number): Suppressed[] {
    const suppressed: Suppressed[] = []
    for (const [key, window] of this.#windows) {
      if (now - window.since < this.#limits.milliseconds) continue
      this.#windows.delete(key)
      if (window.held > 0) suppressed.push({ key, count: window.held })
    }
    return suppressed
  }
}
