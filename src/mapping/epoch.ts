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
