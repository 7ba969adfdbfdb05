import type { Address, Family } from '../../src/base/address.ts'
import type { ChannelNumber } from '../../src/base/ids.ts'
import type { Via, Wire } from '../support/wire.ts'
import { now, WiredClient } from '../support/wired-client.ts'

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

/** A TURN client with one allocation and one peer, on a wire of its own. */
export class Leg<W extends Wire = Wire> {
  readonly via: Via
  readonly wire: W
  readonly #manner: LegManner
  readonly #client: WiredClient
  #relayed: Address | undefined
  #peer: Address | undefined
  heard: (bytes: Buffer) => void = () => {}

  private constructor(manner: LegManner, place: Place, wire: W) {
    this.via = manner.via
    this.wire = wire
    this.#manner = manner
    this.#client = new WiredClient(manner.via, wire, place.credentials(manner.user), bytes =>
      this.heard(bytes),
    )
  }

  /** Allocates; throws an Error that says what the relay answered. */
  static async open<W extends Wire>(manner: LegManner, place: Place, wire: W): Promise<Leg<W>> {
    const leg = new Leg(manner, place, wire)
    try {
      const { family } = manner
      const allocated = await leg.#client.ask('allocated', turn => turn.allocate({ family }, now()))
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
    if (this.#manner.method === 'channel')
      await this.#client.ask('bound', turn => turn.bind(CHANNEL, peer, now()))
    else await this.#client.ask('permitted', turn => turn.permit([peer], now()))
  }

  say(payload: Buffer): void {
    this.wire.send(this.packetWith(payload))
  }

  /** What the relay passes on to the peer. */
  packetWith(payload: Buffer): Buffer {
    this.#client.flush()
    if (this.#manner.method === 'channel') this.#client.turn.sendChannel(CHANNEL, payload)
    else this.#client.turn.sendIndication(this.#peer!, payload)
    return this.#client.turn.drain()[0]!
  }

  /** Whether the relay still has the allocation. */
  async isAlive(): Promise<boolean> {
    return this.#client
      .ask('refreshed', turn => turn.refresh({ lifetime: 600 }, now()))
      .then(
        () => true,
        () => false,
      )
  }

  /** Ends the allocation. */
  async release(): Promise<void> {
    await this.#client.ask('refreshed', turn => turn.release(now())).catch(() => {})
    this.close()
  }

  close(): void {
    this.#client.close()
  }
}

/** Loopback. */
export function hostOf(family: Family): string {
  return family === 4 ? '127.0.0.1' : '::1'
}
