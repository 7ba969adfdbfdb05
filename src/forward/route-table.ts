import { type Batch, PASS } from '../base/batch.ts'
import type { Counters } from '../base/counters.ts'
import type { RouteId } from '../base/ids.ts'
import { type Carried, nothingCarried, type Route } from '../base/route.ts'
import type { Random, Time } from '../base/time.ts'
import type { Meters } from '../limits/meters.ts'
import { AddressTable } from './address-table.ts'
import { ChannelTable } from './channel-table.ts'
import { ClientRows } from './client-rows.ts'
import { DataIndicationRows } from './data-indication.ts'
import type { Forwarder } from './forwarder.ts'
import { RECORD_WORDS } from './record-words.ts'
import { forwardFromPeer, fromClient } from './relaying.ts'
import { RouteRows } from './route-rows.ts'
import { SendIndication } from './send-indication.ts'
import type { Tables } from './tables.ts'

/**
 * Relays datagrams by looking them up, without asking the core.
 *
 * A datagram's socket and origin say who sent it: a client, whose channel
 * number or XOR-PEER-ADDRESS then names the route, or a peer, where socket and
 * origin are the route. The payload never moves: a header is taken off by
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
  readonly #clients = new ClientRows()

  constructor(counters: Counters, meters: Meters, random: Random) {
    this.#tables = {
      rows: new RouteRows(),
      arrivals: new AddressTable(random),
      destinations: new AddressTable(random),
      channels: new ChannelTable(random),
      counters,
      meters,
      sent: new SendIndication(),
      indication: new DataIndicationRows(random),
    }
  }

  /** Adds a route, or replaces the one with its id and keeps that one's counts. */
  add(route: Route): true {
    if (this.#tables.rows.has(route.id)) this.#unlink(route.id)
    this.#link(route)
    return true
  }

  remove(route: RouteId): Carried {
    const { rows } = this.#tables
    if (!rows.has(route)) return nothingCarried()
    const carried = rows.carried(route)
    this.#unlink(route)
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
    let settled = 0
    for (let i = 0; i < batch.count; i++) {
      if (batch.verdict[i] !== PASS) continue
      const from = tables.arrivals.find(batch.socket[i]!, batch.remoteWords, i * RECORD_WORDS)
      let verdict = PASS
      if (from > 0) verdict = fromClient(tables, batch, i, from - 1, now)
      else if (from < 0) verdict = forwardFromPeer(tables, batch, i, -from - 1, now)
      batch.verdict[i] = verdict
      if (verdict !== PASS) settled++
    }
    return settled
  }

  #link(route: Route): void {
    const { rows, arrivals, destinations, channels } = this.#tables
    const row = route.id
    // The row is written first: its records are the keys of the tables.
    rows.write(route)
    const { words } = rows
    const found = arrivals.find(route.listener, words, rows.clientAt(row))
    const client = found > 0 ? found - 1 : this.#clients.open()
    if (found <= 0) arrivals.set(route.listener, words, rows.clientAt(row), client + 1)
    this.#clients.retain(client)
    rows.setClientRow(row, client)
    arrivals.set(route.relay, words, rows.originAt(row), -(row + 1))
    destinations.set(client, words, rows.peerAt(row), row + 1)
    if (route.channel !== 0) channels.set(client, route.channel, row + 1)
  }

  /** Takes a route out of the tables, by the keys that its row still holds. */
  #unlink(row: number): void {
    const { rows, arrivals, destinations, channels } = this.#tables
    const { words } = rows
    const client = rows.clientRow(row)
    arrivals.delete(rows.relay(row), words, rows.originAt(row), -(row + 1))
    destinations.delete(client, words, rows.peerAt(row), row + 1)
    channels.delete(client, rows.channel(row), row + 1)
    if (this.#clients.release(client)) {
      arrivals.delete(rows.listener(row), words, rows.clientAt(row), client + 1)
    }
  }
}
