import t from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import { ICMP, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { get, type Message, Method, parse } from '../../../src/wire/message.ts'
import { minutes, Sim } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

for (const [family, at, passed] of [
  [4, '198.51.100.7:40000', [3, 11]],
  [6, '[2001:db8::b0b]:40000', [1, 2, 3]],
] as const) {
  t.test(`of all ICMP errors over IPv${family} only types ${passed} reach the client [TURN-ICMP-01]`, t => {
    const { sim, alice } = scene(family)
    const bob = sim.peer(at)
    alice.permit(bob)

    for (let type = 0; type < 256; type++) sim.unreachable(alice.relayed, bob.address, { type, code: 0 })

    t.same(
      alice.events.flatMap(event => (event.kind === 'icmp' ? [event.type] : [])),
      passed,
    )
    t.end()
  })
}

t.test(
  'P-18: the client gets a Data indication with XOR-PEER-ADDRESS and ICMP, without DATA [TURN-ICMP-03]',
  t => {
    const { sim, alice } = scene(4)
    const bob = sim.peer('198.51.100.7:40000')
    alice.permit(bob)

    sim.unreachable(alice.relayed, bob.address, { type: 3, code: 3 })

    const message = parse(alice.raw.at(-1)!) as Message
    t.match(message, { class: 'indication', method: Method.Data })
    t.same(
      message.attributes.map(attribute => attribute.type),
      [XOR_PEER_ADDRESS.type, ICMP.type],
    )
    t.equal(formatAddress(get(message, XOR_PEER_ADDRESS)!), formatAddress(bob.address))
    t.same(get(message, ICMP), { type: 3, code: 3, data: 0 })
    t.end()
  },
)

t.test('it comes as an indication also where the peer has a channel [TURN-ICMP-03]', t => {
  const { sim, alice } = scene(4)
  const bob = sim.peer('198.51.100.7:40000')
  alice.bind(0x4001, bob)

  sim.unreachable(alice.relayed, bob.address, { type: 3, code: 3 })

  t.match(alice.events.at(-1), { kind: 'icmp', type: 3, code: 3 })
  t.end()
})

for (const [family, at, type, code, data] of [
  [4, '198.51.100.7:40000', 3, 4, 1280],
  [4, '198.51.100.7:40000', 3, 3, 0],
  [4, '198.51.100.7:40000', 11, 0, 0],
  [4, '198.51.100.7:40000', 11, 4, 0],
  [6, '[2001:db8::b0b]:40000', 2, 0, 1280],
  [6, '[2001:db8::b0b]:40000', 1, 4, 0],
  [6, '[2001:db8::b0b]:40000', 3, 4, 0],
] as const) {
  t.test(
    `error data of ICMPv${family} type ${type} code ${code} is ${data === 0 ? 'zero' : 'the MTU'} [TURN-ICMP-04]`,
    t => {
      const { sim, alice } = scene(family)
      const bob = sim.peer(at)
      alice.permit(bob)

      sim.unreachable(alice.relayed, bob.address, { type, code, data: 1280 })

      t.match(alice.events.at(-1), { kind: 'icmp', type, code, data })
      t.end()
    },
  )
}

t.test('what counts is the permission for where the datagram went [TURN-ICMP-02]', t => {
  const { sim, alice } = scene(4)
  const bob = sim.peer('198.51.100.7:40000')
  const stranger = sim.peer('198.51.100.8:40000')
  alice.permit(bob)

  sim.unreachable(alice.relayed, stranger.address, { type: 3, code: 3 })
  t.notOk(alice.events.some(event => event.kind === 'icmp'))

  sim.unreachable(alice.relayed, { ...bob.address, port: 1 }, { type: 3, code: 3 })
  t.ok(alice.events.some(event => event.kind === 'icmp'))
  t.end()
})

t.test('it reaches the client whose relayed address sent the datagram [TURN-ICMP-02]', t => {
  const { sim, alice } = scene(4)
  const carol = sim.client('192.0.2.11:50000')
  const bob = sim.peer('198.51.100.7:40000')
  carol.allocate()
  alice.permit(bob)
  carol.permit(bob)

  sim.unreachable(carol.relayed, bob.address, { type: 3, code: 3 })

  t.match(carol.events.at(-1), { kind: 'icmp' })
  t.notOk(alice.events.some(event => event.kind === 'icmp'))
  t.end()
})

t.test('after the permission has ended nothing is reported [TURN-ICMP-02]', t => {
  const { sim, alice } = scene(4)
  const bob = sim.peer('198.51.100.7:40000')
  alice.permit(bob)
  sim.advance(minutes(5))

  sim.unreachable(alice.relayed, bob.address, { type: 3, code: 3 })

  t.notOk(alice.events.some(event => event.kind === 'icmp'))
  t.end()
})

t.test('a dead peer ends nothing [TURN-ICMP-05]', t => {
  const { sim, alice } = scene(4)
  const bob = sim.peer('198.51.100.7:40000')
  alice.bind(0x4001, bob)

  for (let i = 0; i < 100; i++) sim.unreachable(alice.relayed, bob.address, { type: 3, code: 3 })
  alice.send(0x4001, 'still there?')
  bob.send(alice.relayed, 'yes')

  t.same([bob.inbox, alice.inbox], [['still there?'], ['yes']])
  t.equal(sim.allocations, 1)
  t.end()
})

function scene(family: 4 | 6): { sim: Sim; alice: SimClient } {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate({ family })
  return { sim, alice }
}
