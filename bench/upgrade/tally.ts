/** What one side of a call heard of the other: times of one round, in milliseconds, and packets since the call began. */
export interface Heard {
  /** The longest time between two packets. */
  readonly gap: number
  /** The longest that a packet was on its way. */
  readonly delay: number
  readonly sent: number
  /** Without those that came again. */
  readonly distinct: number
  readonly twice: number
}

/** Packets one way, by their numbers: which were sent, which arrived, and when. */
export class Tally {
  #sent = 0
  #seen = new Uint8Array(1024)
  #distinct = 0
  #twice = 0
  #last: number | undefined
  #gap = 0
  #delay = 0

  /** The number of the next packet. */
  next(): number {
    return this.#sent++
  }

  arrived(number: number, sentAt: number, now: number): void {
    if (number >= this.#seen.length) {
      const seen = new Uint8Array(Math.max(number + 1, this.#seen.length * 2))
      seen.set(this.#seen)
      this.#seen = seen
    }
    if (this.#seen[number] === 1) this.#twice++
    else this.#distinct++
    this.#seen[number] = 1
    if (this.#last !== undefined) this.#gap = Math.max(this.#gap, now - this.#last)
    this.#last = now
    this.#delay = Math.max(this.#delay, now - sentAt)
  }

  /** Ends a round. Silence that goes on counts to both rounds. */
  round(now: number): Heard {
    const silence = this.#last === undefined ? 0 : now - this.#last
    const packets = { sent: this.#sent, distinct: this.#distinct, twice: this.#twice }
    const heard = { gap: Math.max(this.#gap, silence), delay: this.#delay, ...packets }
    this.#gap = 0
    this.#delay = 0
    return heard
  }
}
