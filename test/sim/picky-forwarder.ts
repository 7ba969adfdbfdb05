import { type Batch, PASS } from '../../src/base/batch.ts'
import type { RouteId } from '../../src/base/ids.ts'
import { addCarried, type Carried, nothingCarried, type Route } from '../../src/base/route.ts'
import type { Time } from '../../src/base/time.ts'
import type { Forwarder } from '../../src/forward/forwarder.ts'
import type { RouteTable } from '../../src/forward/route-table.ts'
import type { Timeline } from './timeline.ts'

/** Milliseconds for which figures stand before they are read anew. */
const POLLED_EVERY = 1000
/** Of so many datagrams that it could carry it leaves one to others, as a kernel leaves fragments. */
const LEAVES_ONE_IN = 5

/**
 * A forwarder as difficult as one in the kernel may be: it carries channels
 * of IPv4 clients over UDP and nothing else, leaves some of their datagrams to
 * others, has figures that are up to a second old, and knows what a route has
 * carried only a while after it had to give it up.
 */
export class PickyForwarder implements Forwarder {
  /** Milliseconds after which figures of a route that is gone are told. */
  late = 900
  readonly #table: RouteTable
  readonly #timeline: Timeline
  readonly #settled: (settled: readonly [Forwarder, RouteId, Carried]) => void
  readonly #has = new Set<RouteId>()
  readonly #owes = new Set<RouteId>()
  readonly #polled = new Map<RouteId, Carried>()
  #polledAt = Number.NEGATIVE_INFINITY
  #seen = 0
  /** Datagrams that it has relayed, and routes that it has refused and owed figures of. */
  readonly did = { relayed: 0, refused: 0, late: 0 }

  constructor(
    table: RouteTable,
    timeline: Timeline,
    settled: (settled: readonly [Forwarder, RouteId, Carried]) => void,
  ) {
    this.#table = table
    this.#timeline = timeline
    this.#settled = settled
  }

  forward(batch: Batch, now: Time): number {
    const left: number[] = []
    for (let slot = 0; slot < batch.count; slot++) {
      if (batch.verdict[slot] !== PASS || ++this.#seen % LEAVES_ONE_IN > 0) continue
      left.push(slot)
      // Any other verdict keeps the table off it.
      batch.verdict[slot] = 255
    }
    const settled = this.#table.forward(batch, now)
    for (const slot of left) batch.verdict[slot] = PASS
    this.did.relayed += settled
    return settled
  }

  add(route: Route): boolean {
    if (route.channel === 0 || route.via !== 'udp' || route.client.family !== 4 || this.#owes.has(route.id)) {
      this.did.refused++
      return false
    }
    this.#has.add(route.id)
    return this.#table.add(route)
  }

  remove(route: RouteId): undefined {
    if (!this.#has.delete(route)) throw new Error(`route ${route} is not here`)
    this.did.late++
    this.#owes.add(route)
    this.#polled.delete(route)
    const carried = this.#table.remove(route)
    this.#timeline.at((this.#timeline.now() + this.late) as Time, () => {
      this.#owes.delete(route)
      this.#settled([this, route, carried])
    })
  }

  read(route: RouteId): Readonly<Carried> {
    if (this.#timeline.now() - this.#polledAt >= POLLED_EVERY) {
      this.#polledAt = this.#timeline.now()
      for (const id of this.#has) this.#polled.set(id, copy(this.#table.read(id)))
    }
    return this.#polled.get(route) ?? nothingCarried()
  }
}

function copy(carried: Readonly<Carried>): Carried {
  const sum = nothingCarried()
  addCarried(sum, carried)
  return sum
}
