import { randomFillSync } from 'node:crypto'
import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { ChannelNumber, LifetimeId, RouteId, SocketId } from '../../../src/base/ids.ts'
import type { Route } from '../../../src/base/route.ts'
import { RouteRows } from '../../../src/forward/route-rows.ts'

const LONGEST = 65_507

t.test('S-02: a route counts more than the words of its row can hold, and each way by itself', t => {
  const rows = new RouteRows(into => randomFillSync(into))
  rows.write(route(0), 0)
  rows.write(route(1), 0)
  for (let i = 0; i < 200_000; i++) rows.countToPeer(0, LONGEST)
  for (let i = 0; i < 3; i++) rows.countToClient(0, 100)
  rows.countDropped(0)
  rows.countToClient(1, 0)

  t.same(rows.carried(0), {
    traffic: {
      toPeer: { packets: 200_000, bytes: 200_000 * LONGEST },
      toClient: { packets: 3, bytes: 300 },
    },
    dropped: 1,
  })
  t.same(rows.carried(1).traffic.toClient, { packets: 1, bytes: 0 })

  rows.write(route(0), 0)
  t.equal(rows.carried(0).traffic.toPeer.packets, 200_000, 'a row that is written again keeps its counts')
  rows.leave(0)
  rows.clear(0)
  rows.write(route(0), 0)
  t.equal(rows.carried(0).traffic.toPeer.packets, 0)
  t.end()
})

function route(id: number): Route {
  return {
    id: id as RouteId,
    channel: (0x4000 + id) as ChannelNumber,
    client: parseAddress('192.0.2.1:50000')!,
    clientSocket: 1 as SocketId,
    via: 'udp',
    relayed: parseAddress('203.0.113.1:60000')!,
    relaySocket: 2 as SocketId,
    peer: parseAddress(`198.51.100.7:${40_000 + id}`)!,
    relayedLifetime: 0 as LifetimeId,
    peerLifetime: 1 as LifetimeId,
    meters: [],
  }
}
