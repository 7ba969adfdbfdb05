import fc from 'fast-check'
import t from 'tap'
import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import { minutes, type SimOptions } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import { TwoShards } from '../../sim/two-shards.ts'
import { modelRuns } from '../../support/differential.ts'

for (const forwarder of ['table', 'none'] as const) {
  t.test(`clients of two shards talk by channels and by indications (${forwarder})`, async t => {
    const { two, alice, bob } = call({ forwarder })
    alice.bind(0x4001, bob)

    for (let i = 0; i < 3; i++) {
      alice.send(0x4001, `channel ${i}`)
      bob.send(alice, `indication ${i}`)
    }

    t.same(bob.inbox, ['channel 0', 'channel 1', 'channel 2'])
    t.same(alice.inbox, ['indication 0', 'indication 1', 'indication 2'])
    t.same(
      bob.received.map(({ peer }) => formatAddress(peer)),
      new Array(3).fill(formatAddress(alice.relayed)),
      'named by its relayed address, whatever its socket is bound to',
    )
    t.equal(alice.received[0]?.channel, 0x4001)
    t.equal(two.crossed.length, 6)
  })

  t.test(`a permission is needed on both sides (${forwarder})`, async t => {
    const { two, alice, carol } = call({ forwarder })
    alice.permit(carol)

    alice.send(carol, 'uninvited')

    t.same(carol.inbox, [])
    t.equal(two.crossed.length, 1)
  })

  t.test(
    `P-06: a channel admits its peer of another shard for as long as it is bound (${forwarder})`,
    async t => {
      const { two, alice, bob } = call({ forwarder })
      const before = alice.inbox.length
      alice.bind(0x4001, bob)
      bob.bind(0x4001, alice)
      two.advance(minutes(5) + 1000)
      for (let i = 0; i < 3; i++) {
        alice.send(0x4001, `late ${i}`)
        bob.send(0x4001, `late ${i}`)
      }

      t.same(bob.inbox, ['late 0', 'late 1', 'late 2'])
      t.same(alice.inbox.slice(before), ['late 0', 'late 1', 'late 2'])
    },
  )

  t.test(`an address that its shard has given up is nobody’s, within a second (${forwarder})`, async t => {
    const { two, alice, bob } = call({ forwarder })
    alice.send(bob, 'one')
    alice.send(bob, 'two')
    bob.release()
    two.advance(1000)
    const crossed = two.crossed.length

    alice.send(bob.address, 'not permitted')
    for (let i = 0; i < 3; i++) alice.send(two.shards[1].told('closed')[0]!.relayed[0]!, 'too late')

    t.equal(two.crossed.length, crossed)
    t.equal(two.shards[0].world.toPeers.length, crossed, 'nor did it go anywhere else')
  })

  t.test(`two allocations of one shard still meet inside it (${forwarder})`, async t => {
    const { two, bob, carol } = call({ forwarder })
    carol.permit(bob)
    bob.permit(carol)

    for (let i = 0; i < 3; i++) carol.send(bob, 'hello')

    t.same(bob.inbox, ['hello', 'hello', 'hello'])
    t.same(two.crossed, [])
  })
}

t.test('between shards, too, everybody sees with the route table what they see without it', async t => {
  const who = fc.nat(2)
  const action = fc.oneof(
    fc.record({ kind: fc.constant('bind' as const), who, whom: who, channel: fc.nat(2) }),
    fc.record({ kind: fc.constant('permit' as const), who, whom: who }),
    fc.record({
      kind: fc.constant('channel' as const),
      who,
      channel: fc.nat(2),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ kind: fc.constant('send' as const), who, whom: who, count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('again' as const), who }),
    fc.record({ kind: fc.constant('wait' as const), minutes: fc.nat(6) }),
  )
  const play = (
    forwarder: 'table' | 'none',
    story: readonly (typeof action extends fc.Arbitrary<infer A> ? A : never)[],
  ) => {
    const { two, alice, bob, carol } = call({ forwarder })
    const clients = [alice, bob, carol]
    const homes = clients.map(client => client.relayed)
    for (const [step, one] of story.entries()) {
      const client = clients['who' in one ? one.who : 0]!
      switch (one.kind) {
        case 'bind':
          client.bind(0x4000 + one.channel, homes[one.whom]!)
          break
        case 'permit':
          client.permit(homes[one.whom]!)
          break
        case 'channel':
          for (let i = 0; i < one.count; i++) client.send(0x4000 + one.channel, `${step} ${i}`)
          break
        case 'send':
          for (let i = 0; i < one.count; i++) client.send(homes[one.whom]!, `${step} ${i}`)
          break
        case 'again':
          client.release()
          client.allocate()
          // The other shard's table learns at its next tick that the old address is gone; its core knows at once.
          two.advance(1000)
          if (client.turn.relayed[0]) homes[one.who] = client.relayed
          break
        case 'wait':
          two.advance(minutes(one.minutes))
      }
    }
    return {
      received: clients.map(({ received }) =>
        received.map(({ peer, channel, bytes }) => `${formatAddress(peer)} ${channel} ${bytes}`),
      ),
      errors: clients.map(({ errors }) => errors),
      crossed: two.crossed.map(({ from, to }) => `${formatAddress(from)} ${formatAddress(to)}`),
    }
  }
  let crossed = 0
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 40 }), story => {
      const fast = play('table', story)
      crossed += fast.crossed.length
      const slow = play('none', story)
      if (JSON.stringify(fast) !== JSON.stringify(slow)) {
        throw new Error(`with the table:\n${JSON.stringify(fast)}\nwithout:\n${JSON.stringify(slow)}`)
      }
    }),
    modelRuns(20_260_802),
  )
  t.ok(crossed > 100, `${crossed} datagrams crossed`)
})

t.test('P-08: a scan that is spread over two shards counts as one', async t => {
  const two = new TwoShards({ limits: { peersPerUserPerMinute: 60 } })
  const clients = two.shards.map((shard, i) => shard.client(`192.0.2.66:${1000 + i}`))
  const bob = two.shards[1].client('192.0.2.11:50000', { user: '@bob:example.org' })
  for (const client of [...clients, bob]) client.allocate()

  for (let host = 1; host <= 100; host++) {
    const [one, other] = clients
    one!.permit(parseAddress(`198.51.100.${host}:7`)!)
    other!.permit(parseAddress(`203.0.113.${host}:7`)!)
  }

  const refused = clients.map(client => client.errors.length)
  t.same([...new Set(clients.flatMap(client => client.errors))], [508])
  t.equal(refused[0]! + refused[1]!, 140, 'sixty peers in all')
  t.same(
    two.shards.map(shard => shard.told('throttled').length),
    [1, 1],
  )
  t.match(bob.permit(parseAddress('198.51.100.1:7')!), { kind: 'permitted' }, 'others are not stopped by it')
  two.advance(61_000)
  t.match(clients[0]!.permit(parseAddress('198.51.100.200:7')!), { kind: 'permitted' })
})

/** Alice with one shard, bob and carol with the other; alice and bob have permissions for each other. */
function call(options: SimOptions = {}): Scene {
  const two = new TwoShards(options)
  const [one, other] = two.shards
  const alice = one.client('192.0.2.10:50000')
  const bob = other.client('192.0.2.11:50000', { user: '@bob:example.org' })
  const carol = other.client('192.0.2.12:50000', { user: '@carol:example.org' })
  for (const client of [alice, bob, carol]) client.allocate({ lifetime: 3600 })
  alice.permit(bob)
  bob.permit(alice)
  return { two, alice, bob, carol }
}

interface Scene {
  readonly two: TwoShards
  readonly alice: SimClient
  readonly bob: SimClient
  readonly carol: SimClient
}
