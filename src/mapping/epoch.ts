/** Judges whether a router still has the table that it had: by a clock of its own, which starts again with that. */
export class RouterEpoch {
  #seconds = 0
  #at = 0
  #isKnown = false

  /**
   * Takes the epoch time of an answer, in seconds, and when it came, in
   * milliseconds. True where the router has lost its mappings since the one before (RFC 6887
   * §8.5, which allows clocks that differ by a sixteenth; RFC 6886 §3.6 asks for no more).
   */
  hasRestarted(seconds: number, now: number): boolean {
    const [server, client] = [seconds - this.#seconds, (now - this.#at) / 1000]
    const wasKnown = this.#isKnown
    this.#seconds = seconds
    this.#at = now
    this.#isKnown = true
    if (!wasKnown) return false
    // Answers may overtake each other by a second.
    return server < -1 || client + 2 < server - server / 16 || server + 2 < client - client / 16
  }

  forget(): void {
    this.#isKnown = false
  }
}

/** Milliseconds between two times that all is asked for anew: at first, and at most. */
const PAUSE = { first: 10_000, longest: 300_000 } as const

/**
 * Says when a loss of the router's table is acted upon: at once, and then ever more seldom where one follows another,
 * as some routers have a clock that stands still or jumps, and would be asked for everything without end.
 */
export class LossPace {
  /** When the next loss may be acted upon, and the pause before it. */
  #from = 0
  #pause = 0
  #isNoted = false

  /** When `isDue` will be true. */
  get next(): number {
    return this.#isNoted ? this.#from : Number.POSITIVE_INFINITY
  }

  note(now: number): void {
    if (now > this.#from + this.#pause) this.#pause = 0
    this.#isNoted = true
  }

  isDue(now: number): boolean {
    return this.#isNoted && now >= this.#from
  }

  taken(now: number): void {
    this.#isNoted = false
    this.#pause = Math.min(Math.max(this.#pause * 2, PAUSE.first), PAUSE.longest)
    this.#from = now + this.#pause
  }
}
