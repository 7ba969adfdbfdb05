import t from 'tap'
import { type Slowed, slowedTo } from '../../../src/core/buckets.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import { Sim, seconds } from '../../sim/sim.ts'

/** Of ten datagrams of 1000 octets. */
const RATE = 10 * (1000 + PACKET_OVERHEAD)
const NOBODY: Slowed = { tenants: new Map() }
const CAROL = '@carol:example.org'

const alone = (user: string): Slowed => ({
  tenants: new Map([['example.org', { users: new Map([[user, RATE]]) }]]),
})

for (const forwarder of ['table', 'none'] as const) {
  t.test(
    `a user whose budget is used up is slowed down in a live call, and nobody else (${forwarder})`,
    t => {
      const { sim, say, call } = world(forwarder)
      const [alice, carol] = [call('192.0.2.10:50000'), call('192.0.2.11:50000', CAROL)]
      t.same([say(alice, 30), say(carol, 30)], [30, 30])
      sim.slow(alone('@alice:example.org'))
      t.same([say(alice, 30), say(carol, 30)], [10, 30])
      sim.advance(seconds(10))
      t.equal(say(alice, 30), 10, 'and for as long as that lasts')
      const second = call('192.0.2.12:50000')
      t.equal(say(second, 30), 0, 'in further calls as well')
      sim.slow(NOBODY)
      t.same([say(alice, 30), say(second, 30)], [30, 30], 'and then no longer')
      t.end()
    },
  )

  t.test(`where a homeserver or everybody is slowed down, each user has the rate (${forwarder})`, t => {
    for (const slowed of [
      { tenants: new Map([['example.org', { all: RATE, users: new Map() }]]) },
      { all: RATE, tenants: new Map() },
    ]) {
      const { sim, say, call } = world(forwarder)
      const [alice, carol] = [call('192.0.2.10:50000'), call('192.0.2.11:50000', CAROL)]
      sim.slow(slowed)
      t.same([say(alice, 30), say(carol, 30)], [10, 10])
    }
    t.end()
  })
}

t.test('a limit that is lower than the rate of a used-up budget still holds', t => {
  const { sim, say, call } = world('table', RATE / 2)
  const alice = call('192.0.2.10:50000')
  sim.slow(alone('@alice:example.org'))
  t.equal(say(alice, 30), 5)
  t.end()
})

t.test('no token bucket is left when the slow users have gone', t => {
  const { sim, call } = world('table')
  const alice = call('192.0.2.10:50000')
  sim.slow(alone('@alice:example.org'))
  sim.slow(NOBODY)
  sim.slow(alone('@alice:example.org'))
  alice.release()
  t.equal(sim.buckets.takers, 0)
  t.end()
})

t.test('of several rates the lowest holds', async t => {
  const owner = { tenant: 'a', user: 'x' }
  t.equal(slowedTo({ tenants: new Map() }, owner), Number.POSITIVE_INFINITY)
  t.equal(slowedTo({ all: 9, tenants: new Map([['a', { all: 7, users: new Map([['x', 8]]) }]]) }, owner), 7)
  t.equal(slowedTo({ all: 9, tenants: new Map([['b', { all: 7, users: new Map() }]]) }, owner), 9)
})

function world(forwarder: 'table' | 'none', bytesPerSecondPerUser?: number) {
  const sim = new Sim({
    forwarder,
    limits: bytesPerSecondPerUser === undefined ? {} : { bytesPerSecondPerUser },
  })
  const bob = sim.peer('198.51.100.7:40000')
  const call = (at: string, user?: string) => {
    const client = sim.client(at, user === undefined ? {} : { user })
    client.allocate()
    client.bind(0x4001, bob)
    return client
  }
  /** Datagrams that come through of so many that are said at once. */
  const say = (client: ReturnType<typeof call>, count: number) => {
    const before = bob.datagrams.length
    for (let i = 0; i < count; i++) client.send(0x4001, Buffer.alloc(1000))
    return bob.datagrams.length - before
  }
  return { sim, call, say }
}
