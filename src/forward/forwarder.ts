import type { RouteId } from '../base/ids.ts'
import type { Route, Traffic } from '../base/route.ts'

/** Moves datagrams along routes without asking the core, exactly as the core would. */
export interface Forwarder {
  /** Adds a route, or replaces the one with this id. False if this forwarder cannot carry it; not an error. */
  add(route: Route): boolean
  /** Stops, and returns the final counts. */
  remove(route: RouteId): Traffic
  read(route: RouteId): Readonly<Traffic>
  /** Datagrams of this route that its token buckets have dropped. */
  dropped(route: RouteId): number
}
