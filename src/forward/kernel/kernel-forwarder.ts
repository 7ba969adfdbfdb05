import type { Batch } from '../../base/batch.ts'
import type { RouteId } from '../../base/ids.ts'
import { addCarried, type Carried, nothingCarried, type Route } from '../../base/route.ts'
import type { Time } from '../../base/time.ts'
import type { Forwarder } from '../forwarder.ts'
import { type HeldRoute, KernelOffload, type KernelSurroundings } from './kernel-offload.ts'
import type { KernelTable } from './kernel-table.ts'

export interface KernelForwarderParts extends KernelSurroundings {
  /** Takes all routes too, and relays what the kernel leaves. */
  readonly behind: Forwarder
  readonly now: () => Time
  /** Is told of figures that were owed, as `Inbox.settled` is. */
  readonly settled: (by: Forwarder, route: RouteId, carried: Readonly<Carried>) => void
  /** Is asked to call `settle` after so many milliseconds, when the figures that are owed by now are known. */
  readonly later: (milliseconds: number) => void
  /** Is asked to call `proceed` when everything that waits has had its turn. */
  readonly soon: () => void
}

/** A route that was withdrawn from the kernel, whose figures are not known yet. */
interface Owed {
  readonly held: HeldRoute
  /** From when on they are known. */
  readonly due: number
  /** Where the route itself was removed: what it has carried elsewhere. */
  removed?: Carried
}

/** Milliseconds after which the program is done with datagrams that it had in hand when their route was withdrawn. */
const GRACE = 20
/** Routes that enter the kernel or leave it in one turn, with three system calls each. */
const MOVED = 32
/** Milliseconds between two looks at what is owed. */
const LOOK_EVERY = GRACE + 5

/**
 * Has the kernel relay datagrams of UDP clients before they come to a socket
 * (bpf/relay.c), while there are maps to tell it of the routes. Every route is
 * given to the forwarder behind it as well, for what the kernel leaves:
 * fragments, merged datagrams, peers whose neighbour is not known.
 *
 * A route stops in the kernel when `remove` returns; its figures come soon after, with `settle`.
 */
export class KernelForwarder implements Forwarder {
  readonly #parts: KernelForwarderParts
  readonly #behind: Forwarder
  readonly #all = new Map<RouteId, Route>()
  /** What routes carried in the kernel that are not there any more, or in maps that are gone. */
  readonly #earlier = new Map<RouteId, Carried>()
  readonly #owed = new Map<RouteId, Owed>()
  #offload: KernelOffload | undefined
  #isAsked = false
  /** What is being done for many routes, some in each turn; it ends with the maps. */
  #entering: Generator<undefined, void> | undefined
  #polling: Generator<undefined, void> | undefined
  /** While it is there, no route is relayed by the maps, and they are let go of. */
  #leaving: Generator<undefined, void> | undefined

  constructor(parts: KernelForwarderParts) {
    this.#parts = parts
    this.#behind = parts.behind
    parts.lifetimes.watch(id => {
      if (!this.#leaving) this.#offload?.renew(id)
    })
  }

  /** Routes that are in the kernel. */
  get size(): number {
    return this.#leaving ? 0 : (this.#offload?.size ?? 0)
  }

  /** Has the kernel relay by these maps from now on; routes that there are enter them some in each turn. */
  connect(table: KernelTable): void {
    this.disconnect()
    // Mostly that is over: a loader that went is looked for after seconds.
    while (this.#leaving && !this.#leaving.next().done);
    this.#leaving = undefined
    this.#offload = new KernelOffload(table, this.#parts)
    this.#entering = this.#enterAll()
    this.proceed()
  }

  /**
   * The maps are gone; the forwarder behind goes on alone. The kernel relays nothing when this returns; what it has
   * carried, and what led to routes, is brought home some in each turn.
   */
  disconnect(): void {
    const offload = this.#offload
    this.#entering = this.#polling = undefined
    if (!offload || this.#leaving) return
    offload.stop()
    this.#leaving = this.#leave(offload)
    this.proceed()
  }

  forward(batch: Batch, now: Time): number {
    return this.#behind.forward(batch, now)
  }

  add(route: Route): boolean {
    this.#all.set(route.id, route)
    this.#enter(route)
    return this.#behind.add(route)
  }

  remove(id: RouteId): Carried | undefined {
    this.#all.delete(id)
    const carried = nothingCarried()
    addCarried(carried, this.#behind.remove(id) ?? nothingCarried())
    addCarried(carried, this.#earlier.get(id) ?? nothingCarried())
    this.#earlier.delete(id)
    this.#withdraw(id)
    const owed = this.#owed.get(id)
    // One that still owes for another route by this id has had nothing of this one.
    if (!owed || owed.removed) return carried
    owed.removed = carried
    return undefined
  }

  read(id: RouteId): Readonly<Carried> {
    const sum = nothingCarried()
    addCarried(sum, this.#behind.read(id))
    addCarried(sum, this.#earlier.get(id) ?? nothingCarried())
    addCarried(sum, this.#offload?.carried(id) ?? nothingCarried())
    return sum
  }

  /** Brings figures and token buckets up to date, some in each turn. Once a second or more often. */
  poll(): void {
    if (!this.#leaving) this.#polling ??= this.#offload?.poll(this.#parts.now)
    this.proceed()
  }

  /** Does as much as fits one turn of what is done for many routes. */
  proceed(): void {
    if (this.#entering?.next().done) this.#entering = undefined
    if (this.#polling?.next().done) this.#polling = undefined
    if (this.#leaving?.next().done) this.#leaving = undefined
    if (!this.#entering && !this.#polling && !this.#leaving) return
    this.#parts.soon()
  }

  /** Tells the figures that were owed and are known by now. */
  settle(): void {
    const now = this.#parts.now()
    this.#isAsked = false
    const offload = this.#offload
    if (!offload) return
    for (const [id, owed] of [...this.#owed]) if (now >= owed.due) this.#settle(offload, id, owed)
    if (this.#owed.size > 0) this.#ask()
  }

  *#enterAll(): Generator<undefined, void> {
    let left = MOVED
    for (const route of this.#all.values()) {
      this.#enter(route)
      if (--left > 0) continue
      yield undefined
      left = MOVED
    }
  }

  *#leave(offload: KernelOffload): Generator<undefined, void> {
    let left = MOVED
    for (const id of offload.ids()) {
      this.#withdraw(id)
      const owed = this.#owed.get(id)
      if (owed) this.#settle(offload, id, owed)
      if (--left > 0) continue
      yield undefined
      left = MOVED
    }
    for (const [id, owed] of this.#owed) this.#settle(offload, id, owed)
    this.#offload = undefined
  }

  #enter(route: Route): void {
    // While figures of one by its id are owed it is behind only.
    if (!this.#offload || this.#leaving || this.#owed.has(route.id)) return
    if (!this.#offload.enter(route, this.#parts.now())) this.#withdraw(route.id)
  }

  #withdraw(id: RouteId): void {
    const held = this.#offload?.withdraw(id)
    if (!held) return
    this.#owed.set(id, { held, due: this.#parts.now() + GRACE })
    this.#ask()
  }

  #ask(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    this.#parts.later(LOOK_EVERY)
  }

  #settle(offload: KernelOffload, id: RouteId, owed: Owed): void {
    const sum = nothingCarried()
    addCarried(sum, offload.settle(owed.held))
    this.#owed.delete(id)
    if (owed.removed) {
      addCarried(sum, owed.removed)
      this.#parts.settled(this, id, sum)
    } else {
      addCarried(sum, this.#earlier.get(id) ?? nothingCarried())
      this.#earlier.set(id, sum)
    }
    const route = this.#all.get(id)
    if (route) this.#enter(route)
  }
}
