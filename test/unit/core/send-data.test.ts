import t, { type Test } from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import { DATA, DONT_FRAGMENT, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { get, type Message, type MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { rawAttribute } from '../../sim/craft.ts'
import { Sim, type SimOptions } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'

const HELLO = Buffer.from('hello')

for (const forwarder of ['table', 'none'] as const) {
  const test = (name: string, body: (t: Test, scene: Scene) => void) =>
    t.test(`${forwarder}: ${name}`, t => {
      body(t, scene({ forwarder }))
      t.end()
    })

  test('a Send indication without XOR-PEER-ADDRESS is dropped [TURN-SEND-01]', (t, { alice, bob }) => {
    alice.permit(bob)
    indicate(alice, writer => writer.set(DATA, HELLO))
    t.same(bob.inbox, [])
  })

  test('a Send indication without DATA is dropped [TURN-SEND-01]', (t, { alice, bob }) => {
    alice.permit(bob)
    indicate(alice, writer => writer.set(XOR_PEER_ADDRESS, bob.address))
    t.same(bob.inbox, [])
  })

  test('a malformed XOR-PEER-ADDRESS is dropped, whatever stands beside it [TURN-SEND-01]', (t, {
    alice,
    bob,
  }) => {
    alice.permit(bob)
    for (const octets of [0, 4, 7, 9, 12, 19, 20]) {
      indicate(alice, writer =>
        writer.set(rawAttribute(XOR_PEER_ADDRESS.type), Buffer.alloc(octets)).set(DATA, HELLO),
      )
    }
    t.same(bob.inbox, [])
  })

  test('without a permission it is dropped, and none is made [TURN-SEND-02]', (t, { sim, alice, bob }) => {
    alice.send(bob, 'hello')
    bob.send(alice.relayed, 'hello')
    t.same([alice.inbox, bob.inbox], [[], []])
    t.equal(sim.counters.read('dropNoPermission'), 2)
  })

  test('the payload leaves the relayed address without padding [TURN-SEND-03]', (t, { alice, bob }) => {
    alice.permit(bob)
    for (let length = 1; length <= 9; length++) alice.send(bob, Buffer.alloc(length, length))
    t.same(
      bob.datagrams.map(datagram => datagram.bytes),
      Array.from({ length: 9 }, (_, i) => Buffer.alloc(i + 1, i + 1)),
    )
    t.same(
      new Set(bob.datagrams.map(datagram => formatAddress(datagram.from))),
      new Set([formatAddress(alice.relayed)]),
    )
  })

  test('empty DATA is an empty datagram, and an empty datagram empty DATA [TURN-SEND-04, TURN-DATA-03]', (t, {
    alice,
    bob,
  }) => {
    alice.permit(bob)
    for (let i = 0; i < 3; i++) {
      alice.send(bob, Buffer.alloc(0))
      bob.send(alice.relayed, Buffer.alloc(0))
    }
    t.same(bob.inbox, ['', '', ''])
    t.same(alice.inbox, ['', '', ''])
  })

  test('of two XOR-PEER-ADDRESS the first counts [TURN-SEND-07, STUN-ATTR-04]', (t, { sim, alice, bob }) => {
    const carol = sim.peer('198.51.100.8:40000')
    alice.permit(bob, carol)
    for (let i = 0; i < 3; i++) {
      indicate(alice, writer =>
        writer.set(XOR_PEER_ADDRESS, bob.address).set(XOR_PEER_ADDRESS, carol.address).set(DATA, HELLO),
      )
    }
    t.same(bob.inbox, ['hello', 'hello', 'hello'])
    t.same(carol.inbox, [])
  })

  test('of two DATA the first counts [STUN-ATTR-04]', (t, { alice, bob }) => {
    alice.permit(bob)
    for (let i = 0; i < 3; i++) {
      indicate(alice, writer =>
        writer.set(XOR_PEER_ADDRESS, bob.address).set(DATA, HELLO).set(DATA, Buffer.from('other')),
      )
    }
    t.same(bob.inbox, ['hello', 'hello', 'hello'])
  })

  test('the order of the attributes does not matter [TURN-SEND-03]', (t, { alice, bob }) => {
    alice.permit(bob)
    for (let i = 0; i < 3; i++)
      indicate(alice, writer => writer.set(DATA, HELLO).set(XOR_PEER_ADDRESS, bob.address))
    t.same(bob.inbox, ['hello', 'hello', 'hello'])
  })

  test('a peer of another family is dropped [TURN-SEND-08]', (t, { sim, alice, bob }) => {
    const six = sim.peer('[2001:db8::b0b]:40000')
    alice.permit(bob)
    alice.send(six, 'hello')
    t.same(six.inbox, [])
    t.equal(sim.counters.read('dropFamily'), 1)
  })

  test('port 0 is nobody’s [TURN-SEND-09]', (t, { sim, alice, bob }) => {
    const nobody = sim.peer('198.51.100.7:0')
    alice.permit(bob)
    for (let i = 0; i < 3; i++) alice.send(nobody, 'hello')
    t.same(nobody.inbox, [])
    t.same(sim.world.toPeers, [])
  })

  test('a permitted peer without channel arrives as a Data indication with its address and port [TURN-DATA-01]', (t, {
    alice,
    bob,
  }) => {
    alice.permit(bob)
    for (let i = 0; i < 3; i++) bob.send(alice.relayed, `hello ${i}`)
    for (const [i, bytes] of alice.raw.slice(-3).entries()) {
      const message = parse(bytes) as Message
      t.match(message, { class: 'indication', method: Method.Data })
      t.equal(formatAddress(get(message, XOR_PEER_ADDRESS)!), formatAddress(bob.address))
      t.equal(get(message, DATA)!.toString(), `hello ${i}`)
      t.same(message.attributes.map(attribute => attribute.type).sort(), [0x0012, 0x0013])
    }
  })

  test('the bound port arrives as ChannelData, another of the same host as Data indication [TURN-DATA-02, TURN-CD-08]', (t, {
    sim,
    alice,
    bob,
  }) => {
    const elsewhere = sim.peer('198.51.100.7:40001')
    alice.bind(0x4001, bob)
    for (let i = 0; i < 3; i++) {
      bob.send(alice.relayed, 'bound')
      elsewhere.send(alice.relayed, 'permitted')
    }
    t.same(
      alice.received.map(({ channel, bytes }) => [channel, bytes.toString()]),
      [1, 2, 3].flatMap(() => [
        [0x4001, 'bound'],
        [undefined, 'permitted'],
      ]),
    )
  })

  test('each Data indication has a transaction id of its own [TURN-DATA-04]', (t, { alice, bob }) => {
    alice.permit(bob)
    for (let i = 0; i < 50; i++) bob.send(alice.relayed, 'hello')
    const ids = alice.raw.slice(-50).map(bytes => (parse(bytes) as Message).transaction.toString('hex'))
    t.equal(new Set(ids).size, 50)
  })

  test('padding of a Data indication is zero whatever the slab held before [STUN-ATTR-02, SEC-05]', (t, {
    alice,
    bob,
  }) => {
    alice.permit(bob)
    for (let length = 0; length < 8; length++) bob.send(alice.relayed, Buffer.alloc(length, 0xff))
    for (const bytes of alice.raw.slice(-8)) {
      const message = parse(bytes) as Message
      const data = message.attributes.find(attribute => attribute.type === DATA.type)!
      const end = data.offset + 4 + data.value.length
      t.equal(bytes.length % 4, 0)
      const next =
        message.attributes.find(attribute => attribute.offset > data.offset)?.offset ?? bytes.length
      t.same(bytes.subarray(end, next), Buffer.alloc(next - end))
    }
  })

  test('the largest datagram that fits is relayed, and a larger one does no harm [TURN-DATA-05]', (t, {
    sim,
    alice,
    bob,
  }) => {
    alice.permit(bob)
    const fits = 65_507
    for (let i = 0; i < 2; i++) {
      bob.send(alice.relayed, Buffer.alloc(fits, i))
      alice.send(bob, Buffer.alloc(fits - 60, i))
    }
    t.equal(alice.received.length, 2)
    t.ok(alice.received.every(one => one.bytes.length === fits))
    t.same(
      bob.datagrams.map(datagram => datagram.bytes.length),
      [fits - 60, fits - 60],
    )
    t.equal(sim.allocations, 1)
  })

  test('an IPv6 peer is relayed by indication [TURN-DATA-01, TURN-SEND-03]', (t, { sim }) => {
    const alice = sim.client('[2001:db8::10]:50000')
    const bob = sim.peer('[2001:db8::b0b]:40000')
    alice.allocate({ family: 6 })
    alice.permit(bob)
    for (let i = 0; i < 3; i++) {
      alice.send(bob, `to ${i}`)
      bob.send(alice.relayed, `from ${i}`)
    }
    t.same(bob.inbox, ['to 0', 'to 1', 'to 2'])
    t.same(alice.inbox, ['from 0', 'from 1', 'from 2'])
    t.equal(formatAddress(alice.received[0]!.peer), formatAddress(bob.address))
  })

  test('an IPv6 client reaches IPv4 peers through an IPv4 relayed address [TURN-DATA-01, TURN-SEND-03]', (t, {
    sim,
    bob,
  }) => {
    const alice = sim.client('[2001:db8::10]:50000')
    alice.allocate({ family: 4 })
    alice.permit(bob)
    for (let i = 0; i < 3; i++) {
      alice.send(bob, `to ${i}`)
      bob.send(alice.relayed, `from ${i}`)
    }
    t.same(bob.inbox, ['to 0', 'to 1', 'to 2'])
    t.same(alice.inbox, ['from 0', 'from 1', 'from 2'])
  })
}

t.test('DONT-FRAGMENT where DF cannot be set: the indication is dropped [TURN-SEND-05]', t => {
  for (const forwarder of ['table', 'none'] as const) {
    const { alice, bob } = scene({ forwarder })
    alice.permit(bob)
    alice.send(bob, 'first')

    indicate(alice, writer =>
      writer.set(XOR_PEER_ADDRESS, bob.address).set(DONT_FRAGMENT, true).set(DATA, HELLO),
    )

    t.same(bob.inbox, ['first'])
  }
  t.end()
})

t.test('DONT-FRAGMENT where DF can be set: it is set on that datagram and no other [TURN-SEND-05]', t => {
  for (const forwarder of ['table', 'none'] as const) {
    const { sim, alice, bob } = scene({ forwarder, config: { dontFragment: true } })
    alice.permit(bob)

    alice.send(bob, 'first')
    indicate(alice, writer =>
      writer.set(XOR_PEER_ADDRESS, bob.address).set(DONT_FRAGMENT, true).set(DATA, HELLO),
    )
    alice.send(bob, 'last')

    t.same(bob.inbox, ['first', 'hello', 'last'])
    t.same(
      sim.world.toPeers.map(sent => sent.dontFragment),
      [false, true, false],
    )
  }
  t.end()
})

interface Scene {
  readonly sim: Sim
  readonly alice: SimClient
  readonly bob: SimPeer
}

/** Alice with an IPv4 allocation, and bob. */
function scene(options: SimOptions = {}): Scene {
  const sim = new Sim(options)
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate({ lifetime: 3600 })
  return { sim, alice, bob }
}

function indicate(alice: SimClient, fields: (writer: MessageWriter) => unknown): void {
  alice.sendRaw(
    alice.craft(Method.Send, {
      class: 'indication',
      fields: writer => {
        fields(writer)
      },
    }),
  )
}
