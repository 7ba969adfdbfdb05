import { randomFillSync } from 'node:crypto'
import type { Address, Family } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Time } from '../../src/base/time.ts'
import { TurnClient } from '../../src/client/turn-client.ts'
import type { RequestNumber, TurnEvent } from '../../src/client/turn-event.ts'
import { openWire, type Via, type Wire } from '../support/wire.ts'

/** Where the relay is, and who may use it. */
export interface Place {
  readonly port: number
  readonly tlsPort: number
  credentials(user: string): { username: string; password: string }
}

export interface LegManner {
  readonly via: Via
  readonly family: Family
  readonly method: 'channel' | 'indication'
  readonly user: string
}

const CHANNEL = 0x4000 as ChannelNumber
/** Milliseconds between two looks at what must be sent again. */
const TICK = 200

/** A TURN client with one allocation and one peer. */
export class Leg {
  readonly via: Via
  readonly #manner: LegManner
  readonly #turn: TurnClient
  readonly #wire: Wire
  readonly #waiting = new Map<RequestNumber, (event: TurnEvent) => void>()
  readonly #timer: NodeJS.Timeout
  #relayed: Address | undefined
  #peer: Address | undefined
  heard: (bytes: Buffer) => void = () => {}

  private constructor(manner: LegManner, place: Place, wire: Wire) {
    this.via = manner.via
    this.#manner = manner
    this.#wire = wire
    this.#turn = new TurnClient({
      ...place.credentials(manner.user),
      random: into => void randomFillSync(into),
      reliable: manner.via !== 'udp',
      keepAlive: true,
    })
    wire.receive(bytes => this.#settle(this.#turn.take(bytes, now())))
    this.#timer = setInterval(() => this.#settle(this.#turn.tick(now())), TICK)
  }

  /** Allocates; throws an Error that says what the relay answered. */
  static async open(manner: LegManner, place: Place): Promise<Leg> {
    const host = hostOf(manner.family)
    const leg = new Leg(manner, place, await openWire(manner.via, { ...place, host }))
    try {
      const { family } = manner
      const allocated = await leg.#ask('allocated', turn => turn.allocate({ family }, now()))
      leg.#relayed = allocated.relayed[0]!
      return leg
    } catch (error) {
      leg.close()
      throw error
    }
  }

  get relayed(): Address {
    return this.#relayed!
  }

  /** From now on talks to this peer. */
  async meet(peer: Address): Promise<void> {
    this.#peer = peer
    if (this.#manner.method === 'channel') await this.#ask('bound', turn => turn.bind(CHANNEL, peer, now()))
    else await this.#ask('permitted', turn => turn.permit([peer], now()))
  }

  say(payload: Buffer): void {
    if (this.#manner.method === 'channel') this.#turn.sendChannel(CHANNEL, payload)
    else this.#turn.sendIndication(this.#peer!, payload)
    this.#flush()
  }

  /** Whether the relay still has the allocation. */
  async isAlive(): Promise<boolean> {
    return this.#ask('refreshed', turn => turn.refresh({ lifetime: 600 }, now())).then(
      () => true,
      () => false,
    )
  }

  /** Ends the allocation. */
  async release(): Promise<void> {
    await this.#ask('refreshed', turn => turn.release(now())).catch(() => {})
    this.close()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#wire.close()
  }

  async #ask<K extends TurnEvent['kind']>(
    wanted: K,
    request: (turn: TurnClient) => RequestNumber,
  ): Promise<Extract<TurnEvent, { kind: K }>> {
    const answered = new Promise<TurnEvent>(resolve => {
      this.#waiting.set(request(this.#turn), resolve)
    })
    this.#flush()
    const event = await answered
    if (event.kind === wanted) return event as Extract<TurnEvent, { kind: K }>
    throw new Error(`no ${wanted}: ${event.kind === 'rejected' ? event.code : event.kind}`)
  }

  #settle(events: readonly TurnEvent[]): void {
    this.#flush()
    for (const event of events) {
      if (event.kind === 'data') this.heard(event.bytes)
      if (!('request' in event)) continue
      const resolve = this.#waiting.get(event.request)
      this.#waiting.delete(event.request)
      resolve?.(event)
    }
  }

  #flush(): void {
    for (const bytes of this.#turn.drain()) this.#wire.send(bytes)
  }
}

/** Loopback. */
export function hostOf(family: Family): string {
  return family === 4 ? '127.0.0.1' : '::1'
}

function now(): Time {
  return Date.now() as Time
}
