import t from 'tap'
import type { Command } from '../../../src/core/command.ts'
import { CHANNEL_NUMBER, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { Method } from '../../../src/wire/message.ts'
import { minutes, Sim } from '../../sim/sim.ts'

/** What the core does for a request may not grow with what the allocation holds: routes that it writes are counted. */
for (const forwarder of ['table', 'none'] as const) {
  for (const family of [4, 6] as const) {
    t.test(`S-01: no request remakes a route that is only renewed (${forwarder}, IPv${family})`, t => {
      let made: readonly Command[] = []
      const witness = {
        began: <T>(own: T) => own,
        handled: (_: unknown, __: unknown, commands: Command[]) => (made = commands),
      }
      const sim = new Sim({ forwarder, witness, limits: { peersPerUserPerMinute: 1000 } })
      const alice = sim.client('192.0.2.10:50000')
      alice.allocate({ lifetime: 3600, ...(family === 6 && { family }) })
      const at = (port: number) => sim.peer(family === 4 ? `198.51.100.7:${port}` : `[2001:db8:1::7]:${port}`)
      const peers = Array.from({ length: 256 }, (_, i) => at(40_000 + i))
      for (const [i, peer] of peers.entries()) alice.bind(0x4000 + i, peer)
      t.same(alice.errors, [])
      const others = Array.from({ length: 64 }, (_, i) => at(50_000 + i))
      for (const other of others) other.send(alice.relayed, 'by indication')
      t.equal(alice.inbox.length, 64)
      sim.advance(minutes(4))

      const routes = (run: () => unknown) => {
        made = []
        run()
        return made.filter(({ kind }) => kind === 'route' || kind === 'unroute').length
      }
      const again = Array.from({ length: 32 }, () => peers[0]!)
      t.equal(
        routes(() => alice.refresh()),
        0,
      )
      t.equal(
        routes(() => alice.permit(peers[0]!)),
        0,
      )
      t.equal(
        routes(() => alice.permit(...again)),
        0,
      )
      t.equal(
        routes(() => alice.bind(0x4000, peers[0]!)),
        0,
      )
      t.same(alice.errors, [])

      sim.advance(minutes(4))
      for (const other of others) other.send(alice.relayed, 'still')
      t.equal(alice.inbox.filter(text => text === 'still').length, 64, 'the permission holds for all ports')
      sim.advance(minutes(5))
      for (const peer of peers) peer.send(alice.relayed, 'renewed')
      t.equal(
        alice.inbox.filter(text => text === 'renewed').length,
        1,
        'only the channel that was bound again',
      )
      t.end()
    })
  }
}

t.test('S-01: a channel that is bound writes one route, however many there are', t => {
  let routes = 0
  const witness = {
    began: <T>(own: T) => own,
    handled: (_: unknown, __: unknown, commands: Command[]) => {
      routes += commands.filter(({ kind }) => kind === 'route').length
    },
  }
  const sim = new Sim({ witness, limits: { peersPerUserPerMinute: 1000 } })
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  for (let i = 0; i < 256; i++) alice.bind(0x4000 + i, sim.peer(`198.51.100.7:${40_000 + i}`))

  t.equal(routes, 256)
  t.equal(
    alice.code(Method.ChannelBind, {
      fields: writer =>
        writer.set(CHANNEL_NUMBER, 0x4100).set(XOR_PEER_ADDRESS, sim.peer('198.51.100.7:1').address),
    }),
    508,
  )
  t.end()
})
