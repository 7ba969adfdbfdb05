import type { Batch } from '../base/batch.ts'
import type { RouteId } from '../base/ids.ts'
import type { Carried, Route } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { NoForwarder } from './no-forwarder.ts'

/** What a forwarder says of a route that it gave up: the figures, or `undefined` where they come later. */
export interface GivenUp {
  readonly by: Forwarder
  readonly carried: Carried | undefined
}

/** The forwarders of a shard, the preferred one first, and which of them has each route. */
export class Forwarders {
  readonly #all: readonly Forwarder[]
  /** By number, and first the one that has what no other has taken. */
  readonly #byNumber: readonly Forwarder[]
  /** The number of the one that has each route, by `RouteId`. */
  #holders = new Uint8Array(64)

  constructor(all: readonly Forwarder[]) {
    this.#all = all
    this.#byNumber = [new NoForwarder(), ...all]
  }

  /** Lets one after the other see the batch; returns how many of its datagrams are left to the core. */
  forward(batch: Batch, now: Time): number {
    let left = batch.count
    for (let i = 0; i < this.#all.length && left > 0; i++) left -= this.#all[i]!.forward(batch, now)
    return left
  }

  /**
   * Gives a route to the first that takes it. Returns what the one says that
   * had it until now, if that is another.
   */
  add(route: Route): GivenUp | undefined {
    const before = this.#holders[route.id] ?? NONE
    const holder = this.#all.findIndex(forwarder => forwarder.add(route)) + 1
    while (route.id >= this.#holders.length) this.#grow()
    this.#holders[route.id] = holder
    if (before === NONE || before === holder) return undefined
    const by = this.#byNumber[before]!
    return { by, carried: by.remove(route.id) }
  }

  /** Takes a route from the one that has it. */
  remove(route: RouteId): GivenUp {
    const by = this.#holderOf(route)
    if (route < this.#holders.length) this.#holders[route] = NONE
    return { by, carried: by.remove(route) }
  }

  read(route: RouteId): Readonly<Carried> {
    return this.#holderOf(route).read(route)
  }

  #holderOf(route: RouteId): Forwarder {
    return this.#byNumber[this.#holders[route] ?? NONE]!
  }

  #grow(): void {
    const wider = new Uint8Array(this.#holders.length * 2)
    wider.set(this.#holders)
    this.#holders = wider
  }
}

const NONE = 0
