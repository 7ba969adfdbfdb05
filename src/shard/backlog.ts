import type { SocketId } from '../base/ids.ts'
import type { Datagram } from '../core/input.ts'
import { FairQueue } from './fair-queue.ts'

/** What may wait, in datagrams of up to 2 kB: eight megabytes, and half a second's work. */
const MOST = 4096
/** Bits of the octets that one unit of weight has room for. */
const UNIT_BITS = 11

/**
 * Datagrams that wait for the core, copied, of one sender after the other.
 *
 * A socket that is closed takes what waits from it along: its number may be
 * somebody else's by the time that it would be handled.
 */
export class Backlog {
  readonly #queue = new FairQueue<{ readonly datagram: Datagram; readonly sequence: number }>(MOST)
  #sequence = 0
  /** Sockets that were closed since the backlog began, and before which datagram. */
  readonly #closed = new Map<SocketId, number>()

  get isEmpty(): boolean {
    return this.#queue.isEmpty
  }

  has(sender: string): boolean {
    return this.#queue.has(sender)
  }

  /**
   * Keeps a datagram. Returns how many had to go for it: of one sender first
   * those that did not prove that they come from where they say.
   */
  add(sender: string, datagram: Datagram, isProved: boolean): number {
    const bytes = Buffer.from(datagram.bytes)
    const sequence = this.#sequence++
    const item = { datagram: { ...datagram, bytes }, sequence }
    return this.#queue.add(sender, item, { weight: 1 + (bytes.length >> UNIT_BITS), isSpare: !isProved })
  }

  take(): Datagram | undefined {
    for (;;) {
      const next = this.#queue.take()
      if (!next) {
        this.#closed.clear()
        return undefined
      }
      const { datagram, sequence } = next
      if (sequence >= (this.#closed.get(datagram.socket) ?? 0)) return datagram
    }
  }

  closed(socket: SocketId): void {
    if (!this.#queue.isEmpty) this.#closed.set(socket, this.#sequence)
  }
}
