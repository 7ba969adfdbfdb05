import t from 'tap'
import { EVEN_PORT, LIFETIME, REQUESTED_TRANSPORT, RESERVATION_TOKEN } from '../../../src/wire/attributes.ts'
import { get, has, Method } from '../../../src/wire/message.ts'
import { rawAttribute } from '../../sim/craft.ts'
import { Sim, seconds } from '../../sim/sim.ts'
import { codeOf, type SimClient } from '../../sim/sim-client.ts'

const ALICE = '192.0.2.10:50000'
const SECOND = '192.0.2.10:50001'

t.test('EVEN-PORT without R: an even port, whose odd neighbour stays free [TURN-RES-01]', t => {
  const sim = new Sim({ ports: [50_000, 50_001] })
  const alice = sim.client(ALICE)
  const bob = sim.client(SECOND)

  const event = alice.allocate({ port: 'even' })
  bob.allocate()

  t.match(event, { kind: 'allocated', reservation: undefined })
  t.equal(alice.relayed.port, 50_000)
  t.equal(bob.relayed.port, 50_001)
  t.end()
})

t.test('EVEN-PORT with R: an even port, the next one reserved, a token of eight octets [TURN-RES-02]', t => {
  const sim = new Sim({ ports: [50_000, 50_001] })
  const alice = sim.client(ALICE)
  const greedy = sim.client('192.0.2.66:50000')

  const token = reserve(alice)
  greedy.allocate()

  t.equal(alice.relayed.port, 50_000)
  t.equal(token.length, 8)
  t.same(greedy.errors, [508], 'the reserved port is nobody else’s')
  t.end()
})

t.test(
  'a reservation holds for 30 s, not touched by what happens meanwhile [TURN-RES-03, TURN-RES-04]',
  t => {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const second = sim.client(SECOND)
    const token = reserve(alice)
    const { port } = alice.relayed
    alice.release()

    sim.advance(seconds(30) - 1)
    second.allocate({ reservation: token })

    t.same(second.errors, [])
    t.equal(second.relayed.port, port + 1)
    t.end()
  },
)

t.test('a reservation that nobody used goes back after 30 s [TURN-RES-03, TURN-ALLOC-07]', t => {
  const sim = new Sim({ ports: [50_000, 50_001] })
  const alice = sim.client(ALICE)
  const second = sim.client(SECOND)
  const token = reserve(alice)

  sim.advance(seconds(30))
  second.allocate({ reservation: token })
  second.allocate()

  t.same(second.errors, [508])
  t.equal(second.relayed.port, 50_001)
  t.match(sim.told('unreserved'), [{ owner: { user: '@alice:example.org' } }])
  t.end()
})

t.test('a token is good once [TURN-RES-04, TURN-ALLOC-07]', t => {
  const sim = new Sim()
  const token = reserve(sim.client(ALICE))
  const second = sim.client(SECOND)
  const third = sim.client('192.0.2.10:50002')

  second.allocate({ reservation: token })
  third.allocate({ reservation: token })

  t.same(second.errors, [])
  t.same(third.errors, [508])
  t.end()
})

for (const [how, at, via] of [
  ['another address', '192.0.2.99:50000', 'udp'],
  ['another family', '[2001:db8::99]:50000', 'udp'],
  ['TCP', '192.0.2.10:50001', 'tcp'],
  ['TLS', '192.0.2.10:50001', 'tls'],
] as const) {
  t.test(`a token is good over ${how} [TURN-RES-04]`, t => {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const token = reserve(alice)
    const other = sim.client(at, { via })
    const bob = sim.peer('198.51.100.7:40000')

    other.allocate({ reservation: token })
    other.permit(bob)
    bob.send(other.relayed, 'hello')

    t.equal(other.relayed.port, alice.relayed.port + 1)
    t.same(other.inbox, ['hello'])
    t.end()
  })
}

t.test('a token is good at another listener [TURN-RES-04]', t => {
  const sim = new Sim()
  const server = sim.listen('203.0.113.2:3479')
  const token = reserve(sim.client(ALICE))
  const second = sim.client(SECOND, { server })

  t.match(second.allocate({ reservation: token }), { kind: 'allocated' })
  t.end()
})

t.test('an answer to a token gives no token [TURN-RES-02]', t => {
  const sim = new Sim()
  const token = reserve(sim.client(ALICE))
  const second = sim.client(SECOND)

  const answer = second.ask(Method.Allocate, {
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(RESERVATION_TOKEN, token),
  })!

  t.equal(codeOf(answer), 0)
  t.notOk(has(answer, RESERVATION_TOKEN))
  t.end()
})

t.test('tokens do not repeat, and a wrong one costs nothing [TURN-RES-05]', t => {
  const sim = new Sim()
  const tokens = Array.from({ length: 50 }, (_, i) =>
    reserve(sim.client(`192.0.2.${i + 1}:50000`)).toString('hex'),
  )
  const sizes = sim.relay.sizes()
  const mallory = sim.client('192.0.2.66:40000')

  for (let i = 0; i < 8; i++) {
    const guess = Buffer.from(tokens[0]!, 'hex')
    guess[i]! ^= 1
    mallory.allocate({ reservation: guess })
  }

  t.equal(new Set(tokens).size, 50)
  t.same(mallory.errors, new Array(8).fill(508))
  t.same(sim.relay.sizes(), sizes)
  t.end()
})

t.test('reserving and releasing leaves as many free ports as before, however it goes [TURN-RES-06]', t => {
  const sim = new Sim({ ports: [50_000, 50_009], allocationsPerUser: 100 })
  const alice = sim.client(ALICE)
  const second = sim.client(SECOND)
  const before = sim.relay.sizes()

  for (let cycle = 0; cycle < 400; cycle++) {
    const event = alice.allocate({ port: cycle % 2 === 0 ? 'pair' : 'even' })
    const token = event.kind === 'allocated' ? event.reservation : undefined
    if (token && cycle % 4 === 0) {
      second.allocate({ reservation: token })
      second.release()
    }
    alice.release()
    if (token && cycle % 4 === 2) sim.advance(seconds(31))
  }
  sim.advance(seconds(41))

  t.same([...alice.errors, ...second.errors], [])
  t.same(sim.world.relaySockets(), [])
  t.same(sim.relay.sizes(), before)
  t.equal(sim.world.held.size, 0)
  t.end()
})

t.test('the reserved bits of EVEN-PORT are not looked at [TURN-RES-07]', t => {
  const sim = new Sim()
  for (const [octet, reserved] of [
    [0x7f, false],
    [0xff, true],
  ] as const) {
    const client = sim.client(`192.0.2.${octet}:50000`)
    const answer = client.ask(Method.Allocate, {
      fields: writer =>
        writer.set(REQUESTED_TRANSPORT, 17).set(rawAttribute(EVEN_PORT.type), Buffer.of(octet)),
    })!
    t.equal(codeOf(answer), 0)
    t.equal(has(answer, RESERVATION_TOKEN), reserved)
  }
  t.end()
})

t.test('a reserved port counts against its user’s quota until it is used or given back [TURN-RES-08]', t => {
  const sim = new Sim({ allocationsPerUser: 2 })
  const alice = sim.client(ALICE)
  const second = sim.client(SECOND)
  const token = reserve(alice)

  second.allocate()
  t.same(second.errors, [486])
  t.match(second.allocate({ reservation: token }), { kind: 'allocated' })

  second.release()
  t.match(second.allocate(), { kind: 'allocated' })
  t.end()
})

t.test('a pair that the quota has no room for is refused whole [TURN-RES-08]', t => {
  const sim = new Sim({ allocationsPerUser: 1 })
  const alice = sim.client(ALICE)

  alice.allocate({ port: 'pair' })

  t.same(alice.errors, [486])
  t.same(sim.world.relaySockets(), [])
  t.match(alice.allocate({ port: 'even' }), { kind: 'allocated' })
  t.end()
})

t.test(
  'a token in the hands of a user without room is refused, and its port goes back [TURN-RES-06, TURN-RES-08]',
  t => {
    const sim = new Sim({ allocationsPerUser: 2, ports: [50_000, 50_003] })
    const alice = sim.client(ALICE)
    const token = reserve(alice)
    const carol = { user: '@carol:example.org' }
    const [c1, c2, c3] = [1, 2, 3].map(i => sim.client(`192.0.2.${100 + i}:50000`, carol))
    c1!.allocate()
    c2!.allocate()

    c3!.allocate({ reservation: token })
    for (const client of [alice, c1!, c2!]) client.release()
    sim.advance(seconds(41))

    t.same(c3!.errors, [486])
    t.same(sim.world.relaySockets(), [])
    t.equal(sim.world.held.size, 0)
    t.equal(sim.relay.sizes().reservations, 0)
    t.end()
  },
)

t.test('the lifetime of a reserved allocation is its own', t => {
  const sim = new Sim()
  const token = reserve(sim.client(ALICE))
  const second = sim.client(SECOND)
  sim.advance(seconds(29))

  const answer = second.ask(Method.Allocate, {
    fields: writer =>
      writer
        .set(REQUESTED_TRANSPORT, 17)
        .set(RESERVATION_TOKEN, token)
        .set(LIFETIME, 777 as never),
  })!

  t.equal(get(answer, LIFETIME), 777)
  sim.advance(seconds(700))
  t.match(second.refresh(), { kind: 'refreshed' })
  t.end()
})

function reserve(client: SimClient): Buffer {
  const event = client.allocate({ port: 'pair' })
  if (event.kind !== 'allocated' || !event.reservation) throw new Error('no reservation')
  return event.reservation
}

t.test('P-08: a token of another shard is the world’s to settle; without shards it is refused at once', t => {
  const asked: number[] = []
  const mayReserve = (token: Uint8Array) => {
    asked.push(token[7]!)
    return token[7] === 1
  }
  const siblings = {
    wire: () => undefined,
    relayed: () => undefined,
    mayReserve,
    mayHold: () => false,
    chargePeers: () => true,
  }
  const sim = new Sim({ environment: { siblings } })
  const alice = sim.client(ALICE)

  alice.allocate({ reservation: Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]) })
  t.equal(sim.world.settled, 1, 'the world has no such port')
  alice.allocate({ reservation: Buffer.from([0, 0, 0, 0, 0, 0, 0, 2]) })

  t.equal(sim.world.settled, 1, 'nor was it asked')
  t.same(alice.errors, [508, 508])
  t.same(asked, [1, 2])
  t.match(alice.allocate(), { kind: 'allocated' })
  t.end()
})
