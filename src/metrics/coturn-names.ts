import { counterEntries, DROP_COUNTERS } from '../base/counters.ts'
import { VIA, type Via } from '../base/via.ts'
import { type Figures, only, type Page, type Sample } from './page.ts'

/** coturn's names for the transports of clients. */
const TYPES: Readonly<Partial<Record<Via, string>>> = { udp: 'UDP', tcp: 'TCP', tls: 'TLS/TCP', dtls: 'DTLS' }

const DROPS = counterEntries(DROP_COUNTERS)

/**
 * Adds the figures under the names that coturn 4.17 uses, so that dashboards
 * made for it keep working. coturn moves its traffic counters when a session
 * ends; these move at once.
 */
export function addCoturnMetrics(page: Page, figures: Figures): void {
  const { counters } = figures
  const sum = (direction: 'toPeer' | 'toClient', unit: 'packets' | 'bytes') =>
    VIA.reduce((total, via) => total + counters.traffic(via)[direction][unit], 0)

  for (const [suffix, direction, unit, what] of TRAFFIC) {
    page.counter(`turn_total_traffic_${suffix}`, what, [], () => only(sum(direction, unit)))
    page.counter(`turn_traffic_${suffix}`, what, ['realm'], () => [
      [{ realm: figures.realm }, sum(direction, unit)],
    ])
  }
  page.gauge('turn_total_allocations', 'Allocations that are open now.', ['type'], () =>
    Object.entries(TYPES).map(([via, type]): Sample => [{ type }, figures.tally.live[via as Via]]),
  )
  page.counter('stun_binding_request', 'Binding requests received.', [], () => only(counters.read('binding')))
  page.counter('stun_binding_response', 'Binding responses sent.', [], () => only(counters.read('binding')))
  page.counter('turn_unauthenticated_401_requests', 'Requests without credentials.', [], () =>
    only(counters.read('unauthenticated')),
  )
  page.counter('turn_unauthenticated_401_responses', 'Answers to them.', [], () =>
    only(counters.read('unauthenticated')),
  )
  page.counter('turn_packet_processed', 'Payloads relayed and messages handled.', [], () =>
    only(sum('toPeer', 'packets') + sum('toClient', 'packets') + counters.read('passed')),
  )
  page.counter('turn_packet_dropped', 'Packets dropped without an answer.', [], () =>
    only(DROPS.reduce((total, [name]) => total + counters.read(name), 0)),
  )
}

/** `rcv` and `sent` are seen from the relay: on the client's side, and on the peer's. */
const TRAFFIC = [
  ['rcvp', 'toPeer', 'packets', 'Packets received from clients and relayed.'],
  ['rcvb', 'toPeer', 'bytes', 'Octets received from clients and relayed.'],
  ['sentp', 'toClient', 'packets', 'Packets sent to clients.'],
  ['sentb', 'toClient', 'bytes', 'Octets sent to clients.'],
  ['peer_rcvp', 'toClient', 'packets', 'Packets received from peers and relayed.'],
  ['peer_rcvb', 'toClient', 'bytes', 'Octets received from peers and relayed.'],
  ['peer_sentp', 'toPeer', 'packets', 'Packets sent to peers.'],
  ['peer_sentb', 'toPeer', 'bytes', 'Octets sent to peers.'],
] as const
