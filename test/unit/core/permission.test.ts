import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { CHANNEL_NUMBER, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { longTermKey, verify } from '../../../src/wire/integrity.ts'
import { type MessageWriter, Method } from '../../../src/wire/message.ts'
import { OFFERED, rawAttribute, SHA256 } from '../../sim/craft.ts'
import { REALM } from '../../sim/places.ts'
import { minutes, Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import { codeOf, type SimClient } from '../../sim/sim-client.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'

const ALICE = '192.0.2.10:50000'
const BOB = '198.51.100.7:40000'
const DENIED = '10.0.0.1:40000'

for (const forwarder of ['table', 'none'] as const) {
  t.test(`a permission lasts five minutes, and not a second more (${forwarder}) [TURN-PERM-01]`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    alice.permit(bob)

    sim.advance(minutes(5) - 1)
    bob.send(alice.relayed, 'in time')
    alice.send(bob, 'in time')
    sim.advance(1)
    bob.send(alice.relayed, 'late')
    alice.send(bob, 'late')

    t.same([alice.inbox, bob.inbox], [['in time'], ['in time']])
    t.end()
  })

  t.test(
    `CreatePermission and ChannelBind renew a permission from their own moment (${forwarder}) [TURN-PERM-01]`,
    t => {
      const { sim, alice, bob } = scene({ forwarder })
      const elsewhere = sim.peer('198.51.100.7:1')
      alice.permit(bob)
      sim.advance(minutes(4))
      alice.permit(bob)
      sim.advance(minutes(4))
      bob.send(alice.relayed, 'after 8')
      alice.bind(0x4001, bob)
      sim.advance(minutes(4))
      alice.refresh()
      elsewhere.send(alice.relayed, 'after 12')
      sim.advance(minutes(1))
      elsewhere.send(alice.relayed, 'after 13')

      t.same(alice.inbox, ['after 8', 'after 12'])
      t.end()
    },
  )

  t.test(`a permission is for an IP address, whatever the port (${forwarder}) [TURN-PERM-02]`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    const elsewhere = sim.peer('198.51.100.7:1')
    alice.permit(bob)

    elsewhere.send(alice.relayed, 'hello')
    alice.send(elsewhere, 'hello yourself')
    elsewhere.send(alice.relayed, 'again')

    t.same(alice.inbox, ['hello', 'again'])
    t.same(elsewhere.inbox, ['hello yourself'])
    t.end()
  })

  t.test(`a peer without permission is met with silence (${forwarder}) [TURN-PERM-03, TURN-SEC-04]`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    const stranger = sim.peer('198.51.100.8:40000')
    alice.bind(0x4001, bob)
    const answers = alice.raw.length

    stranger.send(alice.relayed, 'hello')

    t.equal(alice.raw.length, answers)
    t.same(stranger.datagrams, [])
    t.equal(sim.counters.read('dropNoPermission'), 1)
    t.end()
  })

  t.test(`a permission of one allocation opens no other (${forwarder}) [TURN-PERM-04]`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    const second = sim.client('192.0.2.10:50001')
    second.allocate()
    alice.permit(bob)
    alice.send(bob, 'hello')

    bob.send(second.relayed, 'hello')
    second.send(bob, 'hello from the second')

    t.same(second.inbox, [])
    t.same(bob.inbox, ['hello'])
    t.end()
  })

  t.test(`data in either direction renews nothing (${forwarder}) [TURN-PERM-10, TURN-PERM-11]`, t => {
    const { sim, alice, bob } = scene({ forwarder })
    alice.permit(bob)
    for (let second = 0; second < 310; second++) {
      alice.send(bob, `${second}`)
      bob.send(alice.relayed, `${second}`)
      sim.advance(seconds(1))
    }

    t.equal(bob.inbox.length, 300)
    t.equal(alice.inbox.length, 300)
    t.match(alice.refresh(), { kind: 'refreshed' })
    alice.permit(bob)
    bob.send(alice.relayed, 'again')
    t.equal(alice.inbox.at(-1), 'again')
    t.end()
  })
}

t.test('without XOR-PEER-ADDRESS: 400 [TURN-PERM-05]', t => {
  const { alice } = scene()

  t.equal(alice.code(Method.CreatePermission), 400)
  t.end()
})

for (const [why, octets] of [
  ['no octets', ''],
  ['a family that does not exist', '0003 1234 c0000201'],
  ['IPv4 with the octets of IPv6', '0001 1234 20010db8000000000000000000000001'],
  ['IPv6 with the octets of IPv4', '0002 1234 c0000201'],
  ['one octet too few', '0001 1234 c00002'],
] as const) {
  t.test(
    `a malformed XOR-PEER-ADDRESS (${why}) beside a good one: 400, and nothing is installed [TURN-PERM-05]`,
    t => {
      for (const goodFirst of [true, false]) {
        const { sim, alice, bob } = scene()
        const bad = Buffer.from(octets.replaceAll(' ', ''), 'hex')

        const code = alice.code(Method.CreatePermission, {
          fields: writer => {
            if (goodFirst) writer.set(XOR_PEER_ADDRESS, bob.address)
            writer.set(rawAttribute(XOR_PEER_ADDRESS.type), bad)
            if (!goodFirst) writer.set(XOR_PEER_ADDRESS, bob.address)
          },
        })
        bob.send(alice.relayed, 'hello')

        t.equal(code, 400)
        t.same(alice.inbox, [])
        t.same(sim.told('permitted'), [])
      }
      t.end()
    },
  )
}

t.test('every XOR-PEER-ADDRESS is installed [TURN-PERM-06, STUN-ATTR-04]', t => {
  const { sim, alice } = scene()
  const peers = [1, 2, 3, 4].map(i => sim.peer(`198.51.100.${i}:40000`))

  alice.permit(...peers)
  for (const peer of peers) peer.send(alice.relayed, 'hello')

  t.equal(alice.inbox.length, 4)
  t.end()
})

t.test(
  'a peer of another family than the relayed address: 443, and nothing is installed [TURN-PERM-07, TURN-ERR-443]',
  t => {
    const { sim, alice, bob } = scene()
    const six = sim.peer('[2001:db8::b0b]:40000')

    alice.permit(six)
    alice.permit(bob, six)
    bob.send(alice.relayed, 'hello')

    t.same(alice.errors, [443, 443])
    t.same(alice.inbox, [])
    t.end()
  },
)

t.test('::ffff:198.51.100.7 is an IPv4 address, also in an allocation of IPv6 [TURN-PERM-07]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  alice.allocate({ family: 6 })
  const mapped = Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff, 198, 51, 100, 7)])

  const code = alice.code(Method.CreatePermission, {
    transaction: Buffer.alloc(12),
    fields: writer => writer.set(rawAttribute(XOR_PEER_ADDRESS.type), xored6(mapped, 40_000)),
  })

  t.equal(code, 443)
  t.end()
})

t.test(
  'a denied peer: 403, and nothing is installed, whoever else is named [TURN-PERM-08, TURN-ERR-403]',
  t => {
    const { sim, alice, bob } = scene()
    const denied = sim.peer(DENIED)

    alice.permit(denied)
    alice.permit(bob, denied)
    alice.permit(denied, bob)
    bob.send(alice.relayed, 'hello')
    alice.send(denied, 'hello')

    t.same(alice.errors, [403, 403, 403])
    t.same([alice.inbox, denied.inbox], [[], []])
    t.equal(sim.counters.read('deniedPermission'), 3)
    t.end()
  },
)

t.test('a denied IPv4 address is denied in the dress of IPv6 too [TURN-PERM-08]', t => {
  for (const dual of [true, false]) {
    const sim = new Sim()
    const alice = sim.client(ALICE)
    const denied = sim.peer(DENIED)
    alice.allocate(dual ? { dual: true } : {})
    const mapped = Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff, 10, 0, 0, 1)])

    const code = alice.code(Method.CreatePermission, {
      transaction: Buffer.alloc(12),
      fields: writer => writer.set(rawAttribute(XOR_PEER_ADDRESS.type), xored6(mapped, 40_000)),
    })
    alice.send(denied, 'hello')

    t.equal(code, 403)
    t.same(denied.inbox, [])
  }
  t.end()
})

t.test(
  'no room for a permission: 508, all or nothing, and renewing needs no room [TURN-PERM-09, TURN-PERM-12, TURN-ERR-508, SEC-36]',
  t => {
    const { sim, alice } = scene({ limits: { permissionsPerAllocation: 3 } })
    const peers = [1, 2, 3, 4, 5].map(i => sim.peer(`198.51.100.${i}:40000`))

    alice.permit(peers[0]!, peers[1]!)
    alice.permit(peers[2]!, peers[3]!)
    alice.permit(peers[2]!)
    alice.permit(peers[3]!)
    alice.permit(peers[0]!, peers[1]!, peers[2]!)
    for (const peer of peers) peer.send(alice.relayed, peer.address.ip.join('.'))

    t.same(alice.errors, [508, 508])
    t.same(alice.inbox, ['198.51.100.1', '198.51.100.2', '198.51.100.3'])
    t.end()
  },
)

t.test('the same peer named many times takes the room of one [TURN-PERM-12]', t => {
  const { alice, bob } = scene({ limits: { permissionsPerAllocation: 1 } })

  alice.permit(bob, bob, bob)

  t.same(alice.errors, [])
  t.end()
})

t.test('a permission that has lapsed makes room for another at once [TURN-PERM-12]', t => {
  const { sim, alice, bob } = scene({ limits: { permissionsPerAllocation: 1 } })
  sim.advance(300)
  alice.permit(bob)
  sim.advance(minutes(5))

  alice.permit(sim.peer('198.51.100.8:40000'))

  t.same(alice.errors, [])
  t.end()
})

t.test('a channel needs room for its permission too [TURN-PERM-12, TURN-CHAN-13]', t => {
  const { sim, alice, bob } = scene({ limits: { permissionsPerAllocation: 1 } })
  alice.permit(bob)

  alice.bind(0x4001, sim.peer('198.51.100.8:40000'))
  alice.bind(0x4001, bob)

  t.same(alice.errors, [508])
  t.end()
})

for (const family of [4, 6] as const) {
  const host = (i: number) =>
    family === 4 ? `198.51.${100 + (i >> 8)}.${i & 255}:40000` : `[2001:db8::${i + 1}]:40000`
  t.test(`P-01: a request names as many peers as an allocation may have, IPv${family} [TURN-PERM-13]`, t => {
    const { sim, alice } = scene({ limits: { peersPerUserPerMinute: 1000 } })
    if (family === 6) {
      alice.release()
      alice.allocate({ family: 6 })
    }
    const peers = Array.from({ length: 256 }, (_, i) => sim.peer(host(i)))

    for (const many of [1, 32, 33, 48, 60, 120, 256]) alice.permit(...peers.slice(0, many))
    alice.permit(...peers)
    t.same(alice.errors, [])
    t.equal(sim.relay.sizes().permissions, 256)

    alice.permit(...peers, sim.peer(host(256)))
    t.same(alice.errors, [508], 'one more than that is answered')
    t.equal(sim.relay.sizes().permissions, 256, 'and nothing is installed')
    t.end()
  })
}

t.test('P-01: an operator who permits more peers lets a request name more of them [TURN-PERM-13]', t => {
  const { sim, alice } = scene({ limits: { permissionsPerAllocation: 1000 } })
  const peers = Array.from({ length: 1001 }, (_, i) => sim.peer(`198.51.${100 + (i >> 8)}.${i & 255}:40000`))

  alice.permit(...peers.slice(0, 600))
  alice.permit(...peers.slice(0, 1000))
  t.same(alice.errors, [])
  t.equal(sim.relay.sizes().permissions, 1000)

  alice.permit(...peers)
  t.same(alice.errors, [508])
  t.end()
})

t.test('P-01: both families of a dual allocation, and one peer many times, fit one request', t => {
  const { sim, alice, bob } = scene()
  alice.release()
  alice.allocate({ dual: true })
  const peers = Array.from({ length: 128 }, (_, i) => [
    sim.peer(`198.51.100.${i}:1`),
    sim.peer(`[2001:db8::${i + 1}]:1`),
  ]).flat()

  alice.permit(...peers)
  t.equal(sim.relay.sizes().permissions, 256)
  alice.permit(...Array.from({ length: 500 }, () => bob))
  t.same(alice.errors, [])
  t.end()
})

for (const sign of ['sha1', 'sha256', 'both'] as const) {
  t.test(`P-01: who names more than is read is told so, signed as the request was (${sign})`, t => {
    const { sim, alice, bob } = scene()
    alice.permit(bob)
    const chosen = sign === 'sha1' ? {} : { offers: OFFERED, chosen: SHA256 }
    const crowd = (writer: MessageWriter) => {
      for (let i = 0; i < 600; i++)
        writer.set(XOR_PEER_ADDRESS, parseAddress(`198.51.100.${i % 200}:${i + 1}`)!)
    }

    const answer = alice.ask(Method.CreatePermission, { fields: crowd, sign, ...chosen })!
    t.equal(codeOf(answer), 400)
    const key = longTermKey(alice.user, REALM, alice.password, sign === 'sha1' ? 1 : 2)
    t.ok(verify(answer, sign === 'sha1' ? 'sha1' : 'sha256', key))
    t.match(sim.told('rejected').at(-1), { detail: 'more than 512 attributes' })
    t.equal(sim.relay.sizes().permissions, 1, 'and nothing is installed')
    bob.send(alice.relayed, 'still permitted')
    t.same(alice.inbox, ['still permitted'])
    t.end()
  })
}

t.test('P-01: what is unsigned, of nobody here or no request is dropped when it is as long', t => {
  const { sim, alice } = scene()
  const stranger = sim.client('192.0.2.66:50000')
  const crowd = (writer: MessageWriter) => {
    for (let i = 0; i < 600; i++) writer.set(XOR_PEER_ADDRESS, parseAddress(`198.51.100.1:${i + 1}`)!)
  }
  const nonce = alice.turn.nonce

  t.equal(alice.code(Method.CreatePermission, { fields: crowd, sign: 'none' }), undefined)
  t.equal(alice.code(Method.Binding, { fields: crowd, sign: 'sha1' }), undefined)
  t.equal(alice.code(Method.Send, { class: 'indication', fields: crowd }), undefined)
  t.equal(stranger.code(Method.CreatePermission, { fields: crowd, nonce }), undefined)
  t.equal(alice.code(Method.CreatePermission, { fields: crowd, password: 'wrong' }), 401)
  t.equal(alice.code(Method.CreatePermission, { fields: crowd, nonce: 'stale' }), 438)
  t.end()
})

t.test('S-01: a permission is told once for each peer, however often the request names it', t => {
  const { sim, alice, bob } = scene()

  alice.permit(bob, bob, bob)

  t.same(
    sim.told('permitted').map(({ peers }) => peers.length),
    [1],
  )
  t.end()
})

for (const forwarder of ['table', 'none'] as const) {
  t.test(
    `a policy that changes stops what was permitted, on every path and at once (${forwarder}) [TURN-SEND-06]`,
    t => {
      const { sim, alice, bob } = scene({ forwarder })
      const carol = sim.peer('198.51.100.8:40000')
      alice.bind(0x4001, bob)
      alice.permit(carol)
      alice.send(0x4001, 'before')
      alice.send(carol, 'before')
      bob.send(alice.relayed, 'before')
      carol.send(alice.relayed, 'before')

      sim.configure({}, { reach: () => 'no' })
      alice.send(0x4001, 'after')
      alice.send(bob, 'after')
      alice.send(carol, 'after')
      bob.send(alice.relayed, 'after')
      carol.send(alice.relayed, 'after')
      alice.permit(carol)
      alice.bind(0x4001, bob)

      t.same([bob.inbox, carol.inbox, alice.inbox], [['before'], ['before'], ['before', 'before']])
      t.same(alice.errors, [403, 403])
      t.end()
    },
  )

  t.test(
    `one policy stands on every path to a peer (${forwarder}) [TURN-PERM-08, TURN-CHAN-12, TURN-SEND-06]`,
    t => {
      const reachable = (port: number) => port !== 6666
      const { sim, alice, bob } = scene({ forwarder, reach: peer => (reachable(peer.port) ? 'yes' : 'no') })
      const forbidden = sim.peer('198.51.100.7:6666')
      alice.permit(bob)

      alice.permit(forbidden)
      alice.send(forbidden, 'by indication')
      alice.bind(0x4001, forbidden)
      alice.send(0x4001, 'by channel')
      forbidden.send(alice.relayed, 'from there')

      t.same(alice.errors, [403])
      t.same([forbidden.inbox, alice.inbox], [[], []])
      t.end()
    },
  )
}

t.test('what is refused is not told as permitted or bound', t => {
  const { sim, alice } = scene()
  const denied = sim.peer(DENIED)

  alice.permit(denied)
  alice.bind(0x4001, denied)

  t.same([...sim.told('permitted'), ...sim.told('bound')], [])
  t.match(sim.told('rejected').slice(-2), [{ why: 'denied-peer' }, { why: 'denied-peer' }])
  t.end()
})

t.test('a ChannelBind and a CreatePermission refused for one reason give the same code', t => {
  const { sim, alice } = scene()
  for (const [peer, code] of [
    [DENIED, 403],
    ['[2001:db8::b0b]:40000', 443],
  ] as const) {
    const { address } = sim.peer(peer)
    const permission = alice.code(Method.CreatePermission, {
      fields: writer => writer.set(XOR_PEER_ADDRESS, address),
    })
    const channel = alice.code(Method.ChannelBind, {
      fields: writer => writer.set(CHANNEL_NUMBER, 0x4001).set(XOR_PEER_ADDRESS, address),
    })
    t.same([permission, channel], [code, code])
  }
  t.end()
})

/** Alice with an IPv4 allocation, and bob. */
function scene(options: SimOptions = {}): { sim: Sim; alice: SimClient; bob: SimPeer } {
  const sim = new Sim(options)
  const bob = sim.peer(BOB)
  const alice = sim.client(ALICE)
  alice.allocate({ lifetime: 3600 })
  return { sim, alice, bob }
}

/** An XOR address of family IPv6 for a transaction id of zeros. */
function xored6(ip: Buffer, port: number): Buffer {
  const value = Buffer.alloc(20)
  value[1] = 2
  value.writeUInt16BE(port ^ 0x2112, 2)
  const mask = Buffer.concat([Buffer.from('2112a442', 'hex'), Buffer.alloc(12)])
  for (let i = 0; i < 16; i++) value[4 + i] = ip[i]! ^ mask[i]!
  return value
}
