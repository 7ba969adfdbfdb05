import type { AllocationId } from '../base/ids.ts'
import type { Carried } from '../base/route.ts'
import type { OpenAllocation } from '../core/allocation.ts'
import type { RoutesEnded } from '../core/input.ts'
import type { CarriedBy } from '../core/snapshot/record.ts'

/**
 * What allocations had carried when they were written down by a shard that stands still: forwarders go on, and what
 * they carry from then on is not in that state.
 */
export class CarriedThen {
  readonly #then = new Map<AllocationId, Carried>()

  /** It is written down with this. Where it is written twice, the last counts. */
  note(allocation: AllocationId, carried: Carried): void {
    this.#then.set(allocation, carried)
  }

  /** What those have carried since that were written down and have carried anything. */
  *since(allocations: Iterable<Readonly<OpenAllocation>>, carriedBy: CarriedBy): Generator<RoutesEnded> {
    for (const allocation of allocations) {
      const then = this.#then.get(allocation.id)
      const carried = then && difference(carriedBy(allocation), then)
      if (carried) yield { allocation: allocation.id, carried }
    }
  }
}

/** What has been carried since `then`; undefined where it is nothing. */
function difference(now: Readonly<Carried>, then: Readonly<Carried>): Carried | undefined {
  const way = (name: 'toPeer' | 'toClient') => ({
    packets: now.traffic[name].packets - then.traffic[name].packets,
    bytes: now.traffic[name].bytes - then.traffic[name].bytes,
  })
  const [toPeer, toClient, dropped] = [way('toPeer'), way('toClient'), now.dropped - then.dropped]
  if (toPeer.packets === 0 && toClient.packets === 0 && dropped === 0) return undefined
  return { traffic: { toPeer, toClient }, dropped }
}
