import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import { emptyList } from '../../../src/base/row-store.ts'
import type { Allocation } from '../../../src/core/allocation.ts'
import { Book, drawId } from '../../../src/core/book.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import type { Transport } from '../../../src/net/transport.ts'
import { random } from '../../../src/relay/relay-config.ts'
import { minutes, Sim } from '../../sim/sim.ts'

const CYCLES = 10_000

t.test(
  'ten thousand even ports, with their odd siblings used and unused, come back each time [SEC-31]',
  t => {
    const sim = new Sim({ ports: [50_000, 50_003], allocationsPerUser: 2 })
    const alice = sim.client('192.0.2.10:50000')
    const empty = JSON.stringify(sim.relay.sizes())
    for (let i = 0; i < CYCLES; i++) {
      const shape = (['even', 'pair', 'pair'] as const)[i % 3]!
      const event = alice.allocate({ port: shape })
      if (event.kind !== 'allocated') {
        t.fail(`cycle ${i}: ${JSON.stringify(event)}`)
        break
      }
      alice.release()
      // What was reserved and not used goes back after its time, what was used with its allocation.
      if (i % 3 === 1) {
        const again = alice.allocate({ reservation: event.reservation! })
        if (again.kind !== 'allocated') t.fail(`cycle ${i}: ${JSON.stringify(again)}`)
        alice.release()
      } else if (i % 3 === 2) sim.advance(31_000)
      alice.events.length = 0
      alice.raw.length = 0
      sim.world.events.length = 0
      sim.world.claims.length = 0
    }
    sim.advance(minutes(2))
    t.equal(JSON.stringify(sim.relay.sizes()), empty)
    t.equal(sim.world.relaySockets().length, 0)
    t.equal(sim.world.held.size, 0)
    t.end()
  },
)

t.test('ids of allocations begin anew after the last, and pass over those in use [SEC-32]', t => {
  const first = 2 ** 52
  const last = 2 ** 53 - 1
  const book = new Book(last - 1, new Lifetimes(), random)
  for (const id of [first, first + 1]) book.byId.set(id as AllocationId, {} as Allocation)
  t.strictSame([book.newId(), book.newId(), book.newId()], [last, first + 2, first + 3])
  t.end()
})

t.test('two relays number their allocations from different places, with 16 digits each', t => {
  const ids = new Set<number>()
  for (let start = 0; start < 1000; start++) {
    const book = new Book(drawId(random), new Lifetimes(), random)
    for (let i = 0; i < 100; i++) ids.add(book.newId())
  }
  t.equal(ids.size, 100_000)
  t.ok([...ids].every(id => Number.isSafeInteger(id) && String(id).length === 16))
  t.end()
})

t.test('ids of sockets and routes stay small however often they are used [SEC-32]', t => {
  const ids = new SocketIds()
  const book = new Book(2 ** 52, new Lifetimes(), random)
  const list = emptyList()
  const row = book.newRow()
  const peer = parseAddress('198.51.100.7:40000')!
  let greatest = 0
  for (let i = 0; i < 1_000_000; i++) {
    const id = ids.take({} as Transport, 'relay')
    greatest = Math.max(greatest, id)
    ids.release(id)
    book.peers.remove(list, book.peers.add(list, row, peer))
  }
  t.ok(greatest < 256, `${greatest}`)
  t.equal(book.peers.add(list, row, peer), 0)
  t.equal(book.sizes().peers, 1)
  t.end()
})

t.test('a user who takes all that one may leaves others theirs [SEC-37, OPS-07]', t => {
  const sim = new Sim({
    allocationsPerUser: 20,
    limits: { permissionsPerAllocation: 30, channelsPerAllocation: 20 },
  })
  const bob = sim.client('192.0.2.20:50000', { user: '@bob:example.org' })
  const peer = sim.peer('198.51.100.7:40000')
  bob.allocate()
  bob.bind(0x4000, peer)
  const codes = new Set<number>()
  for (let i = 0; i < 30; i++) {
    const mallory = sim.client(`192.0.2.66:${50_000 + i}`, { user: '@mallory:example.org' })
    const event = mallory.allocate()
    if (event.kind === 'rejected') codes.add(event.code)
    if (event.kind !== 'allocated') continue
    for (let n = 0; n < 40; n++) {
      const target = sim.peer(`198.51.${100 + (n & 1)}.${n + 10}:${1000 + n}`)
      const bound = n < 25 ? mallory.bind(0x4000 + n, target) : mallory.permit(target)
      if (bound.kind === 'rejected') codes.add(bound.code)
    }
  }
  t.strictSame([...codes].sort(), [486, 508], 'the limits were reached')
  bob.send(0x4000, 'still here')
  peer.send(bob.relayed, 'and I hear you')
  t.equal(peer.inbox.at(-1), 'still here')
  t.equal(bob.inbox.at(-1), 'and I hear you')
  t.equal(bob.bind(0x4001, sim.peer('198.51.100.8:40000')).kind, 'bound')
  const carol = sim.client('192.0.2.30:50000', { user: '@carol:example.org' })
  t.equal(carol.allocate().kind, 'allocated')
  t.end()
})

t.test('ten thousand errors of peers are a count and nothing else [SEC-42, NODE-02]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  const peer = sim.peer('198.51.100.7:40000')
  alice.allocate()
  alice.permit(peer)
  const told = sim.world.events.length
  for (let i = 0; i < 10_000; i++) sim.unreachable(alice.relayed, peer.address, { type: 11, code: 0 })
  t.equal(sim.world.events.length, told, 'nothing to log')
  t.equal(sim.allocations, 1)
  alice.send(peer, 'still relayed')
  t.equal(peer.inbox.at(-1), 'still relayed')
  t.end()
})

t.test('two allocations that are each other’s peers hand on a packet once, and not for ever [ABU-09]', t => {
  for (const forwarder of ['table', 'none'] as const) {
    const sim = new Sim({ forwarder })
    const [alice, bob] = [
      sim.client('192.0.2.10:50000'),
      sim.client('192.0.2.11:50000', { user: '@bob:example.org' }),
    ]
    alice.allocate()
    bob.allocate()
    alice.bind(0x4000, bob)
    bob.bind(0x4000, alice)
    alice.send(0x4000, 'round')
    sim.advance(minutes(1))
    t.strictSame(bob.inbox, ['round'])
    t.strictSame(alice.inbox, [])
    t.equal(sim.world.toPeers.length, 0, 'nothing went by the network')
  }
  t.end()
})
