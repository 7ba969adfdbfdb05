import type { Batch } from '../base/batch.ts'
import type { RouteId } from '../base/ids.ts'
import type { Carried, Route } from '../base/route.ts'
import type { Time } from '../base/time.ts'

/**
 * Moves datagrams along routes without asking the core, exactly as the core
 * would. A shard has a list of forwarders and offers each route to one after
 * the other; what no forwarder takes, the core relays itself.
 *
 * A forwarder may leave any datagram of a route to those behind it and to the
 * core. What it must not do is relay along a route after `remove` has returned.
 */
export interface Forwarder {
  /**
   * Gives slots whose verdict is PASS another one, or leaves them; the others
   * are settled already. Returns how many it has settled.
   */
  forward(batch: Batch, now: Time): number
  /**
   * Takes a route, or replaces the one with this id and keeps its figures.
   * False if this forwarder cannot carry it; one with this id, which it may
   * have had before, is then removed by the caller. It must never owe the
   * figures of two routes by one id.
   */
  add(route: Route): boolean
  /**
   * Stops relaying along a route. Returns what it carried, or `undefined` where
   * that is only known later: then the shard is told once, by `Inbox.settled`.
   */
  remove(route: RouteId): Carried | undefined
  /** What a route has carried, as far as is known now. */
  read(route: RouteId): Readonly<Carried>
}
