import type { AllocationId, RouteId } from '../base/ids.ts'
import { addCarried, addTraffic, type Carried, noTraffic, nothingCarried } from '../base/route.ts'
import type { Time } from '../base/time.ts'
import type { Event } from '../core/event.ts'
import type { RoutesEnded } from '../core/input.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { GivenUp } from './forwarders.ts'

type Closed = Extract<Event, { kind: 'closed' }>

/** Milliseconds that the end of an allocation waits for figures that forwarders owe. */
const PATIENCE = 5000
const NONE: readonly RoutesEnded[] = []

/**
 * Brings what routes have carried to the account of their allocation after
 * they are gone: into the core while that lives, else into the event that
 * tells of its end. That event waits for forwarders that know their figures
 * only later, but not for ever.
 */
export class Accounts {
  /** What has come since `ended` was last asked. */
  readonly #arrived = new Map<AllocationId, Carried>()
  /** Whose figures each forwarder still owes. */
  readonly #owed = new Map<Forwarder, Map<RouteId, AllocationId>>()
  /** How many routes of an allocation are among those. */
  readonly #owing = new Map<AllocationId, number>()
  /** Ends of allocations that wait for figures. */
  readonly #waiting = new Map<AllocationId, { event: Closed; readonly until: Time }>()

  /** Takes what the forwarder of a route of this allocation said when it gave it up. */
  take(allocation: AllocationId, route: RouteId, { by, carried }: GivenUp): void {
    if (carried) {
      this.#arrive(allocation, carried)
      return
    }
    let owed = this.#owed.get(by)
    if (!owed) this.#owed.set(by, (owed = new Map()))
    owed.set(route, allocation)
    this.#owing.set(allocation, (this.#owing.get(allocation) ?? 0) + 1)
  }

  /** Takes figures that a forwarder owed. Returns the event that now need wait no longer. */
  settled(by: Forwarder, route: RouteId, carried: Readonly<Carried>): Event | undefined {
    const owed = this.#owed.get(by)
    const allocation = owed?.get(route)
    if (!owed || allocation === undefined) return undefined
    owed.delete(route)
    const left = this.#owing.get(allocation)! - 1
    if (left > 0) this.#owing.set(allocation, left)
    else this.#owing.delete(allocation)
    const waiting = this.#waiting.get(allocation)
    if (!waiting) {
      this.#arrive(allocation, carried)
      return undefined
    }
    waiting.event = withCarried(waiting.event, carried)
    if (left > 0) return undefined
    this.#waiting.delete(allocation)
    return waiting.event
  }

  /** Completes the event of an allocation's end; `undefined` where it has to wait for figures. */
  complete(event: Closed, now: Time): Event | undefined {
    const { allocation } = event
    const arrived = this.#arrived.get(allocation)
    this.#arrived.delete(allocation)
    const complete = arrived ? withCarried(event, arrived) : event
    if (!this.#owing.has(allocation)) return complete
    this.#waiting.set(allocation, { event: complete, until: (now + PATIENCE) as Time })
    return undefined
  }

  /** Returns what has come for allocations that live, once. */
  ended(): readonly RoutesEnded[] {
    if (this.#arrived.size === 0) return NONE
    const ended = Array.from(this.#arrived, ([allocation, carried]) => ({ allocation, carried }))
    this.#arrived.clear()
    return ended
  }

  /** Returns the events that have waited long enough: all of them unless a moment is given. */
  overdue(now = Number.POSITIVE_INFINITY as Time): Event[] {
    const overdue: Event[] = []
    for (const [allocation, { event, until }] of this.#waiting) {
      if (until > now) continue
      this.#waiting.delete(allocation)
      overdue.push(event)
    }
    return overdue
  }

  #arrive(allocation: AllocationId, carried: Readonly<Carried>): void {
    const { toPeer, toClient } = carried.traffic
    if (toPeer.packets + toClient.packets + carried.dropped === 0) return
    const sum = this.#arrived.get(allocation) ?? nothingCarried()
    addCarried(sum, carried)
    this.#arrived.set(allocation, sum)
  }
}

function withCarried(event: Closed, { traffic }: Readonly<Carried>): Closed {
  const sum = noTraffic()
  addTraffic(sum, event.traffic)
  addTraffic(sum, traffic)
  return { ...event, traffic: sum }
}
