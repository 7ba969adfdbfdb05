import t, { type Test } from 'tap'
import { type Address, formatAddress, parseAddress } from '../../../src/base/address.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import { compilePeers } from '../../../src/policy/peer-policy.ts'
import { SERVER } from '../../sim/places.ts'
import { minutes, Sim, type SimOptions } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import { isRelayIp, RELAY_IP } from '../../sim/sim-world.ts'

/**
 * Two clients that both insist on TURN meet on one server: each one's peer is
 * the other's relayed address. The server may stand behind a NAT that does not
 * hairpin, and its own addresses are denied as peers.
 */
interface Scene {
  readonly sim: Sim
  readonly alice: SimClient
  readonly carol: SimClient
}

for (const forwarder of ['table', 'none'] as const) {
  const test = (
    name: string,
    body: (t: Test, scene: Scene) => void,
    options: SimOptions = {},
    allocated: readonly ('alice' | 'carol')[] = ['alice', 'carol'],
  ) =>
    t.test(`${name} (${forwarder})`, t => {
      body(t, scene({ ...options, forwarder }, allocated))
      t.end()
    })

  for (const [how, meet] of [
    ['channels', (one: SimClient, other: SimClient) => one.bind(0x4001, other)],
    ['indications', (one: SimClient, other: SimClient) => one.permit(other)],
  ] as const) {
    test(`relay to relay works by ${how}, both ways, without touching the network`, (t, {
      sim,
      alice,
      carol,
    }) => {
      meet(alice, carol)
      meet(carol, alice)

      for (let i = 0; i < 5; i++) {
        say(alice, carol, how, `to carol ${i}`)
        say(carol, alice, how, `to alice ${i}`)
      }

      t.same(
        carol.inbox,
        [0, 1, 2, 3, 4].map(i => `to carol ${i}`),
      )
      t.same(
        alice.inbox,
        [0, 1, 2, 3, 4].map(i => `to alice ${i}`),
      )
      t.equal(formatAddress(carol.received[0]!.peer), formatAddress(alice.relayed))
      t.equal(carol.received[0]!.channel, how === 'channels' ? 0x4001 : undefined)
      t.same(sim.world.toPeers, [])
      t.equal(sim.world.hairpins, 0)
    })

    test(`relay to relay by ${how} wants the permission of both`, (t, { alice, carol }) => {
      meet(alice, carol)
      for (let i = 0; i < 3; i++) say(alice, carol, how, 'not yet')
      t.same(carol.inbox, [])

      meet(carol, alice)
      for (let i = 0; i < 3; i++) say(alice, carol, how, 'now')
      t.same(carol.inbox, ['now', 'now', 'now'])
    })

    const ends = how === 'channels' ? 'P-06: does not end' : 'ends'
    test(`relay to relay by ${how} ${ends} with the receiver’s permission`, (t, { sim, alice, carol }) => {
      meet(alice, carol)
      meet(carol, alice)
      say(alice, carol, how, 'first')
      sim.advance(minutes(4))
      meet(alice, carol)
      say(alice, carol, how, 'in time')
      sim.advance(minutes(1))
      say(alice, carol, how, 'late')
      say(carol, alice, how, 'to alice')

      // Both have a channel, which admits the other for ten minutes.
      t.same(carol.inbox, how === 'channels' ? ['first', 'in time', 'late'] : ['first', 'in time'])
      t.same(alice.inbox, how === 'channels' ? ['to alice'] : [])
    })

    test(`relay to relay by ${how} ends with the receiver’s allocation`, (t, { sim, alice, carol }) => {
      meet(alice, carol)
      meet(carol, alice)
      say(alice, carol, how, 'first')
      const gone = carol.relayed
      carol.release()

      for (let i = 0; i < 3; i++) {
        if (how === 'channels') alice.send(0x4001, 'late')
        else alice.send(gone, 'late')
      }

      t.same(carol.inbox, ['first'])
      t.same(sim.world.toPeers, [])
      t.equal(sim.world.hairpins, 0)
    })

    test(
      `whoever has the relayed address next has not what the last one permitted (${how})`,
      (t, { sim, alice, carol }) => {
        meet(alice, carol)
        meet(carol, alice)
        say(alice, carol, how, 'first')
        const { port } = carol.relayed
        carol.release()
        const dave = sim.client('192.0.2.14:50000', { user: '@dave:example.org' })
        dave.allocate()
        t.equal(dave.relayed.port, port, 'the very same')

        say(alice, dave, how, 'for carol')
        t.same(dave.inbox, [])

        meet(dave, alice)
        for (let i = 0; i < 3; i++) say(alice, dave, how, 'for dave')
        t.same(dave.inbox, ['for dave', 'for dave', 'for dave'])
      },
      { ports: [50_000, 50_001] },
    )
  }

  test('what was for a relayed address that is gone does not reach whoever has its socket next', (t, {
    sim,
    alice,
    carol,
  }) => {
    alice.bind(0x4001, carol)
    carol.bind(0x4001, alice)
    alice.send(0x4001, 'for carol')
    const { port } = carol.relayed
    carol.release()
    sim.settle()
    const dave = sim.client('192.0.2.14:50000', { user: '@dave:example.org' })
    dave.allocate()
    dave.bind(0x4001, alice)
    t.not(dave.relayed.port, port)

    for (let i = 0; i < 3; i++) alice.send(0x4001, 'for carol')

    t.same(carol.inbox, ['for carol'])
    t.same(dave.inbox, [])
  })

  test(
    'a relayed address that comes to be while a channel is bound to it is found inside the process',
    (t, { sim, alice }) => {
      const other = alice.relayed.port === 50_000 ? 50_001 : 50_000
      const address = parseAddress(`${RELAY_IP[4]}:${other}`)!
      alice.bind(0x4001, address)
      alice.send(0x4001, 'to nobody')
      const erin = sim.client('192.0.2.15:50000')
      erin.allocate()
      erin.permit(alice)
      for (let i = 0; i < 3; i++) {
        alice.bind(0x4001, address)
        alice.send(0x4001, 'to erin')
      }

      t.equal(erin.relayed.port, other)
      t.same(erin.inbox, ['to erin', 'to erin', 'to erin'])
      t.equal(sim.world.hairpins, 1, 'while it was nobody’s')
    },
    { ports: [50_000, 50_001], reach: () => 'yes' },
    ['alice'],
  )

  test('one may bind a channel and the other send indications', (t, { alice, carol }) => {
    alice.bind(0x4001, carol)
    carol.permit(alice)
    for (let i = 0; i < 3; i++) {
      alice.send(0x4001, 'to carol')
      carol.send(alice, 'to alice')
    }

    t.same([carol.inbox, alice.inbox], [new Array(3).fill('to carol'), new Array(3).fill('to alice')])
    t.equal(carol.received[0]!.channel, undefined)
    t.equal(alice.received[0]!.channel, 0x4001)
  })

  test('what is relayed in the process counts for both', (t, { sim, alice, carol }) => {
    alice.bind(0x4001, carol)
    carol.bind(0x4001, alice)
    for (let i = 0; i < 4; i++) alice.send(0x4001, 'hello')
    carol.send(0x4001, 'hi')
    alice.release()
    carol.release()

    t.match(sim.told('closed'), [
      { traffic: { toPeer: { packets: 4, bytes: 20 }, toClient: { packets: 1, bytes: 2 } } },
      { traffic: { toPeer: { packets: 1, bytes: 2 }, toClient: { packets: 4, bytes: 20 } } },
    ])
  })

  test('a relayed address that nobody has is not looked for on the network', (t, { sim, alice, carol }) => {
    alice.permit(carol)
    const nobody = parseAddress(`${RELAY_IP[4]}:1024`)!
    for (let i = 0; i < 3; i++) alice.send(nobody, 'hello')
    alice.bind(0x4002, nobody)
    alice.send(0x4002, 'hello')

    t.same(sim.world.toPeers, [])
  })

  test('what comes from the network in the name of a relayed address is not believed', (t, {
    sim,
    alice,
    carol,
  }) => {
    alice.bind(0x4001, carol)
    carol.bind(0x4001, alice)
    sim.net.send(carol.relayed, alice.relayed, Buffer.from('forged'))
    sim.settle()

    t.same(alice.inbox, [])
  })

  test('who sends to his own relayed address gets it once, and all is quiet again [TURN-SEC-03]', (t, {
    sim,
    alice,
  }) => {
    alice.bind(0x4001, alice)
    alice.send(0x4001, 'echo')
    sim.advance(minutes(1))

    t.same(alice.inbox, ['echo'])
    t.same(sim.world.toPeers, [])
  })

  test('two relays bound to each other come to rest [TURN-SEC-03]', (t, { sim, alice, carol }) => {
    alice.bind(0x4001, carol)
    carol.bind(0x4001, alice)
    alice.send(0x4001, 'one')
    sim.advance(minutes(1))

    t.same([alice.inbox, carol.inbox], [[], ['one']])
    t.equal(sim.net.underWay, 0)
  })

  t.test(
    `the server’s own listener is no peer, so no relay can be its client (${forwarder}) [TURN-SEC-03, ABU-09]`,
    t => {
      const relayed = [parseAddress(`${RELAY_IP[4]}:1`)!.ip, parseAddress(`[${RELAY_IP[6]}]:1`)!.ip]
      const reach = compilePeers({
        deny: [],
        allow: [],
        only: [],
        recommended: true,
        isOwn: ip => relayed.some(one => Buffer.compare(one, ip) === 0),
        relays: relayed.map(ip => ({ local: ip, public: ip })),
        endpoints: [SERVER[4], SERVER[6]],
      })
      const { sim, alice } = scene({ forwarder, reach })
      const answers = alice.raw.length

      alice.permit(SERVER[4])
      alice.bind(0x4001, SERVER[4])
      alice.send(SERVER[4], alice.craft(1))
      alice.send(0x4001, alice.craft(1))

      t.same(
        alice.errors,
        [403],
        'the IP address may be permitted for its relayed addresses, the port not bound',
      )
      t.same(sim.world.toPeers, [])
      t.equal(alice.raw.length, answers + 2)
      t.end()
    },
  )

  t.test(`a relayed address that the policy denies is neither reached nor heard (${forwarder})`, t => {
    const denied = new Set<number>()
    const reach = (peer: Address) => (denied.has(peer.port) ? 'no' : isRelayIp(peer) ? 'local' : 'yes')
    const { alice, carol } = scene({ forwarder, reach })
    denied.add(alice.relayed.port)
    alice.bind(0x4001, carol)
    // A permission is for an IP address, whatever the ports.
    carol.permit(alice)
    for (let i = 0; i < 3; i++) {
      carol.send(alice, 'to alice')
      alice.send(carol, 'to carol')
      alice.send(0x4001, 'to carol')
    }

    t.same(alice.errors.concat(carol.errors), [])
    t.same(alice.inbox, [])
    t.same(carol.inbox, [])
    t.end()
  })

  test('relay to relay over IPv6', (t, { sim }) => {
    const [one, two] = ['[2001:db8::10]:1', '[2001:db8::11]:1'].map(at => sim.client(at))
    one!.allocate({ family: 6 })
    two!.allocate({ family: 6 })
    one!.bind(0x4001, two!)
    two!.permit(one!)
    for (let i = 0; i < 3; i++) {
      one!.send(0x4001, 'by channel')
      two!.send(one!, 'by indication')
    }

    t.same([one!.inbox, two!.inbox], [new Array(3).fill('by indication'), new Array(3).fill('by channel')])
    t.equal(sim.world.hairpins, 0)
  })

  test('a stream client and a UDP client meet', (t, { sim, alice }) => {
    const erin = sim.client('192.0.2.15:50000', { via: 'tls' })
    erin.allocate()
    alice.bind(0x4001, erin)
    erin.bind(0x4002, alice)
    for (let i = 0; i < 3; i++) {
      alice.send(0x4001, 'to erin')
      erin.send(0x4002, 'to alice')
    }

    t.same([erin.inbox, alice.inbox], [new Array(3).fill('to erin'), new Array(3).fill('to alice')])
  })

  test('a dual allocation meets each family where it is', (t, { sim, carol }) => {
    const both = sim.client('192.0.2.16:50000')
    const six = sim.client('[2001:db8::16]:50000')
    both.allocate({ dual: true })
    six.allocate({ family: 6 })
    both.bind(0x4001, carol)
    both.bind(0x4002, six)
    carol.permit(both.turn.relayed[0]!)
    six.permit(both.turn.relayed[1]!)
    for (let i = 0; i < 3; i++) {
      both.send(0x4001, 'to carol')
      both.send(0x4002, 'to six')
    }

    t.same([carol.inbox, six.inbox], [new Array(3).fill('to carol'), new Array(3).fill('to six')])
  })

  test(
    'the sender’s and the receiver’s bandwidth both count',
    (t, { sim }) => {
      const [one, two] = ['@one:example.org', '@two:example.org'].map((user, i) =>
        sim.client(`192.0.2.${20 + i}:50000`, { user }),
      )
      one!.allocate()
      two!.allocate()
      one!.bind(0x4001, two!)
      two!.bind(0x4001, one!)
      for (let i = 0; i < 20; i++) one!.send(0x4001, Buffer.alloc(1000))

      t.equal(two!.inbox.length, 10)
      t.equal(one!.inbox.length, 0)
    },
    { limits: { bytesPerSecondPerUser: 10 * (1000 + PACKET_OVERHEAD) } },
  )
}

/** Alice and carol, with an allocation each unless said otherwise. */
function scene(
  options: SimOptions = {},
  allocated: readonly ('alice' | 'carol')[] = ['alice', 'carol'],
): Scene {
  const sim = new Sim(options)
  const alice = sim.client('192.0.2.10:50000')
  const carol = sim.client('192.0.2.13:50000', { user: '@carol:example.org' })
  if (allocated.includes('alice')) alice.allocate({ lifetime: 3600 })
  if (allocated.includes('carol')) carol.allocate({ lifetime: 3600 })
  return { sim, alice, carol }
}

function say(from: SimClient, to: SimClient, how: 'channels' | 'indications', text: string): void {
  if (how === 'channels') from.send(0x4001, text)
  else from.send(to, text)
}
