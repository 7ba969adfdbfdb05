import { type Address, formatAddress } from '../../src/base/address.ts'
import type { Time } from '../../src/base/time.ts'
import { type Dice, dice, seedOf } from './random.ts'
import type { Timeline } from './timeline.ts'

export interface Faults {
  readonly seed: number
  /** Milliseconds one way. */
  readonly latency: number
  /** Milliseconds added at random; more than zero reorders. */
  readonly jitter: number
  /** Probability that a datagram is lost, and that it comes twice. */
  readonly loss: number
  readonly duplication: number
}

/** Takes what arrives at one address. */
export type Receiver = (from: Address, bytes: Buffer) => void

/** A network of UDP datagrams between addresses, with faults. */
export class SimNet {
  readonly #timeline: Timeline
  readonly #faults: Faults
  readonly #receivers = new Map<Address['key'], Receiver>()
  readonly #links = new Map<string, Dice>()
  /** Datagrams under way, of which none may be left when nothing leaks. */
  underWay = 0
  /** Sees every datagram where it arrives, before its receiver; true if it took it. */
  intercept: ((from: Address, to: Address, bytes: Buffer) => boolean) | undefined

  constructor(timeline: Timeline, faults: Faults) {
    this.#timeline = timeline
    this.#faults = faults
  }

  attach(at: Address, receiver: Receiver): void {
    this.#receivers.set(at.key, receiver)
  }

  detach(at: Address): void {
    this.#receivers.delete(at.key)
  }

  isTaken(at: Address): boolean {
    return this.#receivers.has(at.key)
  }

  send(from: Address, to: Address, bytes: Buffer): void {
    const { loss, duplication, jitter, latency } = this.#faults
    const roll = this.#link(from, to)
    if (loss > 0 && roll() < loss) return
    const copies = duplication > 0 && roll() < duplication ? 2 : 1
    for (let i = 0; i < copies; i++) {
      const delay = latency + (jitter > 0 ? Math.floor(roll() * jitter) : 0)
      // Each copy is a buffer of its own: what a receiver does to one must not show in another.
      const copy = Buffer.from(bytes)
      this.underWay++
      this.#timeline.at((this.#timeline.now() + delay) as Time, () => {
        this.underWay--
        if (this.intercept?.(from, to, copy)) return
        this.#receivers.get(to.key)?.(from, copy)
      })
    }
  }

  /** Carries something in order and without loss, as a stream would. */
  carry(run: () => void): void {
    this.#timeline.at((this.#timeline.now() + this.#faults.latency) as Time, run)
  }

  /** Luck per direction of a link, so that traffic elsewhere does not change it. */
  #link(from: Address, to: Address): Dice {
    const name = `${formatAddress(from)}>${formatAddress(to)}`
    let roll = this.#links.get(name)
    if (!roll) this.#links.set(name, (roll = dice(seedOf(this.#faults.seed, name))))
    return roll
  }
}
