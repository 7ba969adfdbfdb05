import t from 'tap'
import { address, parseAddress, parseIp } from '../../../src/base/address.ts'
import { PRIORITY, REQUESTED_TRANSPORT, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { type MessageWriter, Method } from '../../../src/wire/message.ts'
import { type Craft, challenge, rawAttribute } from '../../sim/craft.ts'
import { Sim, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

/** A request of every method with everything that can be wrong with it before it has proved itself. */
const VARIANTS: readonly (readonly [string, Craft])[] = [
  ['bare', { sign: 'none' }],
  ['with FINGERPRINT', { sign: 'none', fingerprint: true }],
  [
    'with an unknown attribute',
    { sign: 'none', fields: writer => writer.set(rawAttribute(0x7777), Buffer.alloc(0)) },
  ],
  ['with sixteen unknown attributes', { sign: 'none', fields: manyUnknown }],
  [
    'with a broken attribute',
    { sign: 'none', fields: writer => writer.set(rawAttribute(REQUESTED_TRANSPORT.type), Buffer.alloc(1)) },
  ],
  ['with ICE attributes', { sign: 'none', fields: writer => writer.set(PRIORITY, 1) }],
  ['signed by nobody', { username: 'x', nonce: 'x', realm: 'x', password: 'x' }],
  ['signed with a wrong password', { nonce: 'x', password: 'x' }],
  ['signed without a name', { username: null, nonce: 'x' }],
  ['signed without a nonce', { nonce: null }],
  ['signed without a realm', { realm: null, nonce: 'x' }],
  ['signed with SHA-256', { sign: 'sha256', nonce: 'x', password: 'x' }],
]
const METHODS = [
  ['Binding', Method.Binding, 1.6],
  ['Allocate', Method.Allocate, 4],
  ['Refresh', Method.Refresh, 4],
  ['CreatePermission', Method.CreatePermission, 4],
  ['ChannelBind', Method.ChannelBind, 4],
  ['Connect', Method.Connect, 0],
  ['ConnectionBind', Method.ConnectionBind, 0],
  ['Send', Method.Send, 0],
  ['Data', Method.Data, 0],
  ['0x7ff', 0x7ff, 0],
] as const

for (const [name, method, most] of METHODS) {
  for (const [variant, what] of VARIANTS) {
    t.test(`${name}, ${variant}: an answer of at most ${most} times its octets [SEC-30, ABU-03]`, t => {
      const sim = new Sim({ config: { realm: 'turn.example.org' } })
      const mallory = sim.client('192.0.2.66:1000')
      const request = mallory.craft(method, what)
      mallory.exchange(request)

      const answered = mallory.raw.reduce((sum, one) => sum + one.length, 0)
      t.ok(mallory.raw.length <= 1, 'one answer at the most')
      // No client sends a header without attributes. Who asks like that gets a challenge all the same, of 96 octets here.
      const bound = most === 4 && request.length === 20 ? 96 : request.length * most
      t.ok(answered <= bound, `${answered} for ${request.length}`)
      t.end()
    })
  }
}

t.test('a user who scans hosts is stopped, and named once in a minute', t => {
  const sim = new Sim({ limits: { peersPerUserPerMinute: 50 } })
  const mallory = sim.client('192.0.2.66:1000')
  mallory.allocate()
  for (let host = 1; host <= 200; host++) mallory.permit(parseAddress(`198.51.100.${host}:1`)!)

  t.equal(mallory.errors.length, 150)
  t.same([...new Set(mallory.errors)], [508])
  t.match(sim.told('throttled'), [{ why: 'scan', owner: { user: '@alice:example.org' } }])
  t.equal(sim.told('throttled').length, 1)
  t.equal(sim.told('rejected').filter(({ why }) => why === 'scan').length, 150)
  sim.advance(seconds(61))
  t.equal(mallory.permit(parseAddress('198.51.100.201:1')!).kind, 'permitted', 'the next minute is another')
  t.end()
})

for (const forwarder of ['table', 'none'] as const) {
  t.test(`a port scan by Send indications stops at the wire (${forwarder}) [ABU-06]`, t => {
    const sim = new Sim({ forwarder, limits: { peersPerUserPerMinute: 100 } })
    const mallory = sim.client('192.0.2.66:1000')
    mallory.allocate()
    mallory.permit(parseAddress('198.51.100.7:1')!)
    for (let port = 1; port <= 1000; port++) mallory.send(parseAddress(`198.51.100.7:${port}`)!, 'probe')

    t.equal(sim.world.toPeers.length, 99, 'one of the hundred was the permission')
    t.equal(sim.counters.read('dropScan'), 901)
    t.equal(sim.told('throttled').length, 1)
    t.end()
  })
}

t.test('a scan by channels, spread over the allocations of one user, counts as one', t => {
  const sim = new Sim({ limits: { peersPerUserPerMinute: 60 } })
  const clients = Array.from({ length: 4 }, (_, i) => sim.client(`192.0.2.66:${1000 + i}`))
  for (const client of clients) client.allocate()
  for (const [i, client] of clients.entries()) {
    for (let k = 0; k < 40; k++) client.bind(0x4000 + k, parseAddress(`198.51.100.${i * 50 + k + 1}:7`)!)
  }

  t.equal(
    clients.reduce((sum, client) => sum + client.errors.length, 0),
    100,
  )
  t.end()
})

t.test('a call with many candidates is no scan, nor is who keeps on sending to the same', t => {
  const sim = new Sim({ limits: { peersPerUserPerMinute: 600 } })
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  // Ten people with thirty candidates each, five minutes long.
  const peers = Array.from({ length: 300 }, (_, i) => parseAddress(`198.51.${i % 10}.7:${40_000 + i}`)!)
  for (let host = 0; host < 10; host++) alice.permit(parseAddress(`198.51.${host}.7:1`)!)
  for (let minute = 0; minute < 4; minute++) {
    for (const peer of peers) alice.send(peer, 'check')
    sim.advance(seconds(60))
  }

  t.equal(sim.world.toPeers.length, 1200)
  t.equal(sim.counters.read('dropScan'), 0)
  t.equal(sim.told('throttled').length, 0)
  t.end()
})

t.test('another user is free to call while one scans [SEC-37]', t => {
  const sim = new Sim({ limits: { peersPerUserPerMinute: 20 } })
  const mallory = sim.client('192.0.2.66:1000', { user: '@mallory:example.org' })
  const alice = sim.client('192.0.2.10:50000')
  const bob = sim.peer('203.0.114.5:40000')
  mallory.allocate()
  for (let host = 1; host <= 100; host++) mallory.permit(parseAddress(`198.51.100.${host}:1`)!)
  alice.allocate()
  alice.bind(0x4001, bob)
  alice.send(0x4001, 'hello')

  t.same(bob.inbox, ['hello'])
  t.end()
})

t.test('two thousand permissions end at the limit, and so do channels [SEC-36, SEC-37]', t => {
  const sim = new Sim()
  const mallory = sim.client('192.0.2.66:1000', { user: '@mallory:example.org' })
  mallory.allocate()
  for (let i = 0; i < 2000; i++) mallory.permit(parseAddress(`198.${18 + (i >> 8)}.${i & 255}.1:1`)!)
  t.equal(mallory.errors.length, 2000 - 256)
  const [allocation] = sim.relay.openAllocations()
  t.equal(allocation?.permissions.size, 256)

  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  t.equal(alice.permit(parseAddress('198.51.100.7:1')!).kind, 'permitted', 'the next has as much')
  t.end()
})

t.test('the user who made an allocation is the only one to use it [SEC-53]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  sim.register('@mallory:example.org', 'hers')
  alice.allocate()
  const peer = parseAddress('198.51.100.7:40000')!
  const asMallory = (fields: (writer: MessageWriter) => void): Craft => ({
    username: '@mallory:example.org',
    password: 'hers',
    fields,
  })

  t.equal(
    alice.code(
      Method.CreatePermission,
      asMallory(writer => writer.set(XOR_PEER_ADDRESS, peer)),
    ),
    441,
  )
  t.equal(
    alice.code(
      Method.Refresh,
      asMallory(() => {}),
    ),
    441,
  )
  t.equal(alice.refresh().kind, 'refreshed')
  t.end()
})

for (const user of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
  t.test(`a user called ${user} is a user like any other [NODE-06]`, t => {
    const sim = new Sim({
      limits: {
        peersPerUserPerMinute: 10,
        bytesPerSecondPerUser: 100_000,
        unverifiedAnswersPerNetwork: 100,
        backOff: true,
      },
    })
    const bob = sim.peer('198.51.100.7:40000')
    const client = sim.client('192.0.2.10:50000', { user })
    t.equal(client.allocate().kind, 'allocated')
    client.bind(0x4001, bob)
    client.send(0x4001, 'hello')
    t.same(bob.inbox, ['hello'])
    t.equal(sim.told('opened')[0]?.owner.user, user)
    client.release()
    t.equal(sim.allocations, 0)

    const stranger = sim.client('192.0.2.11:50000', { user: `${user}x`, registered: false })
    t.equal(stranger.allocate().kind, 'rejected')
    t.end()
  })
}

t.test('a nonce that was captured is of no use from another address or port [ABU-18]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  const { nonce } = challenge(alice)
  const fields = (writer: MessageWriter) => void writer.set(REQUESTED_TRANSPORT, 17)

  for (const at of ['192.0.2.66:50000', '192.0.2.10:50001']) {
    t.equal(sim.client(at).code(Method.Allocate, { nonce, fields }), 438, at)
  }
  t.equal(alice.code(Method.Allocate, { nonce, fields }), 0)
  t.end()
})

t.test('who takes too much loses the excess, and the others nothing [ABU-13]', t => {
  const sim = new Sim({ limits: { bytesPerSecondPerUser: 125_000 } })
  const bob = sim.peer('198.51.100.7:40000')
  const carol = sim.peer('198.51.100.8:40000')
  const hog = sim.client('192.0.2.66:1000', { user: '@hog:example.org' })
  const alice = sim.client('192.0.2.10:50000')
  for (const [client, peer] of [
    [hog, bob],
    [alice, carol],
  ] as const) {
    client.allocate()
    client.bind(0x4001, peer)
  }
  // The bucket holds one second; after that what flows is the rate.
  const burst = (client: SimClient, count: number) => {
    for (let i = 0; i < count; i++) client.send(0x4001, Buffer.alloc(1000))
  }
  burst(hog, 200)
  const before = bob.datagrams.length
  for (let tick = 0; tick < 100; tick++) {
    sim.advance(100)
    burst(hog, 125)
    burst(alice, 12)
  }

  const octets = (bob.datagrams.length - before) * 1000
  t.ok(Math.abs(octets / 1_250_000 - 1) < 0.05, `${octets} octets in ten seconds`)
  t.equal(carol.datagrams.length, 1200, 'nothing of the other is lost')
  t.end()
})

for (const forwarder of ['table', 'none'] as const) {
  t.test(`a denied relayed address is deaf and mute inside the process too (${forwarder}) [SEC-51]`, t => {
    const sim = new Sim({ forwarder })
    const alice = sim.client('192.0.2.10:50000')
    const bob = sim.client('192.0.2.11:50000', { user: '@bob:example.org' })
    alice.allocate()
    bob.allocate()
    alice.bind(0x4001, bob)
    bob.bind(0x4001, alice)
    alice.send(0x4001, 'before')
    t.same(bob.inbox, ['before'])
    sim.configure({}, { reach: peer => (peer.key === bob.relayed.key || peer.port === 0 ? 'no' : 'local') })

    alice.send(0x4001, 'after')
    alice.send(bob, 'after')
    bob.send(0x4001, 'after')

    t.same([alice.inbox, bob.inbox], [[], ['before']])
    for (const allocation of sim.relay.openAllocations()) t.equal(allocation.permissions.size, 0)
    const routes = [...sim.relay.openAllocations()].map(
      allocation => [...sim.relay.routes(allocation)].length,
    )
    t.same(routes, [0, 1], 'bob has one to alice, whom the policy allows')
    t.equal([...sim.relay.openAllocations()][0]?.channels, 0, 'its channel is gone')
    t.end()
  })
}

t.test('an own listener that appears at a rescan is denied at once, on channels too [SEC-14]', t => {
  const listener = parseAddress('198.51.100.7:3478')!
  const sim = new Sim()
  const peer = sim.peer('198.51.100.7:3478')
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  alice.bind(0x4001, peer)
  alice.send(0x4001, 'before')
  sim.configure({}, { reach: to => (to.key === listener.key ? 'no' : 'yes') })
  alice.send(0x4001, 'after')
  alice.send(peer, 'after')

  t.same(peer.inbox, ['before'])
  t.equal([...sim.relay.openAllocations()][0]?.permissions.size, 1, 'other ports of that host are as before')
  t.equal([...sim.relay.openAllocations()][0]?.channels, 0)
  t.equal(alice.permit(address(parseIp('198.51.100.7')!, 1)).kind, 'permitted')
  t.end()
})

function manyUnknown(writer: MessageWriter): void {
  for (let type = 0x7700; type < 0x7710; type++) writer.set(rawAttribute(type), Buffer.alloc(0))
}
