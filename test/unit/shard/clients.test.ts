import t from 'tap'
import { Method } from '../../../src/wire/message.ts'
import { Sim } from '../../sim/sim.ts'

t.test('OW-11: a client that is not served is not answered, and nothing of it reaches the core', async t => {
  const sim = new Sim({ forwarder: 'table' })
  const served = sim.client('192.0.2.10:50000')
  const denied = sim.client('198.51.100.9:50000')
  sim.world.denied.add('198.51.100.9')

  for (const client of [served, denied]) {
    client.post(client.craft(Method.Binding))
    sim.settle()
  }
  t.equal(sim.counters.read('binding'), 1)
  t.equal(sim.counters.read('passed'), 1, 'the core has heard of one')
})

t.test('OW-11: what peers send to a client that is served comes through, whoever they are', async t => {
  const sim = new Sim({ forwarder: 'none' })
  const alice = sim.client('192.0.2.10:50000')
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()
  alice.permit(bob)
  sim.world.denied.add('198.51.100.7')
  bob.send(alice.relayed, 'hello')
  sim.settle()
  t.same(alice.inbox.length, 1)
})
