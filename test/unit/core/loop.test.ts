import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { Sim, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import { TwoShards } from '../../sim/two-shards.ts'

/** Octets a second that each user may have, and of one payload. */
const RATE = 50_000
const PAYLOAD = Buffer.alloc(1000, 0x61)
const LATENCY = 5

/** Sends back whatever arrives, from the next `moments` on, as a broken or hostile client would. */
function echo(sim: Sim, client: SimClient, channel: number): () => number {
  let seen = client.received.length
  let echoed = 0
  const back = () => {
    for (const { bytes } of client.received.slice(seen)) {
      client.send(channel, Buffer.from(bytes))
      echoed++
    }
    seen = client.received.length
  }
  for (let i = 0; i < 10_000 / LATENCY; i++) sim.timeline.at((sim.now + i * LATENCY) as typeof sim.now, back)
  return () => echoed
}

for (const forwarder of ['table', 'none'] as const) {
  t.test(
    `two relayed addresses as each other's peers end at the clients: one in, one out (${forwarder}) [ABU-09]`,
    t => {
      const { sim, alice, bob } = pair({ forwarder })
      alice.send(0x4001, PAYLOAD)
      sim.advance(seconds(10))

      t.equal(bob.received.length, 1)
      t.equal(alice.received.length, 0)
      t.equal(sim.world.hairpins, 0, 'nothing goes by the network')
      t.end()
    },
  )

  t.test(
    `clients that echo for ever stay within their rate, and the loop dies with the first loss (${forwarder}) [ABU-09]`,
    t => {
      const { sim, alice, bob } = pair({ forwarder, limits: { bytesPerSecondPerUser: RATE } })
      const echoed = [echo(sim, alice, 0x4001), echo(sim, bob, 0x4001)]
      // Forty copies set out, and each goes round a hundred times a second if it may.
      for (let i = 0; i < 40; i++) alice.send(0x4001, PAYLOAD)
      sim.advance(seconds(10))
      const carried = alice.received.length + bob.received.length

      t.ok(
        echoed.some(count => count() > 0),
        'it did loop',
      )
      t.ok(carried * PAYLOAD.length <= 2 * RATE * 11, `${carried} payloads in ten seconds`)
      const before = alice.received.length + bob.received.length
      sim.advance(seconds(10))
      t.equal(alice.received.length + bob.received.length, before, 'and when nobody echoes, nothing moves')
      t.end()
    },
  )

  t.test(`a channel to one's own relayed address goes round once (${forwarder}) [ABU-09]`, t => {
    const sim = new Sim({ forwarder })
    const alice = sim.client('192.0.2.10:50000')
    alice.allocate()
    alice.bind(0x4001, alice.relayed)
    alice.send(0x4001, PAYLOAD)
    sim.advance(seconds(10))

    t.equal(alice.received.length, 1)
    t.equal(sim.world.toPeers.length, 0)
    t.end()
  })
}

t.test('a loop in which something is lost each time decays to nothing without any limit [ABU-09]', t => {
  const { sim, alice, bob } = pair({ latency: LATENCY, loss: 0.05 })
  for (let i = 0; i < 20; i++) alice.send(0x4001, PAYLOAD)
  echo(sim, alice, 0x4001)
  echo(sim, bob, 0x4001)
  sim.advance(seconds(9))
  const before = alice.received.length + bob.received.length
  sim.advance(seconds(1))

  t.ok(before > 20, `${before} went round`)
  t.equal(alice.received.length + bob.received.length, before)
  t.end()
})

t.test('between two shards it is the same: one in, one out [ABU-09]', t => {
  const both = new TwoShards()
  const [one, other] = both.shards
  const alice = one.client('192.0.2.10:50000')
  const bob = other.client('192.0.2.11:50000', { user: '@bob:example.org' })
  alice.allocate()
  bob.allocate()
  alice.bind(0x4001, bob.relayed)
  bob.bind(0x4001, alice.relayed)
  alice.send(0x4001, PAYLOAD)
  both.advance(seconds(10))

  t.equal(both.crossed.length, 1)
  t.equal(bob.received.length, 1)
  t.equal(alice.received.length, 0)
  t.end()
})

t.test(
  'a relayed address is no way to the server’s own listener, so no request comes from ourselves [ABU-09, SEC-14]',
  t => {
    const listener = parseAddress('203.0.113.1:3478')!
    const sim = new Sim({ reach: peer => (peer.key === listener.key ? 'no' : 'yes') })
    const alice = sim.client('192.0.2.10:50000')
    alice.allocate()

    t.equal(alice.bind(0x4001, listener).kind, 'rejected')
    t.same(alice.errors, [403])
    t.end()
  },
)

/** Two calls whose channels point at each other's relayed address. */
function pair(options: ConstructorParameters<typeof Sim>[0]): { sim: Sim; alice: SimClient; bob: SimClient } {
  const sim = new Sim(options)
  const alice = sim.client('192.0.2.10:50000')
  const bob = sim.client('192.0.2.11:50000', { user: '@bob:example.org' })
  alice.allocate()
  bob.allocate()
  alice.bind(0x4001, bob)
  bob.bind(0x4001, alice)
  return { sim, alice, bob }
}
