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
  readonly #none = new NoForwarder()
  /** By `RouteId`. */
  readonly #holders: (Forwarder | undefined)[] = []

  constructor(all: readonly Forwarder[]) {
    this.#all = all
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
    const before = this.#holders[route.id]
    const holder = this.#all.find(forwarder => forwarder.add(route)) ?? this.#none
    this.#holders[route.id] = holder
    if (before === undefined || before === holder) return undefined
    return { by: before, carried: before.remove(route.id) }
  }

  /** Takes a route from the one that has it. */
  remove(route: RouteId): GivenUp {
    const by = this.#holders[route] ?? this.#none
    this.#holders[route] = undefined
    return { by, carried: by.remove(route) }
  }

  read(route: RouteId): Readonly<Carried> {
    return (this.#holders[route] ?? this.#none).read(route)
  }
}
