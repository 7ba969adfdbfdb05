import type { Route } from '../../base/route.ts'
import type { KernelTable } from './kernel-table.ts'
import { flowKey, KIND } from './layout.ts'
import type { RouteEnds } from './route-memory.ts'

/** A client with routes in the kernel, by a number that names it there. */
export interface KernelClient {
  readonly name: string
  readonly number: number
  readonly flow: Uint8Array
  routes: number
}

/** The clients that have routes in the kernel, so that a Send indication leads to their peers. */
export class KernelClients {
  readonly #table: KernelTable
  readonly #byName = new Map<string, KernelClient>()
  readonly #free: number[] = []
  #used = 0

  constructor(table: KernelTable) {
    this.#table = table
  }

  /** The client of a route, with one route more; undefined where there is no room. */
  retain(route: Route, { server }: RouteEnds): KernelClient | undefined {
    const name = `${route.clientSocket} ${route.client.key}`
    const known = this.#byName.get(name)
    if (known) {
      known.routes++
      return known
    }
    // As with routes, each shard has numbers of its own. There are never more clients than routes.
    const number = this.#free.pop() ?? this.#table.first + this.#used++
    const client = { name, number, flow: flowKey(route.client, server, KIND.client), routes: 1 }
    if (!this.#table.setFlow(client.flow, number)) {
      this.#free.push(number)
      return undefined
    }
    this.#byName.set(name, client)
    return client
  }

  release(client: KernelClient): void {
    if (--client.routes > 0) return
    this.#byName.delete(client.name)
    this.#table.deleteFlow(client.flow)
    this.#free.push(client.number)
  }
}
