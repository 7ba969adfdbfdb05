import { type Batch, PASS } from '../base/batch.ts'
import type { Counters } from '../base/counters.ts'
import type { RouteId } from '../base/ids.ts'
import type { Lifetimes } from '../base/lifetimes.ts'
import { type Carried, nothingCarried, type Route } from '../base/route.ts'
import type { Random, Time } from '../base/time.ts'
import type { Meters } from '../limits/meters.ts'
import { ClientRows } from './client-rows.ts'
import { DataIndicationRows } from './data-indication.ts'
import type { Forwarder } from './forwarder.ts'
import { RECORD_WORDS } from './record-words.ts'
import { forwardFromClient, forwardFromPeer } from './relaying.ts'
import { RouteRows } from './route-rows.ts'
import { SendIndication } from './send-indication.ts'
import type { Tables } from './tables.ts'

/**
 * Relays datagrams by looking them up, without asking the core.
 *
 * A datagram's socket and origin say who sent it: a client, whose channel
 * number or XOR-PEER-ADDRESS then names the route, or a peer, where the socket
 * names the client and the origin the route. The payload never moves: a header is taken off by
 * moving the start of the datagram, and written in front of it into the
 * headroom of the slot.
 *
 *     from the client   | 4001 | 5 | hello |              start += 4
 *     to the peer                  | hello |
 *     from the peer                | hello |              start -= 4, or 36, or 48
 *     to the client     | 4001 | 5 | hello |
 *
 * Whatever is not plainly one of these is passed up as it was received, and
 * the core decides. `forward` creates nothing: no object, string, closure or
 * boxed number a datagram, so that a busy relay has no garbage to collect.
 */
export class RouteTable implements Forwarder {
  readonly #tables: Tables

  /** `lifetimes` and `meters` are those of the core whose routes it takes. */
  constructor(counters: Counters, meters: Meters, lifetimes: Lifetimes, random: Random) {
    this.#tables = {
      clients: new ClientRows(random),
      rows: new RouteRows(random),
      lifetimes,
      counters,
      meters,
      sent: new SendIndication(),
      indication: new DataIndicationRows(random),
    }
  }

  /** Adds a route, or replaces the one with its id and keeps that one's counts. */
  add(route: Route): true {
    const { clients, rows } = this.#tables
    if (rows.has(route.id)) this.#leave(route.id)
    rows.write(route, clients.retain(route))
    return true
  }

  remove(route: RouteId): Carried {
    const { rows } = this.#tables
    if (!rows.has(route)) return nothingCarried()
    const carried = rows.carried(route)
    this.#leave(route)
    rows.clear(route)
    return carried
  }

  read(route: RouteId): Readonly<Carried> {
    const { rows } = this.#tables
    return rows.has(route) ? rows.carried(route) : nothingCarried()
  }

  /**
   * Gives every slot that is PASS its verdict: SEND and rewritten, PASS and as
   * it was received, or DROP, which only a token bucket says. Returns how many
   * are SEND or DROP now.
   */
  forward(batch: Batch, now: Time): number {
    const tables = this.#tables
    const { clients, rows } = tables
    let settled = 0
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== PASS) continue
      const socket = batch.socket[i]!
      let verdict = PASS
      let client = clients.ofRelay(socket)
      if (client >= 0) {
        const guess = clients.latest(client)
        const route = rows.fromOrigin(client, batch.remoteWords, i * RECORD_WORDS, guess)
        if (route >= 0 && route !== guess) clients.setLatest(client, route)
        if (route >= 0) verdict = forwardFromPeer(tables, batch, i, client, route, now)
      } else {
        client = clients.find(socket, batch.remoteWords, i * RECORD_WORDS)
        if (client >= 0) verdict = forwardFromClient(tables, batch, i, client, now)
      }
      batch.verdict[i] = verdict
      if (verdict !== PASS) settled++
    }
    return settled
  }

  #leave(route: RouteId): void {
    const { clients, rows } = this.#tables
    rows.leave(route)
    clients.release(rows.client(route), rows.family(route))
  }
}
