import type { RouteId } from '../base/ids.ts'
import { type Carried, nothingCarried } from '../base/route.ts'
import type { Forwarder } from '../forward/forwarder.ts'

/** The forwarder of the routes that no other has taken: it takes every route and leaves all datagrams to the core. */
export class NoForwarder implements Forwarder {
  forward = (): number => 0
  add = (): true => true
  remove = (_route: RouteId): Carried => nothingCarried()
  read = (_route: RouteId): Carried => nothingCarried()
}
