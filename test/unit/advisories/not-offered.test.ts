import t from 'tap'
import { ACCESS_TOKEN, REQUESTED_TRANSPORT, UNKNOWN_ATTRIBUTES } from '../../../src/wire/attributes.ts'
import { get, Method } from '../../../src/wire/message.ts'
import { Sim } from '../../sim/sim.ts'
import { codeOf } from '../../sim/sim-client.ts'

const UDP = 17

t.test('an access token of any length is unknown, and answered so [SEC-16]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  for (const length of [0, 1, 2, 60, 735, 763, 4000]) {
    const token = Buffer.alloc(length, 0xff)
    const answer = alice.ask(Method.Allocate, {
      fields: writer => writer.set(REQUESTED_TRANSPORT, UDP).set(ACCESS_TOKEN, token),
    })
    t.equal(codeOf(answer), 420)
    t.strictSame(answer && get(answer, UNKNOWN_ATTRIBUTES), [ACCESS_TOKEN.type])
  }
  t.equal(sim.allocations, 0)
  t.end()
})

t.test('a unit of quota goes back with the port, and not with the connection before it [SEC-33]', t => {
  const sim = new Sim({ allocationsPerUser: 1, openDelay: 500 })
  const first = sim.client('192.0.2.10:50000', { via: 'tcp' })
  t.equal(first.allocate().kind, 'allocated')
  const second = sim.client('192.0.2.10:50001', { via: 'tcp' })
  t.match(second.allocate(), { kind: 'rejected', code: 486 })
  first.hangUp()
  t.equal(sim.world.relaySockets().length, 0, 'the port is gone')
  t.equal(sim.world.held.size, 0, 'and the unit')
  t.equal(second.allocate().kind, 'allocated')
  t.end()
})

t.test('connections to peers are not made, with or without credentials [SEC-51, SEC-52]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000', { via: 'tcp' })
  alice.allocate()
  for (const method of [Method.Connect, Method.ConnectionBind, Method.ConnectionAttempt]) {
    for (const sign of ['none', 'sha1'] as const) t.equal(alice.code(method, { sign }), undefined)
  }
  t.equal(sim.counters.read('dropUnknownMethod'), 6)
  t.end()
})

t.test('the last alternate server may go by reload, and new ones come [SEC-43]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  const [here] = [sim.listen('203.0.113.9:3478')]
  sim.configure({ alternate: { addresses: [here] } })
  sim.drain(true)
  t.match(alice.allocate(), { kind: 'rejected', code: 300 })
  sim.configure({ alternate: { addresses: [] } })
  t.match(alice.allocate(), { kind: 'rejected', code: 508 })
  sim.configure({})
  t.match(alice.allocate(), { kind: 'rejected', code: 508 })
  sim.drain(false)
  t.equal(alice.allocate().kind, 'allocated')
  t.end()
})
