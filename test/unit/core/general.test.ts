import t from 'tap'
import type { Seconds } from '../../../src/base/time.ts'
import { PACKET_OVERHEAD } from '../../../src/limits/meters.ts'
import {
  CHANNEL_NUMBER,
  DATA,
  LIFETIME,
  REQUESTED_TRANSPORT,
  SOFTWARE,
  UNKNOWN_ATTRIBUTES,
  XOR_PEER_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { writeChannelData } from '../../../src/wire/channel.ts'
import { get, has, type Message, Method, parse } from '../../../src/wire/message.ts'
import { rawAttribute } from '../../sim/craft.ts'
import { Sim, seconds } from '../../sim/sim.ts'
import { codeOf } from '../../sim/sim-client.ts'

const ALICE = '192.0.2.10:50000'
const BOB = '198.51.100.7:40000'

for (const via of ['udp', 'tcp', 'tls'] as const) {
  t.test(`a client over ${via} sends and receives by channel and by indication [TURN-GEN-01]`, t => {
    const sim = new Sim()
    const bob = sim.peer(BOB)
    const carol = sim.peer('198.51.100.8:40000')
    const alice = sim.client(ALICE, { via })

    alice.allocate()
    alice.bind(0x4001, bob)
    alice.permit(carol)
    alice.send(0x4001, 'to bob')
    alice.send(carol, 'to carol')
    bob.send(alice.relayed, 'from bob')
    carol.send(alice.relayed, 'from carol')

    t.same([bob.inbox, carol.inbox, alice.inbox], [['to bob'], ['to carol'], ['from bob', 'from carol']])
    t.end()
  })
}

t.test('another server address is another allocation [TURN-GEN-03]', t => {
  const sim = new Sim()
  const other = sim.listen('203.0.113.2:3478')
  const here = sim.client(ALICE)
  here.allocate()
  const relayed = here.relayed
  here.refresh()

  const there = sim.client(ALICE, { server: other })
  there.allocate()

  t.same(there.errors, [])
  t.not(there.relayed.port, relayed.port)
  t.equal(sim.allocations, 2)
  t.end()
})

t.test('the same address over TCP is another allocation [TURN-GEN-03]', t => {
  const sim = new Sim()
  const udp = sim.client(ALICE)
  const tcp = sim.client(ALICE, { via: 'tcp' })

  udp.allocate()
  tcp.allocate()
  udp.release()

  t.equal(sim.allocations, 1)
  t.match(tcp.refresh(), { kind: 'refreshed' })
  t.end()
})

for (const method of [Method.Refresh, Method.CreatePermission, Method.ChannelBind]) {
  t.test(`method ${method} without an allocation is answered 437 [TURN-GEN-04, TURN-ERR-437]`, t => {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)

    const code = alice.code(method, {
      fields: writer => writer.set(XOR_PEER_ADDRESS, bob.address).set(CHANNEL_NUMBER, 0x4001),
    })

    t.equal(code, 437)
    t.end()
  })
}

t.test('indications and ChannelData without an allocation are met with silence [TURN-GEN-05]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)

  alice.send(bob, 'hello')
  alice.send(0x4001, 'hello')

  t.same(alice.raw, [])
  t.same(bob.inbox, [])
  t.equal(sim.counters.read('dropNoAllocation'), 2)
  t.end()
})

t.test(
  'another user’s allocation is answered 441 and stays as it was [TURN-GEN-06, TURN-REF-08, TURN-ERR-441, SEC-53]',
  t => {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)
    sim.register('@mallory:example.org', 'password')
    alice.allocate()
    const mallory = { username: '@mallory:example.org', password: 'password' }

    const codes = [
      alice.code(Method.Refresh, { ...mallory, fields: writer => writer.set(LIFETIME, 0 as Seconds) }),
      alice.code(Method.CreatePermission, {
        ...mallory,
        fields: writer => writer.set(XOR_PEER_ADDRESS, bob.address),
      }),
      alice.code(Method.ChannelBind, {
        ...mallory,
        fields: writer => writer.set(CHANNEL_NUMBER, 0x4001).set(XOR_PEER_ADDRESS, bob.address),
      }),
    ]
    bob.send(alice.relayed, 'hello')

    t.same(codes, [441, 441, 441])
    t.same(alice.inbox, [])
    t.match(alice.refresh(), { kind: 'refreshed', lifetime: 600 })
    t.end()
  },
)

t.test('an Allocate sent again gets the same answer and allocates once [TURN-GEN-07]', t => {
  const sim = new Sim({ allocationsPerUser: 1 })
  const alice = sim.client(ALICE)
  const request = alice.craft(Method.Allocate, {
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17),
  })

  alice.sendRaw(request)
  sim.advance(seconds(7))
  alice.sendRaw(request)
  alice.sendRaw(request)

  const [first, ...rest] = alice.raw.slice(1)
  t.equal(codeOf(parse(first!) as Message), 0)
  t.same(rest, [first, first])
  t.equal(sim.world.claims.length, 1)
  t.equal(sim.allocations, 1)
  t.end()
})

t.test('an Allocate sent again while its port is being bound is answered once [TURN-GEN-07]', t => {
  const sim = new Sim({ openDelay: 100 })
  const alice = sim.client(ALICE)
  const request = alice.craft(Method.Allocate, {
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17),
  })

  alice.sendRaw(request)
  alice.sendRaw(request)
  sim.advance(100)

  t.equal(sim.world.claims.length, 1)
  t.equal(alice.raw.length, 2)
  t.equal(sim.allocations, 1)
  t.end()
})

t.test('a reservation’s token is the same in a repeated answer [TURN-GEN-07]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const request = alice.craft(Method.Allocate, {
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(rawAttribute(0x0018), Buffer.of(0x80)),
  })

  alice.sendRaw(request)
  alice.sendRaw(request)

  t.same(alice.raw[1], alice.raw[2])
  t.equal(sim.relay.sizes().reservations, 1)
  t.end()
})

t.test('a new Allocate on a live 5-tuple is answered 437 [TURN-GEN-08, TURN-ERR-437]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate()
  const relayed = alice.relayed

  alice.allocate()

  t.same(alice.errors, [437])
  t.same(alice.relayed, relayed)
  t.end()
})

t.test('a release sent again within 40 s gets the same answer [TURN-GEN-09]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate()
  const release = alice.craft(Method.Refresh, { fields: writer => writer.set(LIFETIME, 0 as Seconds) })

  const first = alice.exchange(release)
  sim.advance(seconds(39))
  const second = alice.exchange(release)
  sim.advance(seconds(2))
  const late = alice.exchange(release)

  t.equal(codeOf(first), 0)
  t.same(second?.bytes, first?.bytes)
  t.equal(codeOf(late), 437)
  t.end()
})

t.test('a release that was overtaken by a new allocation does not end that one [TURN-GEN-09]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate()
  const release = alice.craft(Method.Refresh, { fields: writer => writer.set(LIFETIME, 0 as Seconds) })
  alice.exchange(release)
  alice.ask(Method.Allocate, { fields: writer => writer.set(REQUESTED_TRANSPORT, 17) })

  const again = alice.exchange(release)

  t.equal(codeOf(again), 0)
  t.equal(sim.allocations, 1)
  t.end()
})

t.test('any other request sent again does no harm [TURN-GEN-09]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)
  alice.allocate()
  const requests = [
    alice.craft(Method.CreatePermission, { fields: writer => writer.set(XOR_PEER_ADDRESS, bob.address) }),
    alice.craft(Method.ChannelBind, {
      fields: writer => writer.set(CHANNEL_NUMBER, 0x4001).set(XOR_PEER_ADDRESS, bob.address),
    }),
    alice.craft(Method.Refresh),
  ]

  for (const request of requests) {
    const first = alice.exchange(request)
    sim.advance(seconds(30))
    const second = alice.exchange(request)
    t.equal(codeOf(first), 0)
    t.equal(codeOf(second), 0)
    t.same(second?.bytes, first?.bytes)
  }
  t.equal(sim.relay.sizes().allocations, 1)
  t.end()
})

t.test(
  'SOFTWARE is in Allocate and Refresh answers where the operator wants it, and off by default [TURN-GEN-10, TURN-SEC-06, STUN-ATTR-21]',
  t => {
    for (const software of [undefined, 'taciturn']) {
      const sim = new Sim(software === undefined ? {} : { config: { software } })
      const alice = sim.client(ALICE)
      alice.binding()
      alice.allocate()
      alice.refresh()
      for (const bytes of alice.raw) {
        const message = parse(bytes) as Message
        if (message.class === 'success') t.equal(get(message, SOFTWARE), software)
        else t.notOk(has(message, SOFTWARE))
      }
    }
    t.end()
  },
)

for (const forwarder of ['table', 'none'] as const) {
  t.test(`what is above a user’s bandwidth is dropped, not queued (${forwarder}) [TURN-GEN-11]`, t => {
    const sim = new Sim({ forwarder, limits: { bytesPerSecondPerUser: 10 * (1000 + PACKET_OVERHEAD) } })
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)
    alice.allocate()
    alice.bind(0x4001, bob)

    for (let i = 0; i < 20; i++) alice.send(0x4001, Buffer.alloc(1000))
    const burst = bob.datagrams.length
    sim.advance(seconds(10))
    const queued = bob.datagrams.length - burst
    for (let i = 0; i < 20; i++) bob.send(alice.relayed, Buffer.alloc(1000))

    t.equal(burst, 10)
    t.equal(queued, 0)
    t.equal(alice.received.length, 10)
    t.equal(sim.counters.read('dropRate'), 20)
    t.end()
  })

  t.test(`two allocations of one user share the bandwidth (${forwarder}) [TURN-GEN-11]`, t => {
    const sim = new Sim({ forwarder, limits: { bytesPerSecondPerUser: 10 * (1000 + PACKET_OVERHEAD) } })
    const bob = sim.peer(BOB)
    const first = sim.client(ALICE)
    const second = sim.client('192.0.2.10:50001')
    const other = sim.client('192.0.2.12:50000', { user: '@carol:example.org' })
    for (const client of [first, second, other]) {
      client.allocate()
      client.bind(0x4001, bob)
    }

    for (let i = 0; i < 10; i++)
      for (const client of [first, second, other]) client.send(0x4001, Buffer.alloc(1000))

    const from = (port: number) => bob.datagrams.filter(datagram => datagram.from.port === port).length
    t.equal(from(first.relayed.port) + from(second.relayed.port), 10)
    t.equal(from(other.relayed.port), 10)
    t.end()
  })
}

for (const via of ['tcp', 'tls'] as const) {
  t.test(`when a ${via} client hangs up its allocation ends at once [TURN-GEN-14]`, t => {
    const sim = new Sim()
    const alice = sim.client(ALICE, { via })
    alice.allocate()
    const relayed = alice.relayed

    alice.hangUp()

    t.equal(sim.allocations, 0)
    t.equal(sim.world.socketAt(relayed), undefined)
    t.match(sim.told('closed'), [{ reason: 'hangup' }])
    t.end()
  })

  t.test(
    `a ${via} client that hangs up while its port is being bound leaves nothing [TURN-GEN-14, TURN-ALLOC-25]`,
    t => {
      for (const port of ['any', 'pair'] as const) {
        const sim = new Sim({ openDelay: 100 })
        const alice = sim.client(ALICE, { via })
        alice.exchange(alice.craft(Method.Allocate, { sign: 'none' }))
        const even = Buffer.of(port === 'pair' ? 0x80 : 0)
        alice.sendRaw(
          alice.craft(Method.Allocate, {
            fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(rawAttribute(0x0018), even),
          }),
        )

        alice.hangUp()
        sim.advance(seconds(1))

        t.equal(sim.world.claims.length, 1)
        t.equal(sim.allocations, 0)
        t.same(sim.world.relaySockets(), [])
        t.equal(sim.world.held.size, 0, 'no unit of the quota is left')
      }
      t.end()
    },
  )
}

t.test('unknown comprehension-optional attributes are passed over [STUN-ATTR-05]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)
  const unknown = rawAttribute(0xfffe)

  t.equal(alice.code(Method.Binding, { fields: writer => writer.set(unknown, Buffer.alloc(5)) }), 0)
  t.equal(
    alice.code(Method.Allocate, {
      fields: writer => writer.set(unknown, Buffer.alloc(5)).set(REQUESTED_TRANSPORT, 17),
    }),
    0,
  )
  alice.permit(bob)
  alice.sendRaw(
    alice.craft(Method.Send, {
      class: 'indication',
      fields: writer =>
        writer
          .set(unknown, Buffer.alloc(5))
          .set(XOR_PEER_ADDRESS, bob.address)
          .set(DATA, Buffer.from('hello')),
    }),
  )
  t.same(bob.inbox, ['hello'])
  t.end()
})

t.test(
  'unknown comprehension-required attributes are answered 420, each listed [STUN-ATTR-06, STUN-ATTR-07, TURN-ERR-420]',
  t => {
    for (const method of [
      Method.Binding,
      Method.Allocate,
      Method.Refresh,
      Method.CreatePermission,
      Method.ChannelBind,
    ]) {
      const alice = new Sim().client(ALICE)

      const answer = alice.ask(method, {
        fields: writer => {
          for (const type of [0x7fff, 0x0005, 0x7fff, 0x0042]) writer.set(rawAttribute(type), Buffer.alloc(8))
        },
      })!

      t.equal(codeOf(answer), 420)
      t.same(
        [...get(answer, UNKNOWN_ATTRIBUTES)!].sort((a, b) => a - b),
        [0x0005, 0x0042, 0x7fff],
      )
    }
    t.end()
  },
)

t.test('extensions that are not offered are unknown: 420 [STUN-ATTR-06]', t => {
  const alice = new Sim().client(ALICE)

  for (const type of [0x0003, 0x001b, 0x0026, 0x0027, 0x002a]) {
    const answer = alice.ask(Method.Allocate, {
      fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(rawAttribute(type), Buffer.alloc(4)),
    })!
    t.equal(codeOf(answer), 420)
    t.same(get(answer, UNKNOWN_ATTRIBUTES), [type])
  }
  t.end()
})

t.test('an indication with an unknown comprehension-required attribute is dropped [STUN-ATTR-08]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)
  alice.allocate()
  alice.bind(0x4001, bob)
  const answers = alice.raw.length

  alice.sendRaw(
    alice.craft(Method.Send, {
      class: 'indication',
      fields: writer =>
        writer
          .set(XOR_PEER_ADDRESS, bob.address)
          .set(DATA, Buffer.from('hello'))
          .set(rawAttribute(0x7fff), Buffer.alloc(4)),
    }),
  )

  t.same(bob.inbox, [])
  t.equal(alice.raw.length, answers)
  t.equal(sim.counters.read('dropUnknownAttribute'), 1)
  t.end()
})

t.test('what means nothing in a request is passed over [STUN-ATTR-09]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)

  const code = alice.code(Method.Allocate, {
    fields: writer =>
      writer
        .set(REQUESTED_TRANSPORT, 17)
        .set(XOR_PEER_ADDRESS, bob.address)
        .set(CHANNEL_NUMBER, 0x4001)
        .set(XOR_RELAYED_ADDRESS, bob.address)
        .set(DATA, Buffer.from('hello')),
  })

  t.equal(code, 0)
  t.same(bob.inbox, [])
  t.end()
})

t.test(
  'LIFETIME 0 behind the integrity does not end an allocation [STUN-ATTR-11, STUN-ATTR-12, SEC-18, SEC-56]',
  t => {
    for (const sign of ['sha1', 'sha256', 'both'] as const) {
      const sim = new Sim()
      const alice = sim.client(ALICE)
      alice.allocate()

      const answer = alice.ask(Method.Refresh, { sign, after: [[LIFETIME.type, Buffer.alloc(4)]] })!

      t.equal(codeOf(answer), 0, sign)
      t.equal(get(answer, LIFETIME), 600)
      t.equal(sim.allocations, 1)
    }
    t.end()
  },
)

t.test('what stands behind the integrity is not listed as unknown [STUN-ATTR-13]', t => {
  for (const sign of ['sha1', 'sha256'] as const) {
    const alice = new Sim().client(ALICE)
    alice.allocate()

    const covered = alice.code(Method.Refresh, { sign, after: [[0x7fff, Buffer.alloc(4)]] })
    const answer = alice.ask(Method.Refresh, {
      sign,
      fields: writer => writer.set(rawAttribute(0x0042), Buffer.alloc(4)),
      after: [[0x7fff, Buffer.alloc(4)]],
    })!

    t.equal(covered, 0)
    t.same(get(answer, UNKNOWN_ATTRIBUTES), [0x0042])
  }
  t.end()
})

t.test(
  'an attribute of fixed size that has another is 400 in a request and a drop in an indication [STUN-ATTR-23]',
  t => {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const bob = sim.peer(BOB)
    for (const [type, right] of [
      [0x000c, 4],
      [0x000d, 4],
      [0x0017, 4],
      [0x0018, 1],
      [0x0019, 4],
      [0x001a, 0],
      [0x0022, 8],
      [0x8000, 4],
    ] as const) {
      for (const length of [0, 1, 3, 4, 5, 8, 12].filter(one => one !== right)) {
        const code = alice.code(Method.Allocate, {
          fields: writer => writer.set(rawAttribute(type), Buffer.alloc(length)).set(REQUESTED_TRANSPORT, 17),
        })
        t.equal(code, 400, `0x${type.toString(16)} of ${length} octets`)
      }
    }
    t.equal(sim.allocations, 0)

    alice.allocate()
    alice.permit(bob)
    alice.sendRaw(
      alice.craft(Method.Send, {
        class: 'indication',
        fields: writer =>
          writer
            .set(XOR_PEER_ADDRESS, bob.address)
            .set(DATA, Buffer.from('hello'))
            .set(rawAttribute(0x000d), Buffer.alloc(3)),
      }),
    )
    t.same(bob.inbox, [])
    t.end()
  },
)

t.test('a USERNAME that is too long is refused, never cut [STUN-ATTR-19]', t => {
  const sim = new Sim()
  const longest = 'x'.repeat(763)
  const alice = sim.client(ALICE, { username: longest, algorithms: 'ignore' })
  alice.allocate()
  t.same(alice.errors, [])

  const cut = sim.client('192.0.2.10:50001', { username: longest })
  const answer = cut.ask(Method.Allocate, {
    username: null,
    fields: writer =>
      writer.set(REQUESTED_TRANSPORT, 17).set(rawAttribute(0x0006), Buffer.from(`${longest}x`)),
  })
  t.equal(codeOf(answer), 400)
  t.end()
})

t.test('a truncated attribute spoils the whole message [STUN-ATTR-01]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bytes = alice.craft(Method.Binding, {
    fields: writer => writer.set(rawAttribute(0x0006), Buffer.alloc(8)),
  })
  bytes.writeUInt16BE(12, 22)

  alice.sendRaw(bytes)

  t.same(alice.raw, [])
  t.equal(sim.counters.read('dropMalformed'), 1)
  t.end()
})

t.test('ChannelData and STUN of one client may come in one batch, in any order', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)
  alice.allocate()
  const bind = alice.craft(Method.ChannelBind, {
    fields: writer => writer.set(CHANNEL_NUMBER, 0x4001).set(XOR_PEER_ADDRESS, bob.address),
  })
  const data = writeChannelData(0x4001 as never, Buffer.from('hello'))

  alice.post(bind)
  alice.post(data)
  sim.settle()

  t.same(bob.inbox, ['hello'])
  t.end()
})

t.test('what is sent to a socket that its own batch closed is harmless', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer(BOB)
  alice.allocate()
  alice.bind(0x4001, bob)
  const { relayed } = alice

  alice.post(alice.craft(Method.Refresh, { fields: writer => writer.set(LIFETIME, 0 as Seconds) }))
  sim.net.send(bob.address, relayed, Buffer.from('late'))
  alice.post(writeChannelData(0x4001 as never, Buffer.from('late')))
  sim.settle()

  t.equal(sim.allocations, 0)
  t.match(alice.refresh(), { kind: 'rejected', code: 437 })
  t.end()
})
