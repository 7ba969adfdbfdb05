import type { Time } from '../base/time.ts'
import type { TurnClient } from '../client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../client/turn-event.ts'
import { LoadError } from './fault.ts'

/** The way from a client to its server. */
export interface DialogueLink {
  /** Sends a datagram or a frame; the octets are used up when it returns. */
  send(bytes: Buffer): void
  /** Octets that wait to leave. */
  readonly backlog: number
  close(): void
}

/** A client's requests over its link, as promises. */
export class Dialogue {
  readonly turn: TurnClient
  readonly #link: DialogueLink
  readonly #waiting = new Map<RequestNumber, (event: TurnEvent) => void>()

  constructor(turn: TurnClient, link: DialogueLink) {
    this.turn = turn
    this.#link = link
  }

  /** True while an answer is awaited. */
  get busy(): boolean {
    return this.#waiting.size > 0
  }

  /** Resolves with the event of kind `wanted` that ends the request; throws a `LoadError` at any other. */
  async ask<K extends TurnEvent['kind']>(
    name: string,
    wanted: K,
    request: (turn: TurnClient) => RequestNumber,
  ): Promise<Extract<TurnEvent, { kind: K }>> {
    const answered = new Promise<TurnEvent>(resolve => {
      this.#waiting.set(request(this.turn), resolve)
    })
    this.#flush()
    const event = await answered
    if (event.kind === wanted) return event as Extract<TurnEvent, { kind: K }>
    if (event.kind === 'rejected')
      throw new LoadError({ kind: 'refused', request: name, code: event.code, opened: 0 })
    const why = event.kind === 'failed' ? event.why : event.kind
    throw new LoadError({ kind: 'silent', request: name, why, opened: 0 })
  }

  /** Takes a datagram or frame that is not for the data path. */
  take(bytes: Buffer, now: Time): void {
    this.#settle(this.turn.take(bytes, now))
  }

  tick(now: Time): void {
    const due = this.turn.due()
    if (due !== undefined && due <= now) this.#settle(this.turn.tick(now))
  }

  #settle(events: readonly TurnEvent[]): void {
    this.#flush()
    for (const event of events) {
      if (!('request' in event)) continue
      const resolve = this.#waiting.get(event.request)
      this.#waiting.delete(event.request)
      resolve?.(event)
    }
  }

  #flush(): void {
    for (const bytes of this.turn.drain()) this.#link.send(bytes)
  }
}
