import type { WebSocket } from 'ws'
import type { Language } from '../../texts/language.ts'
import type { Rights, Visitor } from '../visitor.ts'

/** Octets that may wait for a listener before no more is added. */
const MOST_WAITING = 512 << 10

/** How a listener does. */
export type Pace = 'keeps-up' | 'slow' | 'caught-up' | 'gone'

/** Somebody who listens to the feed. */
export class FeedClient {
  readonly rights: Rights
  readonly language: Language
  /** Who it is now; undefined when the token has ended. */
  readonly visitor: () => Visitor | undefined
  /** Has been told everything up to the last delta. */
  isCurrent = false
  readonly #ws: WebSocket
  #slowSince: number | undefined

  constructor(ws: WebSocket, visitor: () => Visitor | undefined, rights: Rights, language: Language) {
    this.#ws = ws
    this.visitor = visitor
    this.rights = rights
    this.language = language
  }

  /** Sends a text, or one that is encoded already. */
  send(text: string | Buffer): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.send(text, { binary: false })
  }

  close(code: number): void {
    this.#ws.close(code)
  }

  terminate(): void {
    this.#ws.terminate()
  }

  /**
   * Says whether more may be sent. A slow listener is sent nothing until all
   * has left, and is gone after `patience`.
   */
  pace(now: number, patience: number): Pace {
    const waiting = this.#ws.bufferedAmount
    if (this.#slowSince === undefined) {
      if (waiting <= MOST_WAITING) return 'keeps-up'
      this.#slowSince = now
      return 'slow'
    }
    if (waiting === 0) {
      this.#slowSince = undefined
      return 'caught-up'
    }
    return now - this.#slowSince >= patience ? 'gone' : 'slow'
  }
}
