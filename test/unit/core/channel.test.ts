import t, { type Test } from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import type { Seconds } from '../../../src/base/time.ts'
import { CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { Method } from '../../../src/wire/message.ts'
import { rawAttribute } from '../../sim/craft.ts'
import { minutes, Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'

interface Scene {
  readonly sim: Sim
  readonly alice: SimClient
  readonly bob: SimPeer
}

for (const forwarder of ['table', 'none'] as const) {
  const test = (name: string, body: (t: Test, scene: Scene) => void, options: SimOptions = {}) =>
    t.test(`${forwarder}: ${name}`, t => {
      body(t, scene({ ...options, forwarder }))
      t.end()
    })

  test('a channel relays for ten minutes, and not a second more [TURN-CHAN-07]', (t, { sim, alice, bob }) => {
    alice.bind(0x4001, bob)

    sim.advance(minutes(10) - 1000)
    alice.send(0x4001, 'in time')
    sim.advance(1000)
    alice.send(0x4001, 'late')

    t.same(bob.inbox, ['in time'])
  })

  test('ChannelBind again renews a binding [TURN-CHAN-06, TURN-CHAN-07]', (t, { sim, alice, bob }) => {
    alice.bind(0x4001, bob)
    sim.advance(minutes(9))
    alice.bind(0x4001, bob)
    sim.advance(minutes(9))
    alice.send(0x4001, 'after 18')
    sim.advance(minutes(1))
    alice.send(0x4001, 'after 19')

    t.same(alice.errors, [])
    t.same(bob.inbox, ['after 18'])
  })

  test('ChannelBind gives the peer a permission, for five minutes [TURN-CHAN-08]', (t, {
    sim,
    alice,
    bob,
  }) => {
    const elsewhere = sim.peer('198.51.100.7:1')
    alice.bind(0x4001, bob)

    elsewhere.send(alice.relayed, 'in time')
    sim.advance(minutes(5))
    elsewhere.send(alice.relayed, 'late')

    t.same(alice.inbox, ['in time'])
  })

  test('ChannelData renews neither binding nor permission [TURN-CHAN-09]', (t, { sim, alice, bob }) => {
    const elsewhere = sim.peer('198.51.100.7:1')
    alice.bind(0x4001, bob)
    for (let second = 0; second < 620; second++) {
      if (second === 550) alice.refresh()
      alice.send(0x4001, `${second}`)
      bob.send(alice.relayed, 'from bob')
      elsewhere.send(alice.relayed, 'from elsewhere')
      sim.advance(seconds(1))
    }

    t.equal(bob.inbox.length, 600)
    t.equal(alice.inbox.filter(text => text === 'from bob').length, 600)
    t.equal(alice.inbox.filter(text => text === 'from elsewhere').length, 300)
  })

  test('P-06: a channel lets its peer in for as long as it is bound, and nobody else of that host [TURN-CHAN-18, TURN-PERM-11]', (t, {
    sim,
    alice,
    bob,
  }) => {
    const elsewhere = sim.peer('198.51.100.7:40001')
    alice.bind(0x4001, bob)
    sim.advance(minutes(5))
    alice.refresh()
    bob.send(alice.relayed, 'after 5')
    elsewhere.send(alice.relayed, 'after 5')
    alice.send(0x4001, 'after 5')
    alice.send(bob, 'after 5 as well')
    alice.send(elsewhere, 'after 5')
    sim.advance(minutes(5) - 1)
    bob.send(alice.relayed, 'before 10')
    alice.send(0x4001, 'before 10')
    t.ok(alice.received.every(({ channel }) => channel === 0x4001))
    sim.advance(1)
    bob.send(alice.relayed, 'after 10')
    alice.send(0x4001, 'after 10')
    alice.send(bob, 'after 10')

    t.same(alice.inbox, ['after 5', 'before 10'])
    t.same(bob.inbox, ['after 5', 'after 5 as well', 'before 10'])
    t.same(elsewhere.inbox, [])
  })

  test('P-06: an ICMP error from a bound peer is told of for as long as it is bound', (t, {
    sim,
    alice,
    bob,
  }) => {
    alice.bind(0x4001, bob)
    sim.advance(minutes(5))
    alice.refresh()
    sim.unreachable(alice.relayed, bob.address, { type: 3, code: 3 })
    sim.advance(minutes(5))
    sim.unreachable(alice.relayed, bob.address, { type: 3, code: 3 })

    t.equal(alice.events.filter(({ kind }) => kind === 'icmp').length, 1)
  })

  test('P-06: a channel that is bound again at the last moment loses nothing, before and after', (t, {
    sim,
    alice,
    bob,
  }) => {
    alice.bind(0x4001, bob)
    for (let round = 0; round < 3; round++) {
      sim.advance(minutes(10) - 2)
      bob.send(alice.relayed, `last ${round}`)
      alice.send(0x4001, `last ${round}`)
      alice.bind(0x4001, bob)
      alice.refresh(3600)
      sim.advance(1)
      bob.send(alice.relayed, `first ${round}`)
      alice.send(0x4001, `first ${round}`)
    }

    const said = [0, 1, 2].flatMap(round => [`last ${round}`, `first ${round}`])
    t.same([alice.inbox, bob.inbox], [said, said])
    t.ok(alice.received.every(({ channel }) => channel === 0x4001))
  })

  test('P-06: a policy that comes to deny a bound peer stops it, whatever its channel admits', (t, {
    sim,
    alice,
    bob,
  }) => {
    alice.bind(0x4001, bob)
    sim.advance(minutes(5))
    alice.refresh()
    bob.send(alice.relayed, 'before')
    sim.configure({}, { reach: peer => (peer.key === bob.address.key ? 'no' : 'yes') })
    sim.settle()
    bob.send(alice.relayed, 'after')
    alice.send(0x4001, 'after')

    t.same([alice.inbox, bob.inbox], [['before'], []])
  })

  test('P-06: when a channel ends before a permission, the peer is heard in indications', (t, {
    sim,
    alice,
    bob,
  }) => {
    alice.bind(0x4001, bob)
    sim.advance(minutes(8))
    alice.permit(bob)
    alice.refresh()
    sim.advance(minutes(2))
    bob.send(alice.relayed, 'by permission')
    alice.send(0x4001, 'over what is no channel')
    alice.bind(0x4002, bob)
    bob.send(alice.relayed, 'over the new channel')

    t.same(
      alice.received.map(({ channel }) => channel),
      [undefined, 0x4002],
    )
    t.same(bob.inbox, [])
  })

  test('a number is free for another peer when its binding has ended [TURN-CHAN-10]', (t, {
    sim,
    alice,
    bob,
  }) => {
    const carol = sim.peer('198.51.100.8:40000')
    alice.bind(0x4001, bob)
    sim.advance(minutes(10))

    alice.bind(0x4001, carol)
    alice.bind(0x4002, bob)
    alice.send(0x4001, 'to carol')
    alice.send(0x4002, 'to bob')

    t.same(alice.errors, [])
    t.same([bob.inbox, carol.inbox], [['to bob'], ['to carol']])
  })

  test('number and peer mean nothing to other allocations [TURN-CHAN-14]', (t, { sim, alice, bob }) => {
    const second = sim.client('192.0.2.10:50001')
    const carol = sim.peer('198.51.100.8:40000')
    second.allocate()
    alice.bind(0x4001, bob)
    second.bind(0x4001, carol)
    second.bind(0x4002, bob)

    alice.send(0x4001, 'alice to bob')
    second.send(0x4001, 'second to carol')
    second.send(0x4002, 'second to bob')
    alice.send(0x4002, 'alice to nobody')

    t.same(bob.inbox, ['alice to bob', 'second to bob'])
    t.same(carol.inbox, ['second to carol'])
  })

  test('the end of an allocation frees its channels [TURN-CHAN-16]', (t, { sim, alice, bob }) => {
    const carol = sim.peer('198.51.100.8:40000')
    alice.bind(0x4001, bob)
    alice.release()
    alice.allocate()

    alice.bind(0x4001, carol)
    alice.send(0x4001, 'hello')

    t.same(alice.errors, [])
    t.same([bob.inbox, carol.inbox], [[], ['hello']])
    t.equal(sim.relay.sizes().peers, 1)
  })

  test('an unbound number is dropped [TURN-CD-05]', (t, { sim, alice, bob }) => {
    alice.bind(0x4001, bob)
    alice.send(0x4002, 'hello')
    alice.send(0x4fff, 'hello')
    t.same(bob.inbox, [])
    t.equal(sim.counters.read('dropNoChannel'), 2)
  })

  test('numbers from 0x5000 are met with silence [TURN-CD-01]', (t, { sim, alice, bob }) => {
    alice.bind(0x4001, bob)
    const answers = alice.raw.length
    for (let first = 0x50; first < 0x100; first++) {
      alice.sendRaw(Buffer.concat([Buffer.of(first, 0, 0, 5), Buffer.from('hello')]))
    }
    t.same(sim.world.toPeers, [])
    t.equal(alice.raw.length, answers)
  })

  test('a datagram shorter than it says is dropped [TURN-CD-02]', (t, { alice, bob }) => {
    alice.bind(0x4001, bob)
    alice.sendRaw(Buffer.from('4001', 'hex'))
    alice.sendRaw(Buffer.from('400100', 'hex'))
    alice.sendRaw(Buffer.from('40010001', 'hex'))
    alice.sendRaw(Buffer.concat([Buffer.from('40010006', 'hex'), Buffer.from('hello')]))
    alice.sendRaw(Buffer.concat([Buffer.from('4001ffff', 'hex'), Buffer.alloc(65_000)]))
    t.same(bob.datagrams, [])
  })

  test('over UDP padding may be there or not, and what is more is passed over [TURN-CD-03]', (t, {
    alice,
    bob,
  }) => {
    alice.bind(0x4001, bob)
    for (const more of [0, 1, 2, 3, 4, 100]) {
      alice.sendRaw(
        Buffer.concat([Buffer.from('40010005', 'hex'), Buffer.from('hello'), Buffer.alloc(more, 0xff)]),
      )
    }
    t.same(bob.inbox, new Array(6).fill('hello'))
  })

  test('length 0 is an empty datagram, both ways [TURN-CD-06, TURN-DATA-03]', (t, { alice, bob }) => {
    alice.bind(0x4001, bob)
    alice.send(0x4001, '')
    bob.send(alice.relayed, '')
    t.same([bob.inbox, alice.inbox], [[''], ['']])
    t.equal(alice.raw.at(-1)?.toString('hex'), '40010000')
  })

  test('the payload leaves the relayed address for the bound peer, exactly [TURN-CD-07]', (t, {
    alice,
    bob,
  }) => {
    alice.bind(0x4001, bob)
    for (const length of [1, 2, 3, 4, 5, 172, 1200, 1500, 9000, 65_000]) {
      alice.send(0x4001, Buffer.alloc(length, length & 255))
      const last = bob.datagrams.at(-1)!
      t.same(last.bytes, Buffer.alloc(length, length & 255))
      t.equal(formatAddress(last.from), formatAddress(alice.relayed))
    }
  })

  test('any size from the peer arrives with the right number and length [TURN-CD-08, TURN-CD-09]', (t, {
    alice,
    bob,
  }) => {
    alice.bind(0x4abc, bob)
    for (const length of [0, 1, 2, 3, 4, 5, 7, 1199, 1200, 1500, 9000, 65_507]) {
      bob.send(alice.relayed, Buffer.alloc(length, 0xab))
      const frame = alice.raw.at(-1)!
      t.equal(frame.readUInt16BE(0), 0x4abc)
      t.equal(frame.readUInt16BE(2), length)
      t.same(frame.subarray(4), Buffer.alloc(length, 0xab))
    }
  })

  for (const via of ['tcp', 'tls'] as const) {
    t.test(
      `over ${via} ChannelData is padded with zeros that its length leaves out (${forwarder}) [TURN-CD-04]`,
      t => {
        const sim = new Sim({ forwarder })
        const bob = sim.peer('198.51.100.7:40000')
        const alice = sim.client('192.0.2.10:50000', { via })
        alice.allocate()
        alice.bind(0x4001, bob)

        for (let length = 0; length < 9; length++) {
          alice.send(0x4001, Buffer.alloc(length, 0xff))
          bob.send(alice.relayed, Buffer.alloc(length, 0xff))
          const frame = alice.raw.at(-1)!
          t.equal(frame.length, 4 + ((length + 3) & ~3))
          t.equal(frame.readUInt16BE(2), length)
          t.same(frame.subarray(4 + length), Buffer.alloc(-length & 3))
          t.equal(bob.datagrams.at(-1)?.bytes.length, length)
        }
        t.end()
      },
    )
  }
}

t.test('without CHANNEL-NUMBER or XOR-PEER-ADDRESS: 400 [TURN-CHAN-01]', t => {
  const { alice, bob } = scene()

  t.equal(alice.code(Method.ChannelBind), 400)
  t.equal(alice.code(Method.ChannelBind, { fields: writer => writer.set(CHANNEL_NUMBER, 0x4001) }), 400)
  t.equal(
    alice.code(Method.ChannelBind, { fields: writer => writer.set(XOR_PEER_ADDRESS, bob.address) }),
    400,
  )
  t.end()
})

for (const [number, plain, legacy] of [
  [0x0000, 400, 400],
  [0x3fff, 400, 400],
  [0x4000, 0, 0],
  [0x4fff, 0, 0],
  [0x5000, 400, 0],
  [0x7ffe, 400, 0],
  [0x7fff, 400, 400],
  [0x8000, 400, 400],
  [0xffff, 400, 400],
] as const) {
  t.test(
    `channel number 0x${number.toString(16)}: ${plain}, with legacy numbers ${legacy} [TURN-CHAN-02, TURN-CHAN-03]`,
    t => {
      for (const legacyChannelNumbers of [false, true]) {
        const { alice, bob } = scene({ config: { legacyChannelNumbers } })

        const code = alice.code(Method.ChannelBind, {
          fields: writer => writer.set(CHANNEL_NUMBER, number).set(XOR_PEER_ADDRESS, bob.address),
        })
        alice.send(number, 'hello')

        t.equal(code, legacyChannelNumbers ? legacy : plain)
        t.same(bob.inbox, code === 0 ? ['hello'] : [])
      }
      t.end()
    },
  )
}

t.test('a legacy number relays from the peer too [TURN-CHAN-03]', t => {
  for (const forwarder of ['table', 'none'] as const) {
    const { alice, bob } = scene({ forwarder, config: { legacyChannelNumbers: true } })
    alice.bind(0x7ffe, bob)

    bob.send(alice.relayed, 'hello')

    t.match(alice.received, [{ channel: 0x7ffe }])
  }
  t.end()
})

t.test('a number that is bound to another peer: 400, and the binding stays [TURN-CHAN-04]', t => {
  const { sim, alice, bob } = scene()
  const carol = sim.peer('198.51.100.8:40000')
  const samePlace = sim.peer('198.51.100.7:40001')
  alice.bind(0x4001, bob)

  alice.bind(0x4001, carol)
  alice.bind(0x4001, samePlace)
  alice.send(0x4001, 'hello')

  t.same(alice.errors, [400, 400])
  t.same([bob.inbox, carol.inbox, samePlace.inbox], [['hello'], [], []])
  carol.send(alice.relayed, 'hello')
  t.same(alice.inbox, [], 'and carol has no permission')
  t.end()
})

t.test('a peer that is bound to another number: 400, and the binding stays [TURN-CHAN-05]', t => {
  const { alice, bob } = scene()
  alice.bind(0x4001, bob)

  alice.bind(0x4002, bob)
  bob.send(alice.relayed, 'hello')

  t.same(alice.errors, [400])
  t.match(alice.received, [{ channel: 0x4001 }])
  t.end()
})

t.test('two ports of one host may have two channels [TURN-CHAN-05]', t => {
  const { sim, alice, bob } = scene()
  const other = sim.peer('198.51.100.7:40001')

  alice.bind(0x4001, bob)
  alice.bind(0x4002, other)
  other.send(alice.relayed, 'hello')

  t.same(alice.errors, [])
  t.match(alice.received, [{ channel: 0x4002 }])
  t.end()
})

t.test('a peer of another family: 443 [TURN-CHAN-11, TURN-ERR-443]', t => {
  const { sim, alice } = scene()

  alice.bind(0x4001, sim.peer('[2001:db8::b0b]:40000'))

  t.same(alice.errors, [443])
  t.end()
})

t.test('a denied peer: 403, and neither channel nor permission [TURN-CHAN-12, TURN-ERR-403]', t => {
  const { sim, alice, bob } = scene()
  const denied = sim.peer('10.0.0.1:40000')

  alice.bind(0x4001, denied)
  alice.send(0x4001, 'hello')
  alice.send(denied, 'hello')
  denied.send(alice.relayed, 'hello')
  alice.bind(0x4001, bob)

  t.same(alice.errors, [403], 'and the number is free')
  t.same([denied.inbox, alice.inbox], [[], []])
  t.end()
})

t.test('no room for a channel: 508, and renewing needs no room [TURN-CHAN-13, TURN-ERR-508, SEC-36]', t => {
  const { sim, alice, bob } = scene({ limits: { channelsPerAllocation: 1 } })
  const carol = sim.peer('198.51.100.8:40000')

  alice.bind(0x4001, bob)
  alice.bind(0x4002, carol)
  alice.bind(0x4001, bob)

  t.same(alice.errors, [508])
  carol.send(alice.relayed, 'hello')
  t.same(alice.inbox, [], 'what was refused permits nobody')
  t.end()
})

t.test('a channel that has lapsed makes room for another at once [TURN-CHAN-10, TURN-CHAN-13]', t => {
  const { sim, alice, bob } = scene({ limits: { channelsPerAllocation: 1 } })
  sim.advance(300)
  alice.bind(0x4001, bob)
  sim.advance(minutes(10))

  alice.bind(0x4002, sim.peer('198.51.100.8:40000'))

  t.same(alice.errors, [])
  t.end()
})

t.test('the reserved octets of CHANNEL-NUMBER are not looked at [TURN-CHAN-15]', t => {
  const { alice, bob } = scene()

  const code = alice.code(Method.ChannelBind, {
    fields: writer =>
      writer
        .set(rawAttribute(CHANNEL_NUMBER.type), Buffer.of(0x40, 0x01, 0xff, 0xff))
        .set(XOR_PEER_ADDRESS, bob.address),
  })

  t.equal(code, 0)
  t.end()
})

t.test('port 0 is nobody’s: 400 [TURN-CHAN-17]', t => {
  const { sim, alice } = scene()

  alice.bind(0x4001, sim.peer('198.51.100.7:0'))

  t.same(alice.errors, [400])
  t.end()
})

t.test('a bound channel is told of with its peer', t => {
  const { sim, alice, bob } = scene()

  alice.bind(0x4001, bob)

  t.match(sim.told('bound'), [{ channel: 0x4001, peer: bob.address }])
  t.end()
})

t.test('a channel of one half of a dual allocation ends with that half [TURN-CHAN-16, TURN-REF-05]', t => {
  for (const forwarder of ['table', 'none'] as const) {
    const sim = new Sim({ forwarder })
    const alice = sim.client('192.0.2.10:50000')
    const bob = sim.peer('198.51.100.7:40000')
    alice.allocate({ dual: true })
    alice.bind(0x4001, bob)

    alice.ask(Method.Refresh, {
      fields: writer => writer.set(LIFETIME, 0 as Seconds).set(rawAttribute(0x0017), Buffer.of(1, 0, 0, 0)),
    })
    alice.send(0x4001, 'late')

    t.same(bob.inbox, [])
    t.match(alice.bind(0x4001, sim.peer('[2001:db8::b0b]:40000')), { kind: 'bound' })
  }
  t.end()
})

/** Alice with an IPv4 allocation, and bob. */
function scene(options: SimOptions = {}): Scene {
  const sim = new Sim(options)
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate({ lifetime: 3600 })
  return { sim, alice, bob }
}
