import t from 'tap'
import type { Seconds } from '../../../src/base/time.ts'
import type { RouteTable } from '../../../src/forward/route-table.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import { CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { writeChannelData } from '../../../src/wire/channel.ts'
import { Method } from '../../../src/wire/message.ts'
import type { PickyForwarder } from '../../sim/picky-forwarder.ts'
import { minutes, Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'

for (const forwarder of ['table', 'none', 'picky', 'picky, then table'] as const) {
  t.test(`data that came before a release in one batch is still relayed (${forwarder})`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    alice.bind(0x4001, bob)

    alice.post(writeChannelData(0x4001 as never, Buffer.from('goodbye')))
    alice.post(alice.craft(Method.Refresh, { fields: writer => writer.set(LIFETIME, 0 as Seconds) }))
    sim.settle()

    t.same(bob.inbox, ['goodbye'])
    t.equal(sim.allocations, 0)
    t.end()
  })

  t.test(
    `the account of an allocation holds what core and routes carried, past and present (${forwarder})`,
    t => {
      const { sim, alice, bob } = scene({ forwarder })
      const carol = sim.peer('198.51.100.8:40000')
      alice.bind(0x4001, bob)
      alice.permit(carol)
      for (let minute = 0; minute < 20; minute++) {
        alice.send(0x4001, '12345')
        bob.send(alice.relayed, '123')
        alice.send(carol, '12')
        carol.send(alice.relayed, '1')
        if (minute % 4 === 0) {
          alice.bind(0x4001, bob)
          alice.permit(carol)
          alice.refresh(3600)
        }
        sim.advance(minutes(1))
      }

      const expected = { toPeer: { packets: 40, bytes: 140 }, toClient: { packets: 40, bytes: 80 } }
      const [allocation] = [...sim.shard.openAllocations()]
      t.same(sim.shard.carried(allocation!), { traffic: expected, dropped: 0 })
      t.same(sim.counters.traffic('udp'), expected)
      alice.release()
      sim.advance(seconds(1))
      t.match(sim.told('closed'), [{ traffic: expected }])
      t.end()
    },
  )

  t.test(`traffic is counted by the client’s transport (${forwarder})`, t => {
    const sim = new Sim({ forwarder })
    const bob = sim.peer('198.51.100.7:40000')
    for (const [i, via] of (['udp', 'tcp', 'tls'] as const).entries()) {
      const client = sim.client(`192.0.2.${i + 1}:50000`, { via })
      client.allocate()
      client.bind(0x4001, bob)
      for (let n = 0; n <= i; n++) client.send(0x4001, 'x')
      bob.send(client.relayed, 'yy')
    }

    t.same(
      (['udp', 'tcp', 'tls'] as const).map(via => sim.counters.traffic(via)),
      [1, 2, 3].map(n => ({ toPeer: { packets: n, bytes: n }, toClient: { packets: 1, bytes: 2 } })),
    )
    t.end()
  })

  t.test(`a peer’s burst and the client’s requests come in one batch (${forwarder})`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    alice.bind(0x4001, bob)
    const before = alice.raw.length
    for (let i = 0; i < 40; i++) {
      sim.net.send(bob.address, alice.relayed, Buffer.from(`${i}`))
      if (i % 10 === 0) alice.post(alice.craft(Method.Binding))
      alice.post(writeChannelData(0x4001 as never, Buffer.from(`${i}`)))
    }
    sim.settle()

    const all = Array.from({ length: 40 }, (_, i) => `${i}`)
    // What a forwarder leaves to the core leaves after what it has taken itself.
    const order = forwarder.startsWith('picky')
      ? (texts: string[]) => texts.sort((a, b) => +a - +b)
      : (texts: string[]) => texts
    t.same(order(bob.inbox), all)
    t.same(order(alice.inbox), all)
    t.equal(alice.raw.length - before, 44)
    t.end()
  })

  t.test(`a bandwidth limit that is set, changed or lifted holds for live calls (${forwarder})`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    const limits = (bytesPerSecondPerUser?: number) => ({
      limits: {
        ...sim.config.limits,
        ...(bytesPerSecondPerUser === undefined ? {} : { bytesPerSecondPerUser }),
      },
    })
    const burst = () => {
      sim.advance(seconds(20))
      const before = bob.datagrams.length
      for (let i = 0; i < 20; i++) alice.send(0x4001, Buffer.alloc(1000))
      return bob.datagrams.length - before
    }
    alice.bind(0x4001, bob)

    const free = burst()
    sim.configure(limits(10 * (1000 + PACKET_OVERHEAD)))
    const set = burst()
    sim.configure(limits(5 * (1000 + PACKET_OVERHEAD)))
    const changed = burst()
    sim.configure(limits())
    const lifted = burst()

    t.same([free, set, changed, lifted], [20, 10, 5, 20])
    t.end()
  })

  t.test(`nothing that outlives a batch is a view of it (${forwarder})`, t => {
    // The simulated world overwrites its slab after each batch.
    const { sim, alice, bob } = scene({ forwarder, openDelay: 50 })
    sim.settle()
    alice.permit(bob)
    alice.bind(0x4001, bob)
    sim.advance(seconds(1))
    alice.send(0x4001, 'hello')
    bob.send(alice.relayed, 'hello')
    alice.release()
    sim.advance(seconds(1))

    t.same([bob.inbox, alice.inbox], [['hello'], ['hello']])
    t.match(sim.told('closed'), [{ owner: { user: '@alice:example.org' }, client: alice.address }])
    t.match(sim.told('bound'), [{ peer: bob.address }])
    t.match(sim.told('permitted'), [{ peers: [bob.address] }])
    t.end()
  })
}

t.test('a route that a forwarder declines goes to the next, and comes back when it is taken', t => {
  const { sim, alice, bob } = scene({ forwarder: 'picky, then table' })
  const [picky, table] = sim.forwarders as [PickyForwarder, RouteTable]
  const id = () => [...sim.relay.routes([...sim.relay.openAllocations()][0]!)][0]!
  alice.permit(bob)
  for (let i = 0; i < 3; i++) alice.send(bob, 'by indication')
  t.same([picky.did.relayed, table.read(id()).traffic.toPeer.packets], [0, 2])

  alice.bind(0x4001, bob)
  for (let i = 0; i < 4; i++) alice.send(0x4001, 'by channel')

  t.ok(picky.did.relayed >= 3, 'all but those that it leaves to others')
  t.equal(table.read(id()).traffic.toPeer.packets, 0, 'the table has given it up')
  sim.advance(seconds(2))
  t.equal(sim.shard.carried([...sim.shard.openAllocations()][0]!).traffic.toPeer.packets, 7)
  t.end()
})

t.test('the end of an allocation waits for figures that a forwarder owes, and its port does not', t => {
  const { sim, alice, bob } = scene({ forwarder: 'picky, then table' })
  alice.bind(0x4001, bob)
  for (let i = 0; i < 4; i++) alice.send(0x4001, 'hello')

  alice.release()

  t.same([sim.allocations, sim.world.relaySockets()], [0, []])
  t.same(sim.told('closed'), [])
  sim.advance(seconds(1))
  t.match(sim.told('closed'), [{ traffic: { toPeer: { packets: 4, bytes: 20 } } }])
  t.end()
})

t.test('it does not wait for ever, and figures that come too late are nobody’s', t => {
  const { sim, alice, bob } = scene({ forwarder: 'picky, then table' })
  const [picky] = sim.forwarders as [PickyForwarder]
  picky.late = seconds(60)
  alice.bind(0x4001, bob)
  for (let i = 0; i < 4; i++) alice.send(0x4001, 'hello')
  const byCore = [...sim.relay.openAllocations()][0]!.traffic.toPeer.packets
  alice.release()
  sim.advance(seconds(4))
  t.same(sim.told('closed'), [])

  sim.advance(seconds(2))
  t.match(sim.told('closed'), [{ reason: 'released', traffic: { toPeer: { packets: byCore } } }])
  t.ok(byCore < 4)
  sim.advance(seconds(60))

  t.equal(sim.told('closed').length, 1)
  t.end()
})

t.test('when the relay stops, no end is left untold', t => {
  const { sim, alice, bob } = scene({ forwarder: 'picky, then table' })
  alice.bind(0x4001, bob)
  alice.send(0x4001, 'hello')
  const [allocation] = [...sim.shard.openAllocations()]
  sim.shard.take({ kind: 'revoke', allocation: allocation!.id, reason: 'stopped' })
  t.same(sim.told('closed'), [])

  sim.shard.finish()

  t.match(sim.told('closed'), [{ reason: 'stopped' }])
  t.end()
})

t.test('a forwarder that still owes figures of a route does not get another by the same number', t => {
  const { sim, alice, bob } = scene({ forwarder: 'picky, then table' })
  const [picky] = sim.forwarders as [PickyForwarder]
  alice.bind(0x4001, bob)
  for (let i = 0; i < 4; i++) alice.send(0x4001, 'first')
  alice.release()
  const carol = sim.client('192.0.2.11:50000')
  carol.allocate()
  carol.bind(0x4001, bob)
  t.equal([...sim.relay.routes([...sim.relay.openAllocations()][0]!)][0]!, 0, 'the number is used again')
  const before = picky.did.relayed
  for (let i = 0; i < 4; i++) carol.send(0x4001, 'other')
  sim.advance(seconds(1))
  carol.release()
  sim.advance(seconds(1))

  t.equal(picky.did.relayed, before)
  t.same(
    sim.told('closed').map(({ traffic }) => traffic.toPeer),
    [
      { packets: 4, bytes: 20 },
      { packets: 4, bytes: 20 },
    ],
  )
  t.end()
})

t.test('a revoked allocation ends at once and says why', t => {
  const { sim, alice, bob } = scene()
  alice.bind(0x4001, bob)
  const [allocation] = [...sim.shard.openAllocations()]

  sim.shard.take({ kind: 'revoke', allocation: allocation!.id, reason: 'revoked' })
  alice.send(0x4001, 'late')

  t.same(bob.inbox, [])
  t.match(sim.told('closed'), [{ reason: 'revoked' }])
  t.match(alice.refresh(), { kind: 'rejected', code: 437 })
  t.end()
})

t.test('an allocation that is revoked twice while its port is being bound leaves nothing', t => {
  const sim = new Sim({ openDelay: 100 })
  const alice = sim.client('192.0.2.10:50000')
  alice.turn.allocate({}, sim.now)
  alice.flush()
  sim.settle()
  const [opening] = [...sim.shard.allocations()]

  sim.shard.take({ kind: 'revoke', allocation: opening!.id, reason: 'revoked' })
  sim.shard.take({ kind: 'revoke', allocation: opening!.id, reason: 'revoked' })
  sim.advance(150)

  t.equal(sim.allocations, 0)
  t.same(sim.world.relaySockets(), [])
  t.equal(sim.world.held.size, 0)
  t.end()
})

t.test('revoking what is not there does nothing', t => {
  const { sim } = scene()

  sim.shard.take({ kind: 'revoke', allocation: 4711 as never, reason: 'revoked' })

  t.equal(sim.allocations, 1)
  t.end()
})

t.test(
  'a ChannelBind takes effect for what comes behind it in its own batch, and for the table after it',
  t => {
    const { sim, alice, bob } = scene()
    const bind = alice.craft(Method.ChannelBind, {
      fields: writer => writer.set(CHANNEL_NUMBER, 0x4001).set(XOR_PEER_ADDRESS, bob.address),
    })
    alice.post(bind)
    alice.post(writeChannelData(0x4001 as never, Buffer.from('same batch')))
    sim.settle()
    const passed = sim.shard.carried([...sim.shard.openAllocations()][0]!).traffic.toPeer.packets
    const byCore = [...sim.relay.openAllocations()][0]!.traffic.toPeer.packets
    alice.send(0x4001, 'by the table')

    t.same(bob.inbox, ['same batch', 'by the table'])
    t.same([passed, byCore], [1, 1])
    t.equal([...sim.relay.openAllocations()][0]!.traffic.toPeer.packets, 1)
    t.end()
  },
)

t.test('a simulated hour of calls leaves the books empty', t => {
  const sim = new Sim({ latency: 20, jitter: 10, loss: 0.02, duplication: 0.01, seed: 11 })
  const empty = sim.relay.sizes()
  const bob = sim.peer('198.51.100.7:40000')
  const clients = Array.from({ length: 10 }, (_, i) =>
    sim.client(`192.0.2.${i + 1}:50000`, { user: `@user${i}:example.org`, keepAlive: true }),
  )
  for (const client of clients) {
    client.allocate()
    client.bind(0x4000, bob)
  }
  for (let second = 0; second < 3600; second += 5) {
    for (const client of clients) client.send(0x4000, 'x')
    sim.advance(seconds(5))
  }

  t.equal(sim.allocations, 10, 'kept alive by their clients')
  t.ok(bob.datagrams.length > 7200 * 0.93)
  for (const client of clients) client.release()
  sim.advance(minutes(2))
  t.same(sim.relay.sizes(), empty)
  t.same(sim.world.relaySockets(), [])
  t.end()
})

/** Alice with an IPv4 allocation, and bob. */
function scene(options: SimOptions = {}): { sim: Sim; alice: SimClient; bob: SimPeer } {
  const sim = new Sim(options)
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate({ lifetime: 3600 })
  return { sim, alice, bob }
}
