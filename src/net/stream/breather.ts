import type { Socket } from 'node:net'

/** What has been worked through after which others have their turn, in times of a read. */
const BREATH = 8

/** What events of a connection cost, in times of a read. A handshake is a signature. */
export const EventCost = { read: 1, accept: 1, end: 2, handshake: BREATH } as const

/**
 * Lets datagrams be relayed between the events of many connections, which Node
 * hands over all in one turn: a thousand that hang up in the same moment are
 * fifty milliseconds.
 */
export class Breather {
  readonly #between: () => void
  #worked = 0

  /** `between` is called when others must have their turn. */
  constructor(between: () => void = () => {}) {
    this.#between = between
  }

  /** Counts an event of this cost. */
  breathe(cost: number): void {
    this.#worked += cost
    if (this.#worked < BREATH) return
    this.#worked = 0
    this.#between()
  }

  /**
   * Counts the end of this socket. Of all that a hang-up is made of, each step comes for all connections before the
   * next.
   */
  breatheAtEnd(socket: Socket): void {
    for (const step of ['end', 'finish']) socket.once(step, () => this.breathe(EventCost.end))
  }
}
