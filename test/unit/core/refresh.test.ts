import t from 'tap'
import { password, sharedSecrets } from '../../../src/auth/shared-secret.ts'
import type { Seconds } from '../../../src/base/time.ts'
import { LIFETIME, REQUESTED_ADDRESS_FAMILY } from '../../../src/wire/attributes.ts'
import { get, type Message, Method, parse } from '../../../src/wire/message.ts'
import { minutes, Sim, START, seconds } from '../../sim/sim.ts'

const ALICE = '192.0.2.10:50000'
const BOB = '198.51.100.7:40000'
const BOB6 = '[2001:db8::b0b]:40000'
const SECRET = Buffer.from('example-shared-secret')

t.test('LIFETIME 0 ends the allocation: its port is free and the next Refresh 437 [TURN-REF-01]', t => {
  const sim = new Sim({ ports: [50_000, 50_000] })
  const alice = sim.client(ALICE)
  alice.allocate()

  const event = alice.release()

  t.match(event, { kind: 'refreshed', lifetime: 0 })
  t.equal(sim.allocations, 0)
  t.match(alice.refresh(), { kind: 'rejected', code: 437 })
  t.match(sim.client('192.0.2.11:50000').allocate(), { kind: 'allocated' })
  t.match(sim.told('closed'), [{ reason: 'released' }])
  t.end()
})

for (const [asked, granted] of [
  [undefined, 600],
  [1, 600],
  [599, 600],
  [777, 777],
  [2 ** 32 - 1, 3600],
] as const) {
  t.test(
    `Refresh with LIFETIME ${asked ?? 'not named'} grants ${granted} from now on [TURN-REF-02, TURN-REF-03]`,
    t => {
      const sim = new Sim()
      const alice = sim.client(ALICE)
      alice.allocate()
      sim.advance(seconds(500))

      const event = alice.refresh(asked)

      t.match(event, { kind: 'refreshed', lifetime: granted })
      sim.advance(granted * 1000 - 1)
      t.equal(sim.allocations, 1)
      sim.advance(1)
      t.equal(sim.allocations, 0)
      t.end()
    },
  )
}

t.test('a Refresh may shorten a long lifetime [TURN-REF-02]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate({ lifetime: 3600 })

  t.match(alice.refresh(600), { kind: 'refreshed', lifetime: 600 })
  sim.advance(seconds(600))

  t.equal(sim.allocations, 0)
  t.end()
})

for (const [relayed, named] of [
  [4, 6],
  [6, 4],
] as const) {
  t.test(
    `a Refresh that names IPv${named} of an IPv${relayed} allocation: 443 [TURN-REF-04, TURN-ERR-443]`,
    t => {
      const sim = new Sim()
      const alice = sim.client(ALICE)
      alice.allocate({ family: relayed })

      t.match(alice.refresh(undefined, named), { kind: 'rejected', code: 443 })
      t.match(alice.refresh(0, named), { kind: 'rejected', code: 443 })
      t.match(alice.refresh(undefined, relayed), { kind: 'refreshed', lifetime: 600 })
      t.end()
    },
  )
}

t.test('a family that does not exist: 443 [TURN-REF-04]', t => {
  const alice = new Sim().client(ALICE)
  alice.allocate()

  for (const family of [0, 3, 255]) {
    const code = alice.code(Method.Refresh, {
      fields: writer => writer.set(REQUESTED_ADDRESS_FAMILY, family),
    })
    t.equal(code, 443)
  }
  t.end()
})

t.test('LIFETIME 0 with a family ends that half of a dual allocation only [TURN-REF-05]', t => {
  for (const [gone, left] of [
    [4, 6],
    [6, 4],
  ] as const) {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const bob = { 4: sim.peer(BOB), 6: sim.peer(BOB6) }
    alice.allocate({ dual: true })
    alice.bind(0x4004, bob[4])
    alice.bind(0x4006, bob[6])
    const relayed = alice.turn.relayed.find(one => one.family === left)!

    const event = alice.refresh(0, gone)
    alice.send(0x4000 + gone, 'nobody')
    alice.send(0x4000 + left, 'somebody')
    bob[left].send(relayed, 'hello')

    t.match(event, { kind: 'refreshed', lifetime: 0 })
    t.same([bob[gone].inbox, bob[left].inbox, alice.inbox], [[], ['somebody'], ['hello']])
    t.equal(sim.world.relaySockets().length, 1)
    t.match(alice.refresh(undefined, gone), { kind: 'rejected', code: 443 })
    t.match(alice.refresh(undefined, left), { kind: 'refreshed' })
    t.equal(sim.told('closed').length, 0)
  }
  t.end()
})

t.test('when both halves have been ended the allocation has ended, told once [TURN-REF-05]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate({ dual: true })

  alice.refresh(0, 4)
  alice.refresh(0, 6)

  t.equal(sim.allocations, 0)
  t.equal(sim.told('closed').length, 1)
  t.equal(sim.world.held.size, 0)
  t.end()
})

t.test('a Refresh with a family prolongs that half only [TURN-REF-05]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate({ dual: true })
  sim.advance(seconds(500))

  alice.refresh(600, 6)
  sim.advance(seconds(101))

  t.equal(sim.world.relaySockets().length, 1)
  t.match(alice.refresh(undefined, 4), { kind: 'rejected', code: 443 })
  t.match(alice.refresh(undefined, 6), { kind: 'refreshed' })
  t.end()
})

t.test('a Refresh without a family prolongs both halves [TURN-REF-05]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate({ dual: true })
  sim.advance(seconds(500))
  alice.refresh()
  sim.advance(seconds(599))

  t.equal(sim.world.relaySockets().length, 2)
  t.end()
})

for (const forwarder of ['table', 'none'] as const) {
  t.test(`ten minutes of data refresh nothing (${forwarder}) [TURN-REF-06]`, t => {
    const sim = new Sim({ forwarder })
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)
    alice.allocate()
    for (let second = 0; second < 610; second++) {
      if (second % 200 === 0 && second < 600) alice.bind(0x4001, bob)
      alice.send(0x4001, `${second}`)
      sim.advance(seconds(1))
    }

    t.equal(bob.inbox.length, 600)
    t.equal(sim.allocations, 0)
    t.match(sim.told('closed'), [{ reason: 'expired' }])
    t.end()
  })
}

t.test(
  'at its end socket, permissions, channels, routes and quota go with an allocation [TURN-REF-07, TURN-CHAN-16]',
  t => {
    const sim = new Sim({ limits: { bytesPerSecondPerUser: 1000, bytesPerSecond: 5000 } })
    const before = sim.relay.sizes()
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)
    alice.allocate()
    alice.bind(0x4001, bob)
    alice.permit(sim.peer('198.51.100.8:40000'))
    const { relayed } = alice

    sim.advance(seconds(600))
    bob.send(relayed, 'late')

    t.same(sim.relay.sizes(), before)
    t.same(sim.world.relaySockets(), [])
    t.equal(sim.world.held.size, 0)
    t.same(alice.inbox, [])
    t.end()
  },
)

t.test('between its end and the sweep an allocation already relays nothing', t => {
  for (const forwarder of ['table', 'none'] as const) {
    const sim = new Sim({ forwarder })
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)
    sim.advance(400)
    alice.allocate()
    sim.advance(seconds(500))
    alice.bind(0x4001, bob)
    sim.advance(seconds(100))

    alice.send(0x4001, 'late')
    bob.send(alice.relayed, 'late')

    t.equal(sim.allocations, 1, 'the sweep has not come by')
    t.same([bob.inbox, alice.inbox], [[], []])
  }
  t.end()
})

t.test('a Refresh after the end is too late, whether the sweep came by or not', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  sim.advance(400)
  alice.allocate()
  sim.advance(seconds(600))

  t.match(alice.refresh(), { kind: 'rejected', code: 437 })
  t.end()
})

t.test(
  'an expired credential refreshes a live allocation, and makes no new one [TURN-REF-09, REST-03]',
  t => {
    const sim = restSim()
    const username = `${START / 1000 + 300}:@alice:example.org`
    const alice = sim.client(ALICE, { username, password: password(SECRET, username) })
    const late = sim.client('192.0.2.10:50001', { username, password: password(SECRET, username) })
    alice.allocate()
    sim.advance(minutes(8))

    const event = alice.refresh()
    late.allocate()

    t.match(event, { kind: 'refreshed', lifetime: 600 })
    t.same(late.errors, [401])
    t.end()
  },
)

t.test('where the operator is strict, an expired credential refreshes nothing [TURN-REF-09]', t => {
  const sim = restSim({ strictExpiry: true })
  const username = `${START / 1000 + 300}:@alice:example.org`
  const alice = sim.client(ALICE, { username, password: password(SECRET, username) })
  alice.allocate()
  sim.advance(minutes(4))
  t.match(alice.refresh(), { kind: 'refreshed' })
  sim.advance(minutes(4))

  const event = alice.refresh()
  const permission = alice.permit(sim.peer(BOB))

  t.match(event, { kind: 'rejected', code: 401 })
  t.match(permission, { kind: 'rejected', code: 401 })
  t.end()
})

for (const strictExpiry of [false, true]) {
  t.test(
    `S-15: within the grace an expired credential does everything (strictExpiry: ${strictExpiry})`,
    t => {
      const sim = restSim({ strictExpiry })
      const username = `${START / 1000 - 30}:@alice:example.org`
      const alice = sim.client(ALICE, { username, password: password(SECRET, username) })
      const bob = sim.peer(BOB)
      t.match(alice.allocate(), { kind: 'allocated' })
      t.match(alice.bind(0x4001, bob), { kind: 'bound' })
      t.match(alice.permit(bob), { kind: 'permitted' })
      t.match(alice.refresh(), { kind: 'refreshed' })
      t.match(alice.release(), { kind: 'refreshed' })
      t.equal(sim.allocations, 0)
      t.end()
    },
  )
}

t.test('S-15: past the grace a strict relay grants nothing, and takes an allocation back', t => {
  const sim = restSim({ strictExpiry: true })
  const username = `${START / 1000 - 30}:@alice:example.org`
  const alice = sim.client(ALICE, { username, password: password(SECRET, username) })
  const bob = sim.peer(BOB)
  alice.allocate()
  alice.bind(0x4001, bob)
  sim.advance(31_000)
  t.match(alice.bind(0x4001, bob), { kind: 'rejected', code: 401 })
  t.match(alice.permit(bob), { kind: 'rejected', code: 401 })
  t.match(alice.refresh(), { kind: 'rejected', code: 401 })
  t.match(alice.refresh(700), { kind: 'rejected', code: 401 })
  alice.send(0x4001, 'still')
  t.same(bob.inbox, ['still'], 'what was granted goes on until it ends')
  t.match(alice.release(), { kind: 'refreshed' })
  t.equal(sim.allocations, 0)
  t.end()
})

t.test('an allocation outlives the secret that made it', t => {
  const sim = restSim()
  const username = `${START / 1000 + 3600}:@alice:example.org`
  const alice = sim.client(ALICE, { username, password: password(SECRET, username) })
  alice.allocate()

  sim.configure({}, { authenticate: () => [] })
  alice.refresh()
  alice.permit(sim.peer(BOB))

  t.same(alice.errors, [])
  t.end()
})

t.test('the answer to a Refresh is signed and says what is in force [TURN-REF-03]', t => {
  const alice = new Sim().client(ALICE)
  alice.allocate()

  alice.refresh(1234)

  const answer = parse(alice.raw.at(-1)!) as Message
  t.equal(get(answer, LIFETIME), 1234)
  t.end()
})

function restSim(config: { strictExpiry?: boolean } = {}): Sim {
  const secret = { tenant: 'example.org', secret: SECRET, algorithm: 'sha1' as const, paused: false }
  return new Sim({ config, authenticate: sharedSecrets([secret], { grace: 60 as Seconds }) })
}
