import t from 'tap'
import type { Seconds } from '../../../src/base/time.ts'
import { LIFETIME, MOBILITY_TICKET, REQUESTED_TRANSPORT } from '../../../src/wire/attributes.ts'
import { get, Method, parse } from '../../../src/wire/message.ts'
import { minutes, Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import { codeOf, type SimClient } from '../../sim/sim-client.ts'

const HOME = '192.0.2.10:50000'
const STREET = '198.18.0.1:40000'
const TRAIN = '198.18.99.1:40001'
const BOB = '198.51.100.7:40000'
const CHANNEL = 0x4001
const EMPTY = Buffer.alloc(0)
/** ChannelData. */
const HI = Buffer.from('4001000268690000', 'hex')

/** Alice with a ticket and a channel to bob. */
function call(options: SimOptions = {}, via: 'udp' | 'tcp' | 'tls' = 'udp') {
  const sim = new Sim(options)
  const bob = sim.peer(BOB)
  const alice = sim.client(HOME, { via })
  t.match(alice.allocate({ mobility: true }), { kind: 'allocated' })
  alice.bind(CHANNEL, bob)
  const { relayed } = alice
  return { sim, bob, alice, relayed }
}

/** The ticket that the last answer brought. */
function ticketOf(client: SimClient): Buffer {
  const answers = client.events.filter(event => event.kind === 'answered' || event.kind === 'allocated')
  const last = answers.at(-1)
  const ticket = last && get(last.message, MOBILITY_TICKET)
  if (!ticket) throw new Error('no ticket')
  return Buffer.from(ticket)
}

/** The code that answers a Refresh with a ticket. */
function refreshWith(client: SimClient, ticket: Buffer, lifetime?: number): number | undefined {
  return client.code(Method.Refresh, {
    fields: writer => {
      writer.set(MOBILITY_TICKET, ticket)
      if (lifetime !== undefined) writer.set(LIFETIME, lifetime as Seconds)
    },
  })
}

t.test('whoever asks for a ticket gets one, and nobody else does [MOB-01, MOB-02]', t => {
  const sim = new Sim()
  const asked = sim.client(HOME)
  asked.allocate({ mobility: true })
  t.equal(ticketOf(asked).length, 32)

  const silent = sim.client(STREET)
  silent.allocate()
  t.equal(silent.turn.isMobile, false)
  t.end()
})

t.test('a ticket with a value in an Allocate is a bad request [MOB-03]', t => {
  const alice = new Sim().client(HOME)
  const fields = (value: Buffer) => ({
    fields: (writer: Parameters<NonNullable<Parameters<SimClient['ask']>[1]>['fields'] & {}>[0]) =>
      writer.set(REQUESTED_TRANSPORT, 17).set(MOBILITY_TICKET, value),
  })
  t.equal(alice.code(Method.Allocate, fields(Buffer.of(0))), 400)
  t.equal(alice.code(Method.Allocate, fields(Buffer.alloc(32))), 400)
  t.equal(alice.code(Method.Allocate, fields(EMPTY)), 0)
  t.end()
})

t.test(
  'where mobility is switched off it is forbidden, for tickets given out before, too [MOB-04, TURN-ERR-405]',
  t => {
    const sim = new Sim()
    const alice = sim.client(HOME)
    alice.allocate({ mobility: true })
    sim.configure({ mobility: false })

    t.match(alice.at(STREET).resume(), { kind: 'rejected', code: 405 })
    t.match(sim.client(TRAIN).allocate({ mobility: true }), { kind: 'rejected', code: 405 })
    t.match(sim.client(TRAIN).allocate(), { kind: 'allocated' })
    t.match(alice.refresh(), { kind: 'refreshed' }, 'the call goes on where it is')
    t.end()
  },
)

for (const forwarder of ['none', 'table', 'picky, then table'] as const) {
  t.test(
    `the old 5-tuple carries the call until the client speaks on the new one, with ${forwarder} [MOB-05, MOB-09]`,
    t => {
      const { sim, bob, alice, relayed } = call({ forwarder })
      const moved = alice.at(STREET)
      t.match(moved.resume(), { kind: 'resumed', lifetime: 600 })

      bob.send(relayed, 'to the old place')
      t.same(alice.inbox, ['to the old place'])
      moved.send(CHANNEL, 'from the new place')
      t.same(bob.inbox, ['from the new place'])
      bob.send(relayed, 'to the new place')
      t.same(moved.inbox, ['to the new place'])
      t.equal(sim.counters.read('roamed'), 1)
      t.match(sim.told('roamed'), [{ via: 'udp', before: { via: 'udp' } }])

      alice.send(CHANNEL, 'too late')
      t.same(bob.inbox, ['from the new place'], 'the old 5-tuple has nothing any more')
      t.match(alice.allocate(), { kind: 'allocated' }, 'and is free for others')
      t.end()
    },
  )
}

t.test('data on the old 5-tuple goes to the peer while the client has only arrived', t => {
  const { bob, alice } = call()
  const moved = alice.at(STREET)
  moved.resume()
  alice.send(CHANNEL, 'hi')
  t.same(bob.inbox, ['hi'])
  t.end()
})

t.test('a Send indication moves the client as ChannelData does, and so over every transport', t => {
  for (const [from, to] of [
    ['udp', 'tcp'],
    ['tcp', 'tls'],
    ['tls', 'udp'],
  ] as const) {
    const { sim, bob, alice, relayed } = call({}, from)
    const moved = alice.at(STREET, { via: to })
    moved.resume()
    moved.send(bob, 'here')
    bob.send(relayed, 'there')
    t.same([bob.inbox, moved.inbox, alice.inbox], [['here'], ['there'], []])
    t.match(sim.told('roamed'), [{ via: to, before: { via: from } }])
    t.same(
      sim.world.hosted.map(({ on }) => on),
      [true, false],
    )
  }
  t.end()
})

t.test('another user has no use for a ticket, however good it is [MOB-06, SEC-35]', t => {
  const { sim, alice, relayed, bob } = call()
  const ticket = ticketOf(alice)
  const mallory = sim.client(STREET, { user: '@mallory:example.org' })
  t.equal(refreshWith(mallory, ticket), 441)
  mallory.turn.allocate({}, sim.now)
  mallory.flush()
  t.equal(refreshWith(mallory, ticket), 441, 'nor with an allocation of its own')
  t.equal(sim.client(TRAIN).code(Method.Refresh, { sign: 'none' }), 401)
  bob.send(relayed, 'still here')
  t.same(alice.inbox, ['still here'])
  t.end()
})

t.test('a ticket without a signature, or with a wrong one, does nothing', t => {
  const { sim, alice } = call()
  const ticket = ticketOf(alice)
  const before = JSON.stringify(sim.relay.sizes())
  const thief = sim.client(STREET)
  const fields = {
    fields: (writer: { set(a: typeof MOBILITY_TICKET, b: Buffer): unknown }) =>
      void writer.set(MOBILITY_TICKET, ticket),
  }
  t.equal(thief.code(Method.Refresh, { ...fields, sign: 'none' }), 401)
  t.equal(thief.code(Method.Refresh, { ...fields, password: 'guess' }), 401)
  t.equal(
    thief.code(Method.Refresh, { ...fields, nonce: alice.turn.nonce }),
    438,
    'the nonce of the old place',
  )
  t.equal(JSON.stringify(sim.relay.sizes()), before)
  t.end()
})

t.test('a signed Refresh that was overheard is worth nothing from elsewhere', t => {
  const { sim, alice, bob, relayed } = call()
  const moved = alice.at(STREET)
  moved.resume()
  const overheard = moved.craft(Method.Refresh, {
    fields: writer => writer.set(MOBILITY_TICKET, ticketOf(alice)),
  })
  const thief = sim.client(TRAIN)
  t.equal(codeOf(thief.exchange(overheard)), 438)
  thief.sendRaw(HI)
  t.same(bob.inbox, [])
  bob.send(relayed, 'for alice')
  t.same(alice.inbox, ['for alice'])
  t.end()
})

t.test(
  'octets that are no ticket of ours are a bad request, and the ticket of an ended allocation a mismatch [MOB-07, MOB-13]',
  t => {
    const { sim, alice } = call()
    const ticket = ticketOf(alice)
    const mover = sim.client(STREET)
    for (const wrong of [
      EMPTY,
      Buffer.of(1),
      Buffer.alloc(32),
      Buffer.alloc(32, 1),
      Buffer.alloc(700, 0xff),
    ]) {
      t.equal(refreshWith(mover, wrong), 400)
    }
    for (let i = 0; i < ticket.length; i++) {
      const bent = Buffer.from(ticket)
      bent[i]! ^= 1
      t.equal(refreshWith(mover, bent), 400, `octet ${i}`)
    }
    const { alice: other } = call({ seed: 2 })
    t.equal(refreshWith(mover, ticketOf(other)), 400, 'of another server')
    alice.release()
    t.equal(refreshWith(mover, ticket), 437)
    t.end()
  },
)

t.test('what ended since the last sweep is not brought back by a ticket', t => {
  const { sim, alice } = call()
  const ticket = ticketOf(alice)
  sim.advance(seconds(599))
  sim.advance(999)
  const mover = sim.client(STREET)
  mover.binding()
  sim.timeline.runUntil((sim.now + 1) as typeof sim.now)
  t.equal(refreshWith(mover, ticket), 437)
  t.equal(sim.told('closed').length, 1)
  t.end()
})

t.test('every success brings another ticket, and the old one dies when the client has moved [MOB-08]', t => {
  const { sim, alice } = call()
  const first = ticketOf(alice)
  const mover = sim.client(STREET)
  const answer = mover.ask(Method.Refresh, { fields: writer => writer.set(MOBILITY_TICKET, first) })
  const second = Buffer.from(get(answer!, MOBILITY_TICKET)!)
  t.notSame(second, first)
  const other = sim.client(TRAIN)
  t.equal(refreshWith(other, first), 0, 'the answer may have been lost, so the first is still good')
  mover.sendRaw(HI)
  t.equal(sim.counters.read('roamed'), 0, 'but the client arrives at one place only')

  other.sendRaw(HI)
  t.equal(sim.counters.read('roamed'), 1)
  t.equal(refreshWith(mover, first), 400)
  t.equal(refreshWith(mover, second), 400)
  t.end()
})

t.test('a Refresh that is sent again is answered again, octet by octet, also after the move', t => {
  const { sim, alice, bob } = call()
  const mover = sim.client(STREET)
  const request = mover.craft(Method.Refresh, {
    fields: writer => writer.set(MOBILITY_TICKET, ticketOf(alice)),
  })
  const answer = Buffer.from(mover.exchange(request)!.bytes)
  sim.advance(seconds(30))
  t.same(mover.exchange(request)!.bytes, answer)
  mover.sendRaw(HI)
  t.same(bob.inbox, ['hi'])
  t.same(mover.exchange(request)!.bytes, answer)
  t.equal(sim.counters.read('roamed'), 1)
  t.end()
})

t.test('an arrival that nothing comes of is given up, and the old path stays [MOB-10]', t => {
  const { sim, alice, bob, relayed } = call()
  const mover = sim.client(STREET)
  t.equal(refreshWith(mover, ticketOf(alice)), 0)
  sim.advance(seconds(40) - 1)
  const clients = sim.relay.sizes().clients
  sim.timeline.runUntil((sim.now + 1) as typeof sim.now)
  mover.sendRaw(HI)
  t.same(bob.inbox, [], 'too late')
  sim.advance(seconds(2))
  t.equal(sim.world.hosted.at(-1)?.on, false)
  t.ok(clients)
  bob.send(relayed, 'as before')
  t.same(alice.inbox, ['as before'])
  t.match(mover.allocate(), { kind: 'allocated' }, 'the 5-tuple is free')
  t.end()
})

t.test('a thousand arrivals leave one [MOB-11, SEC-34]', t => {
  const { sim, alice } = call({ limits: {} })
  let ticket = ticketOf(alice)
  const before = sim.relay.sizes()
  for (let i = 0; i < 1000; i++) {
    const mover = sim.client(`198.18.${i >> 8}.${i & 0xff}:${1000 + i}`)
    const answer = mover.ask(Method.Refresh, { fields: writer => writer.set(MOBILITY_TICKET, ticket) })
    ticket = Buffer.from(get(answer!, MOBILITY_TICKET)!)
  }
  t.same(sim.relay.sizes(), { ...before, remembered: 0 })
  t.equal(sim.allocations, 1)
  sim.advance(minutes(11))
  t.ok(Object.values(sim.relay.sizes()).every(size => size === 0))
  t.end()
})

t.test('a client whose connection broke is waited for, with its quota and its port [MOB-12, SEC-33]', t => {
  const { sim, alice, bob, relayed } = call({ allocationsPerUser: 1 }, 'tls')
  alice.hangUp()
  t.equal(sim.allocations, 1)
  t.match(sim.client(TRAIN).allocate(), { kind: 'rejected', code: 486 })
  bob.send(relayed, 'nobody hears this')
  t.equal(sim.counters.read('dropAway'), 1)

  const back = alice.at(STREET, { via: 'tcp' })
  t.match(back.resume(), { kind: 'resumed', lifetime: 600 })
  bob.send(relayed, 'hello again')
  t.same(back.inbox, ['hello again'], 'at once, as there is no old path to keep')
  back.send(CHANNEL, 'hello')
  t.same(bob.inbox, ['hello'])
  sim.advance(minutes(5))
  t.equal(sim.allocations, 1)
  t.end()
})

t.test('but not for longer than a minute, and told as a hang-up', t => {
  const { sim, alice } = call({}, 'tcp')
  const ticket = ticketOf(alice)
  alice.hangUp()
  sim.advance(seconds(59))
  t.equal(sim.allocations, 1)
  sim.advance(seconds(2))
  t.equal(sim.allocations, 0)
  t.equal(sim.world.relaySockets().length, 0)
  t.match(sim.told('closed'), [{ reason: 'hangup' }])
  t.equal(refreshWith(sim.client(STREET), ticket), 437)
  t.ok(Object.values(sim.relay.sizes()).every(size => size === 0))
  t.end()
})

t.test('without a ticket a connection that ends takes its allocation along, as ever [TURN-GEN-14]', t => {
  const sim = new Sim()
  const alice = sim.client(HOME, { via: 'tls' })
  alice.allocate()
  alice.hangUp()
  t.equal(sim.allocations, 0)
  t.end()
})

t.test('a client that has lost its answer comes back with the ticket that it has', t => {
  const { sim, alice, bob } = call({}, 'tcp')
  const ticket = ticketOf(alice)
  alice.hangUp()
  t.equal(refreshWith(sim.client(STREET), ticket), 0)
  const again = sim.client(TRAIN)
  t.equal(refreshWith(again, ticket), 0)
  again.sendRaw(HI)
  t.same(bob.inbox, ['hi'])
  t.end()
})

t.test('the old connection may end while the client has only arrived: it has moved then', t => {
  const { bob, alice, relayed } = call({}, 'tls')
  const moved = alice.at(STREET)
  moved.resume()
  alice.hangUp()
  bob.send(relayed, 'to the new place')
  t.same(moved.inbox, ['to the new place'])
  t.end()
})

t.test('and the new one may end, too: then nothing has changed', t => {
  const { sim, alice, bob, relayed } = call()
  const mover = sim.client(STREET, { via: 'tcp' })
  t.equal(refreshWith(mover, ticketOf(alice)), 0)
  mover.hangUp()
  bob.send(relayed, 'as before')
  t.same(alice.inbox, ['as before'])
  t.match(alice.refresh(), { kind: 'refreshed' })
  t.end()
})

t.test('a ticket where the allocation is, is refused and does no harm [MOB-14]', t => {
  const { alice, bob, relayed } = call()
  t.equal(refreshWith(alice, ticketOf(alice)), 400)
  bob.send(relayed, 'as before')
  t.same(alice.inbox, ['as before'])
  t.match(alice.at(STREET).resume(), { kind: 'resumed' }, 'the ticket is still good')
  t.end()
})

t.test('nobody moves to a 5-tuple that has an allocation', t => {
  const { sim, alice } = call()
  const other = sim.client(STREET)
  other.allocate()
  t.equal(refreshWith(other, ticketOf(alice)), 437)
  t.equal(sim.allocations, 2)
  const mover = sim.client(TRAIN)
  t.equal(refreshWith(mover, ticketOf(alice)), 0)
  t.match(mover.allocate(), { kind: 'rejected', code: 437 }, 'and none is opened where one has arrived')
  t.end()
})

t.test('requests are answered on both 5-tuples while the client arrives', t => {
  const { sim, alice, bob } = call()
  const mover = sim.client(STREET)
  t.equal(refreshWith(mover, ticketOf(alice)), 0)
  t.match(mover.permit(bob), { kind: 'permitted' })
  t.match(mover.refresh(777), { kind: 'refreshed', lifetime: 777 })
  t.match(alice.permit(bob), { kind: 'permitted' })
  t.equal(sim.counters.read('roamed'), 0)
  t.end()
})

t.test('LIFETIME 0 with a ticket ends the allocation from anywhere', t => {
  const { sim, alice } = call()
  t.equal(refreshWith(sim.client(STREET), ticketOf(alice), 0), 0)
  t.equal(sim.allocations, 0)
  t.equal(sim.world.relaySockets().length, 0)
  t.end()
})

t.test('a call outlives its secret on the way, too: the key is known behind the ticket', t => {
  const { sim, alice } = call()
  sim.configure({}, { authenticate: () => [] })
  t.match(alice.at(STREET).resume(), { kind: 'resumed' })
  t.end()
})

t.test('wrong passwords behind a stolen ticket are held back like any others', t => {
  const { sim, alice } = call({ limits: { backOff: true } })
  const ticket = ticketOf(alice)
  const thief = sim.client(STREET, { password: 'guessed', registered: false })
  for (let i = 0; i < 40; i++) refreshWith(thief, ticket)
  t.ok(sim.counters.read('authGuessing') > 10)
  t.end()
})

t.test('two relayed addresses and their linked routes move together', t => {
  const sim = new Sim()
  const alice = sim.client(HOME)
  alice.allocate({ mobility: true, dual: true })
  const carol = sim.client(STREET, { user: '@carol:example.org' })
  carol.allocate({ mobility: true })
  alice.bind(CHANNEL, carol)
  carol.bind(CHANNEL, alice)
  alice.send(CHANNEL, 'one')
  const there = carol.at(TRAIN)
  there.resume()
  there.send(CHANNEL, 'two')
  alice.send(CHANNEL, 'three')
  const here = alice.at('[2001:db8::77]:1000')
  here.resume()
  here.send(CHANNEL, 'four')
  there.send(CHANNEL, 'five')
  t.same([alice.inbox, there.inbox, here.inbox], [['two'], ['three', 'four'], ['five']])
  t.equal(sim.world.hairpins, 0)
  t.end()
})

t.test('a ticket has no octet 0, since coturn’s client reads it as text', t => {
  const { alice } = call()
  let here = alice
  for (let i = 0; i < 50; i++) {
    here = here.at(`198.18.7.${i}:1000`)
    here.resume()
    here.send(CHANNEL, 'here')
    const answer = here.raw
      .map(one => parse(one))
      .findLast(one => one.kind === 'message' && get(one, MOBILITY_TICKET))
    const ticket = answer?.kind === 'message' ? get(answer, MOBILITY_TICKET) : undefined
    t.equal(ticket?.length, 32)
    t.notOk(ticket?.includes(0))
  }
  t.end()
})
