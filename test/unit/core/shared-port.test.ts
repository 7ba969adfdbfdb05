import fc from 'fast-check'
import t from 'tap'
import { address, parseAddress, type RelayedAddress } from '../../../src/base/address.ts'
import type { SocketId } from '../../../src/base/ids.ts'
import { Member } from '../../../src/core/one-port/member.ts'
import { SharedPort } from '../../../src/core/one-port/shared-port.ts'
import { CopiedState } from '../../../src/core/snapshot/difference.ts'
import { everybody } from '../../../src/core/snapshot/record.ts'
import { MessageWriter, Method } from '../../../src/wire/message.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { counts, same, seen } from '../../sim/compare.ts'
import { checkOf } from '../../sim/ice-agent.ts'
import { dice, octets } from '../../sim/random.ts'
import { minutes, Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'
import { Twin, whole } from '../../sim/twin.ts'

const random = octets(dice(7))
const PEER_TEXT = '198.51.100.7:40000'
const PEER = parseAddress(PEER_TEXT)!

t.test('allocations on one port have one relayed address, and no socket is closed with one of them', t => {
  const { sim, alice, bob } = scene()
  t.equal(alice.relayed.key, bob.relayed.key)
  t.equal(alice.relayed.port, 50_000)
  alice.release()
  bob.permit(PEER)
  const peer = sim.peer(PEER_TEXT)
  bob.send(peer, 'still there')
  t.same(peer.inbox, ['still there'])
  t.end()
})

t.test('a check is delivered to the client whose own checks name the same two fragments in reverse', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  const other = sim.peer('198.51.100.7:40001')
  alice.permit(peer)
  bob.permit(peer)
  alice.send(peer, check('P:A'))
  bob.send(other, check('Q:B'))

  // From ports that neither has sent to: each peer is behind a NAT of its own.
  const unseen = sim.peer('198.51.100.7:40002')
  unseen.send(alice.relayed, check('A:P'))
  sim.peer('198.51.100.7:40003').send(alice.relayed, check('B:Q'))
  sim.peer('198.51.100.7:40004').send(alice.relayed, check('A:Q'))

  t.same(usernames(alice), ['A:P'])
  t.same(usernames(bob), ['B:Q'])
  t.equal(sim.counters.read('dropUnattributed'), 1)
  t.end()
})

t.test('an answer is delivered to the client that sent the request to this peer, and once', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  const other = sim.peer('198.51.100.7:40001')
  alice.permit(peer)
  bob.permit(peer)
  const asked = check('P:A')
  alice.send(peer, asked)
  other.send(alice.relayed, success(asked))
  peer.send(alice.relayed, success(asked))
  peer.send(alice.relayed, success(asked))
  t.same([alice.received.length, bob.received.length], [1, 0])
  t.equal(sim.counters.read('dropUnattributed'), 2)
  t.end()
})

t.test(
  'data is delivered to the client that its sender has answered, and before that to nobody of two',
  t => {
    const { sim, alice, bob } = scene()
    const peer = sim.peer(PEER_TEXT)
    alice.permit(peer)
    bob.permit(peer)
    const asked = check('P:A')
    alice.send(peer, asked)
    peer.send(alice.relayed, 'early')
    t.same([alice.inbox, bob.inbox], [[], []])
    peer.send(alice.relayed, success(asked))
    peer.send(alice.relayed, 'in time')
    t.same([alice.inbox.at(-1), bob.inbox], ['in time', []])
    t.end()
  },
)

t.test('data of a peer that has answered nobody is for the only client with a permission for its host', t => {
  const { sim, alice } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  peer.send(alice.relayed, 'unasked')
  alice.send(peer, 'hello')
  peer.send(alice.relayed, 'welcome')
  t.same([alice.inbox, peer.inbox], [['welcome'], ['hello']])
  t.end()
})

t.test('what was for a client that has gone is for nobody until its permission and 30 s are over', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  alice.send(peer, 'hello')
  alice.release()
  bob.permit(peer)
  sim.advance(seconds(4))
  bob.send(peer, 'mine?')
  peer.send(bob.relayed, 'for alice')
  t.same(bob.inbox, [])
  sim.advance(minutes(4) + seconds(50))
  bob.permit(peer)
  peer.send(bob.relayed, 'for alice')
  t.same(bob.inbox, [])
  sim.advance(seconds(40))
  peer.send(bob.relayed, 'for bob')
  t.same(bob.inbox, ['for bob'])
  t.end()
})

t.test('a peer that has answered one client is sent nothing by another, who learns why by 508', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  prove(alice, peer, 'P:A')
  const before = peer.inbox.length
  bob.send(peer, check('P:B'))
  bob.send(peer, 'mine')
  t.equal(peer.inbox.length, before)
  t.equal(sim.counters.read('dropPeerTaken'), 2)
  bob.bind(0x4001, peer)
  t.same(bob.errors, [508])
  t.same(
    sim.told('rejected').flatMap(({ cause, detail }) => (cause ? [[cause, detail]] : [])),
    [['shared-port', 'another client has this peer on the shared relay port']],
  )
  alice.bind(0x4001, peer)
  t.same(alice.errors, [])
  t.end()
})

t.test(
  'a peer that has not answered for 30 s may be asked by another client, and is that one’s by its answer',
  t => {
    const { sim, alice, bob } = scene()
    const peer = sim.peer(PEER_TEXT)
    alice.permit(peer)
    bob.permit(peer)
    prove(alice, peer, 'P:A')
    sim.advance(seconds(31))
    prove(bob, peer, 'P:B')
    peer.send(bob.relayed, 'for bob')
    t.same([alice.inbox.includes('for bob'), bob.inbox.includes('for bob')], [false, true])
    t.end()
  },
)

t.test('who only sends to a peer keeps others from it for 3 s, and takes it from nobody', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  for (let i = 0; i < 30; i++) {
    bob.send(peer, check('P:B'))
    sim.advance(100)
  }
  prove(alice, peer, 'P:A')
  for (let i = 0; i < 100; i++) {
    bob.send(peer, check('P:B'))
    sim.advance(100)
  }
  peer.send(alice.relayed, 'for alice')
  t.same([alice.inbox.at(-1), bob.inbox], ['for alice', []])
  t.end()
})

t.test('an error answer proves nothing', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  const asked = check('P:B')
  bob.send(peer, asked)
  peer.send(bob.relayed, answerTo('error', asked))
  peer.send(bob.relayed, 'for alice')
  t.equal(bob.received.length, 1)
  t.equal(bob.inbox.includes('for alice'), false)
  t.end()
})

t.test('a client that sends another’s fragments gets neither its answers nor its data', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  prove(alice, peer, 'P:A')
  const before = bob.received.length
  bob.send(sim.peer('198.51.100.7:50'), check('P:A'))
  peer.send(alice.relayed, check('A:P'))
  peer.send(alice.relayed, 'for alice')
  t.same(usernames(alice), ['A:P'])
  t.equal(alice.inbox.at(-1), 'for alice')
  t.equal(bob.received.length, before)
  t.end()
})

t.test(
  'allocations of one user with the same fragments are one agent, and data goes where it comes from',
  t => {
    const { sim, alice } = scene()
    const second = sim.client('192.0.2.10:50009', { user: '@alice:example.org' })
    second.allocate()
    const peer = sim.peer(PEER_TEXT)
    alice.permit(peer)
    second.permit(peer)
    prove(alice, peer, 'P:A')
    prove(second, peer, 'P:A')
    alice.send(peer, 'by the first')
    peer.send(alice.relayed, 'to the first')
    second.send(peer, 'by the second')
    peer.send(alice.relayed, 'to the second')
    t.same([alice.inbox.at(-1), second.inbox.at(-1)], ['to the first', 'to the second'])
    second.release()
    peer.send(alice.relayed, 'to the one that is left')
    t.equal(alice.inbox.at(-1), 'to the one that is left')
    t.end()
  },
)

t.test('two pairs of clients call each other at one address, and nobody hears the others', t => {
  const { sim, alice, bob, carol, dave } = scene()
  for (const one of [alice, bob, carol, dave]) one.permit(alice)
  alice.send(alice, 'nobody knows for whom')
  call(alice, bob, 'A', 'B')
  call(carol, dave, 'C', 'D')
  const told = [alice, bob, carol, dave].map(one => one.inbox.length)
  alice.send(alice, 'a to b')
  bob.send(alice, 'b to a')
  carol.send(alice, 'c to d')
  dave.send(alice, 'd to c')
  t.same(
    [alice, bob, carol, dave].map((one, i) => one.inbox.slice(told[i])),
    [['b to a'], ['a to b'], ['d to c'], ['c to d']],
  )
  t.equal(sim.world.hairpins, 0)
  t.end()
})

t.test('a client in a call with one at this address is reached by nobody else there', t => {
  const { alice, bob, carol } = scene()
  for (const one of [alice, bob, carol]) one.permit(alice)
  call(alice, bob, 'A', 'B')
  const before = alice.received.length
  // Both know each other's fragments, and neither could tell the other from Bob.
  carol.send(alice, check('A:C'))
  alice.send(alice, check('C:A'))
  carol.send(alice, check('A:C'))
  t.equal(alice.received.length, before)
  alice.send(alice, 'for bob')
  t.same([bob.inbox.at(-1), carol.inbox], ['for bob', []])
  t.end()
})

t.test('when one of two has gone, what the other sends reaches nobody', t => {
  const { sim, alice, bob, carol } = scene()
  for (const one of [alice, bob, carol]) one.permit(alice)
  call(alice, bob, 'A', 'B')
  bob.release()
  const before = sim.counters.read('dropUnattributed')
  alice.send(alice, 'for bob')
  t.equal(sim.counters.read('dropUnattributed'), before + 1)
  call(alice, carol, 'A2', 'C')
  alice.send(alice, 'for carol')
  t.equal(carol.inbox.at(-1), 'for carol')
  t.end()
})

t.test('no forwarder has a route from or to a shared port: the core relays for all of them', t => {
  const { sim, alice, bob, carol } = scene()
  const peer = sim.peer(PEER_TEXT)
  for (const one of [alice, bob, carol]) one.permit(peer, alice)
  alice.bind(0x4001, peer)
  bob.bind(0x4001, carol)
  prove(alice, peer, 'P:A')
  call(bob, carol, 'B', 'C')
  alice.send(0x4001, 'by a channel')
  bob.send(0x4001, 'by a channel')
  peer.send(alice.relayed, 'back')
  t.same(
    [peer.inbox.at(-1), carol.inbox.at(-1), alice.inbox.at(-1)],
    ['by a channel', 'by a channel', 'back'],
  )
  const routes = Array.from(sim.relay.openAllocations(), one => [...sim.relay.routes(one)].length)
  t.same(routes, [0, 0, 0, 0])
  t.end()
})

for (const forwarder of ['table', 'picky, then table'] as const) {
  t.test(`everybody gets the same with forwarders as without (${forwarder})`, t => {
    for (const list of fc.sample(actions(4), { numRuns: 20, seed: 11 })) {
      const options = { sharedPorts: [50_000, 50_001], ports: [50_000, 50_001] as const }
      const [fast, slow] = [
        new Stage({ ...options, forwarder }),
        new Stage({ ...options, forwarder: 'none' }),
      ]
      for (const action of list) {
        for (const stage of [fast, slow]) stage.do(action)
        same(counts(fast), counts(slow), action.kind)
      }
      same(seen(fast), seen(slow), 'at the end')
      fast.end()
      t.equal(fast.sim.relay.sizes().shared, 0, 'nothing is left')
    }
    t.end()
  })
}

t.test('who belongs to whom is in a snapshot, and who has gone', t => {
  const { sim, alice, bob, carol, dave } = scene()
  const peer = sim.peer(PEER_TEXT)
  const left = sim.peer('198.51.100.8:40000')
  for (const one of [alice, bob, carol, dave]) one.permit(peer, left, alice)
  prove(alice, peer, 'P:A')
  call(bob, carol, 'B', 'C')
  prove(dave, left, 'P:D')
  dave.release()
  const snapshot = whole(sim.relay.snapshot(sim.now))

  const twin = new Twin(sim.config, snapshot, sim.now)
  // A difference has it as a whole once more.
  const copied = new CopiedState()
  whole(sim.relay.noteCopied(copied, everybody))
  call(carol, alice, 'C2', 'A2')
  twin.restore(whole(sim.relay.difference(sim.now, open => open, everybody, copied)), sim.now)

  const socket = sim.world.socketAt(alice.relayed)!
  const arrived = (from: SimPeer, text: string) =>
    JSON.parse(
      twin.take(
        { kind: 'datagram', via: 'relay', socket, from: from.address, bytes: Buffer.from(text) },
        sim.now,
        Array.from({ length: 4 }, () => ['reach', 'yes'] as const),
      ),
    ) as { readonly to: { readonly key: number } }[]
  t.same(
    arrived(peer, 'for alice').map(({ to }) => to.key),
    [alice.address.key],
  )
  t.same(arrived(left, 'for dave'), [])
  t.same(arrived(sim.peer('198.51.100.8:1'), 'for nobody'), [])
  t.end()
})

t.test('users that take turns at a peer without being answered keep it from no other user for long', t => {
  const { sim, alice, bob, carol } = scene()
  const peer = sim.peer(PEER_TEXT)
  for (const one of [alice, bob, carol]) one.permit(peer)
  bob.send(peer, check('P:B'))
  let waited = 0
  for (const until = seconds(20); waited < until && !hasHeard(peer, 'P:A'); waited += 50) {
    // The others are faster than anybody who follows a protocol.
    for (const one of [carol, bob, carol, bob]) one.send(peer, check('P:B'))
    if (waited % 500 === 450) alice.send(peer, check('P:A'))
    sim.advance(50)
  }
  t.ok(waited <= seconds(10), `it took ${waited} ms`)
  t.end()
})

t.test('who comes back again and again with a new allocation keeps a peer from no other user for long', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  for (const one of [alice, bob]) one.permit(peer)
  bob.send(peer, check('P:B'))
  let [waited, last] = [0, bob]
  for (let i = 0; waited < seconds(20) && !hasHeard(peer, 'P:A'); i++, waited += 500) {
    alice.send(peer, check('P:A'))
    const next = sim.client(`192.0.2.11:${51_000 + i}`, { user: '@bob:example.org' })
    next.allocate()
    next.permit(peer)
    last.release()
    next.send(peer, check('P:B'))
    last = next
    sim.advance(500)
  }
  t.ok(waited <= seconds(5), `it took ${waited} ms`)
  t.end()
})

t.test('who answers a check that is for another, without the password, does not keep the peer by that', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  bob.send(peer, check('P:A'))
  for (let i = 0; i < 8; i++) {
    const asked = check('A:P')
    peer.send(bob.relayed, asked)
    bob.send(peer, success(asked))
    alice.send(peer, check('P:A'))
    sim.advance(500)
  }
  prove(alice, peer, 'P:A')
  // Bob may have the password for all that the relay knows, and then this would be for him.
  peer.send(alice.relayed, 'for whom')
  t.notOk([...alice.inbox, ...bob.inbox].includes('for whom'))
  sim.advance(seconds(33))
  peer.send(alice.relayed, 'for alice')
  t.same([alice.inbox.at(-1), bob.inbox.includes('for alice')], ['for alice', false])
  t.end()
})

t.test('what a peer sends to one who has answered it is for nobody who has the peer next, for 33 s', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  const asked = check('B:Q')
  bob.send(sim.peer('198.51.100.7:50'), check('Q:B'))
  peer.send(bob.relayed, asked)
  bob.send(peer, success(asked))
  bob.release()
  sim.advance(seconds(5))
  prove(alice, peer, 'P:A')
  peer.send(alice.relayed, 'for bob')
  t.equal(alice.inbox.includes('for bob'), false)
  sim.advance(seconds(28))
  peer.send(alice.relayed, 'for alice')
  t.equal(alice.inbox.at(-1), 'for alice')
  t.end()
})

t.test('who knows the fragments of two on the port, and answers for one, keeps them from no call', t => {
  const { sim, alice, bob, carol } = scene()
  for (const one of [alice, bob, carol]) one.permit(alice)
  carol.send(alice, check('A:B'))
  carol.send(alice, check('B:A'))
  for (let i = 0; i < 4; i++) {
    const asked = check('B:A')
    alice.send(bob, asked)
    carol.send(alice, success(asked))
    alice.send(alice, 'not for carol')
    sim.advance(50)
  }
  for (let i = 0; i < 4; i++) call(alice, bob, 'A', 'B')
  alice.send(alice, 'for bob')
  bob.send(alice, 'for alice')
  t.same(
    [bob.inbox.at(-1), alice.inbox.at(-1), carol.inbox.filter(text => /for/.test(text))],
    ['for bob', 'for alice', []],
  )
  t.end()
})

t.test('a check costs as much however many want such ones, and each of them gets its turn', t => {
  const { sim, alice } = scene()
  const [found] = [...sim.relay.openAllocations()].filter(({ user }) => user.key.includes('alice'))
  const port = new SharedPort(1 as SocketId, alice.relayed as RelayedAddress)
  const many = Array.from({ length: 50 }, () => new Member(found!, found!.legs[0]!))
  for (const member of many) port.expect('A:P', member)
  const told = many.map(() => port.expecting('A:P'))
  t.ok(told.every(some => some.length === 8))
  t.equal(new Set(told.map(([first]) => first)).size, 50)
  t.end()
})

t.test('data for a channel whose permission has ended is for nobody else', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.bind(0x4001, peer)
  alice.send(peer, 'hello')
  sim.advance(minutes(6))
  bob.permit(peer)
  bob.send(peer, 'mine?')
  peer.send(bob.relayed, 'for alice')
  t.same(bob.inbox, [])
  t.end()
})

t.test('an ICMP error is told to the one client that has sent to the peer', t => {
  const { sim, alice, bob } = scene()
  const peer = sim.peer(PEER_TEXT)
  alice.permit(peer)
  bob.permit(peer)
  alice.send(peer, 'hello')
  const before = bob.raw.length
  const had = alice.raw.length
  sim.unreachable(alice.relayed, peer.address, { type: 3, code: 3 })
  t.same([alice.raw.length - had, bob.raw.length - before], [1, 0])
  t.end()
})

t.test('what one client has of a shared port is bounded, and gone with it', t => {
  const { sim, alice, bob, carol, dave } = scene()
  for (let i = 0; i < 300; i++) {
    if (i === 0) alice.permit(PEER)
    alice.send(address(PEER.ip, 1000 + i), check(`P${i}:A${i}`))
  }
  // A permission, a peer each, eight USERNAMEs, and 64 requests that wait.
  t.equal(sim.relay.sizes().shared, 4 + 1 + 128 + 8 + 64)
  for (const one of [alice, bob, carol, dave]) one.release()
  sim.advance(minutes(6))
  t.equal(sim.relay.sizes().shared, 0)
  t.end()
})

function scene(options: SimOptions = {}) {
  const sim = new Sim({ sharedPorts: [50_000], ...options })
  const [alice, bob, carol, dave] = (['alice', 'bob', 'carol', 'dave'] as const).map((name, i) => {
    const client = sim.client(`192.0.2.1${i}:50000`, { user: `@${name}:example.org` })
    client.allocate()
    return client
  }) as [SimClient, SimClient, SimClient, SimClient]
  return { sim, alice, bob, carol, dave }
}

function check(username: string): Buffer {
  return checkOf(username, 'secret', random)
}

function answerTo(klass: 'success' | 'error', request: Buffer): Buffer {
  return new MessageWriter(klass, Method.Binding, request.subarray(8, 20)).finish()
}

function success(request: Buffer): Buffer {
  return answerTo('success', request)
}

/** A client's check that its peer answers. */
function prove(client: SimClient, peer: SimPeer, username: string): void {
  const asked = check(username)
  client.send(peer, asked)
  peer.send(client.relayed, success(asked))
}

/** Two clients check each other, and both answer. */
function call(a: SimClient, b: SimClient, fragmentA: string, fragmentB: string): void {
  const [byA, byB] = [check(`${fragmentB}:${fragmentA}`), check(`${fragmentA}:${fragmentB}`)]
  a.send(b, byA)
  b.send(a, byB)
  a.send(b, byA)
  a.send(b, success(byB))
  b.send(a, success(byA))
}

function hasHeard({ datagrams }: SimPeer, username: string): boolean {
  return datagrams.some(({ bytes }) => bytes.includes(username))
}

function usernames({ received }: SimClient): string[] {
  return received.flatMap(({ bytes }) => (bytes[0] === 0 ? [bytes.toString('latin1', 24, 27)] : []))
}
