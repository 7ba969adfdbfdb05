import t from 'tap'
import { Method } from '../../../src/wire/message.ts'
import { Sim, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

function start() {
  const sim = new Sim({ limits: { requestsPerUserPerSecond: 2 } })
  const alice = sim.client('203.0.113.1:1000')
  const bob = sim.client('203.0.113.3:1000', { user: '@bob:example.org' })
  alice.allocate()
  bob.allocate()
  const ask = (times: number, client = alice) => {
    for (let i = 0; i < times; i++) client.permit(sim.peer('198.51.100.1:40000'))
  }
  const dropped = () => sim.counters.read('dropRequests')
  return { sim, alice, bob, ask, dropped }
}

t.test(
  'S-01: signed requests of one 5-tuple above its rate are dropped and told of; others go on',
  async t => {
    const { sim, bob, ask, dropped } = start()
    ask(9)
    t.ok(dropped() > 0, 'five seconds of half the rate are five requests')
    const before = dropped()
    ask(3, bob)
    t.equal(dropped(), before)
    sim.advance(11_000)
    t.match(sim.told('throttled'), [{ why: 'requests', owner: { user: '@alice:example.org' } }])
  },
)

t.test('S-01: what is owed is paid off with time', async t => {
  const { sim, ask, dropped } = start()
  ask(9)
  sim.advance(30_000)
  const before = dropped()
  ask(4)
  t.equal(dropped(), before)
})

t.test("S-01: a request with a wrong integrity uses up nobody's rate", async t => {
  const { sim, ask, dropped } = start()
  const mallory = sim.client('203.0.113.9:1000', { wrongPassword: true })
  for (let i = 0; i < 30; i++) mallory.allocate()
  ask(4)
  t.equal(dropped(), 0)
  t.ok(mallory.errors.length > 0)
})

t.test('S-01: all 5-tuples of one user together have the rate of the user', async t => {
  const { sim, ask, dropped } = start()
  const others = [2, 4, 5, 6, 7].map(i => sim.client(`203.0.113.${i}:1000`))
  for (const client of others) client.allocate()
  t.equal(dropped(), 0)
  for (const client of others) ask(4, client)
  t.ok(dropped() > 0, 'ten seconds of two requests are twenty')
})

t.test(
  'A-03: where a user has nothing left, further 5-tuples of theirs are verified as often as others, and no more',
  async t => {
    const sim = new Sim({ limits: { requestsPerUserPerSecond: 2 } })
    const clients = Array.from({ length: 12 }, (_, i) => sim.client(`203.0.113.${i + 1}:1000`))
    for (const client of clients) client.allocate()
    const flood = (client: SimClient, times: number) => {
      for (let i = 0; i < times; i++) client.post(client.craft(Method.Refresh))
      sim.settle()
    }
    const verified = () => sim.counters.read('refreshRequest')
    for (const client of clients.slice(0, 11)) flood(client, 10)
    const before = verified()
    flood(clients.at(-1)!, 100)
    t.ok(verified() - before <= 5, `${verified() - before} of 100`)
    t.ok(verified() > before, 'its own allowance is five seconds of half the rate')
  },
)

t.test('A-07: who moves an allocation pays for the routes that are made anew', async t => {
  const CHANNELS = 200
  const RATE = 20
  const sim = new Sim({ limits: { requestsPerUserPerSecond: RATE } })
  let client = sim.client('203.0.113.1:1000')
  client.allocate({ mobility: true })
  for (let i = 0; i < CHANNELS; i++) client.bind(0x4000 + i, sim.peer(`198.51.100.${i}:40000`))
  sim.advance(seconds(20))
  const began = sim.now
  for (let i = 0; i < 40; i++) {
    client = client.at(`203.0.113.${2 + i}:1000`)
    client.resume()
    client.send(0x4000, 'here')
  }
  const routes = sim.counters.read('roamed') * CHANNELS
  const took = (sim.now - began) / 1000
  t.ok(routes > 0, 'a client that owes nothing may move')
  t.ok(routes <= (took + 10) * RATE * 16, `${routes} routes in ${took} s`)
})
