import { randomFillSync } from 'node:crypto'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../../src/client/turn-event.ts'
import type { Via, Wire } from './wire.ts'

/** Milliseconds between two looks at what must be sent again. */
const TICK = 200

/** A TURN client on a wire, whose requests can be awaited. */
export class WiredClient {
  readonly turn: TurnClient
  readonly #wire: Wire
  readonly #heard: (payload: Buffer) => void
  readonly #waiting = new Map<RequestNumber, (event: TurnEvent) => void>()
  readonly #timer: NodeJS.Timeout

  /** `heard` is told what peers say. */
  constructor(
    via: Via,
    wire: Wire,
    credentials: { username: string; password: string },
    heard: (payload: Buffer) => void,
  ) {
    this.#wire = wire
    this.#heard = heard
    this.turn = new TurnClient({
      ...credentials,
      random: into => void randomFillSync(into),
      reliable: via !== 'udp',
      keepAlive: true,
    })
    wire.receive(bytes => this.#settle(this.turn.take(bytes, now())))
    this.#timer = setInterval(() => this.#settle(this.turn.tick(now())), TICK)
  }

  /** Resolves with the answer; throws an Error that says what the relay answered where that is another. */
  async ask<K extends TurnEvent['kind']>(
    wanted: K,
    request: (turn: TurnClient) => RequestNumber,
  ): Promise<Extract<TurnEvent, { kind: K }>> {
    const answered = new Promise<TurnEvent>(resolve => {
      this.#waiting.set(request(this.turn), resolve)
    })
    this.flush()
    const event = await answered
    if (event.kind === wanted) return event as Extract<TurnEvent, { kind: K }>
    throw new Error(`no ${wanted}: ${event.kind === 'rejected' ? event.code : event.kind}`)
  }

  /** Sends what the client has to say. */
  flush(): void {
    for (const bytes of this.turn.drain()) this.#wire.send(bytes)
  }

  /** Sends nothing more by itself. */
  leave(): void {
    clearInterval(this.#timer)
  }

  close(): void {
    this.leave()
    this.#wire.close()
  }

  #settle(events: readonly TurnEvent[]): void {
    this.flush()
    for (const event of events) {
      if (event.kind === 'data') this.#heard(event.bytes)
      if (!('request' in event)) continue
      const resolve = this.#waiting.get(event.request)
      this.#waiting.delete(event.request)
      resolve?.(event)
    }
  }
}

export function now(): Time {
  return Date.now() as Time
}
