import t from 'tap'
import type { Input } from '../../../src/core/input.ts'
import { CHANNEL_NUMBER, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { writeChannelData } from '../../../src/wire/channel.ts'
import { Method } from '../../../src/wire/message.ts'
import { Sim, type SimOptions } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

/** Milliseconds that each request takes here, and how many of them fit a turn. */
const COST = 0.25
const FIT = 4

t.test('S-01: requests of one client wait, and packets that come after them do not', t => {
  const { sim, alice, bob, evil, handled } = scene()
  flood(evil, 100)
  alice.post(writeChannelData(0x4001 as never, Buffer.from('hello')))
  let atData: number | undefined
  sim.net.attach(bob.address, () => (atData = handled.length))
  sim.settle()

  t.ok(atData! <= 2 * FIT, `after ${atData} requests`)
  t.equal(handled.length, 100, 'all are answered in the end')
  t.equal(sim.counters.read('dropBacklog'), 0)
  t.end()
})

t.test('S-01: no turn takes more requests than fit, whatever the number of batches', t => {
  for (const batching of [1, 3, 16]) {
    const { sim, evil, turns } = scene({ batching })
    flood(evil, 50)
    sim.settle()
    t.equal(Math.max(...turns()), FIT, `batches of ${batching}`)
    t.equal(
      turns().reduce((sum, one) => sum + one),
      50,
    )
  }
  t.end()
})

t.test('S-01: users are served in turn, however many allocations one of them floods from', t => {
  const { sim, alice, evil, handled } = scene()
  const more = Array.from({ length: 20 }, (_, i) =>
    allocated(sim.client(`192.0.2.${100 + i}:50000`, { user: evil.user })),
  )
  handled.length = 0
  for (let round = 0; round < 10; round++) for (const one of more) flood(one, 1)
  flood(alice, 3)
  sim.settle()

  const places = handled.flatMap((from, place) => (from === alice.address.key ? [place] : []))
  t.equal(handled.length, 203)
  t.ok(places.at(-1)! <= FIT + 6, `alice is ${places}`)
  t.end()
})

t.test('S-01: newcomers do not wait for what clients ask, and are not kept', t => {
  const { sim, evil, handled } = scene()
  const strangers = Array.from({ length: 40 }, (_, i) => sim.client(`192.0.2.${100 + i}:50000`))
  flood(evil, 40)
  for (const one of strangers) one.post(one.craft(Method.Binding))
  sim.settle()

  const places = strangers.map(one => handled.indexOf(one.address.key))
  t.ok(Math.max(...places) <= FIT + strangers.length, `the last at place ${Math.max(...places)}`)
  t.equal(handled.length, 80)
  t.end()
})

t.test('S-01: what newcomers sign with a nonce of theirs takes turns, right or wrong', t => {
  for (const password of ['right', 'wrong']) {
    const { sim, alice, bob, handled, turns } = scene()
    const newcomers = Array.from({ length: 40 }, (_, i) => sim.client(`192.0.2.${100 + i}:50000`))
    const asked = newcomers.map(one =>
      one.craft(Method.Refresh, password === 'wrong' ? { password: 'no' } : {}),
    )
    sim.settle()
    handled.length = 0
    const before = turns().length
    for (const [i, one] of newcomers.entries()) one.post(asked[i]!)
    alice.post(writeChannelData(0x4001 as never, Buffer.from('hello')))
    let atData: number | undefined
    sim.net.attach(bob.address, () => (atData = handled.length))
    sim.settle()

    t.ok(atData! <= 2 * FIT, `${password}: after ${atData} requests`)
    t.equal(Math.max(...turns().slice(before)), FIT)
    t.equal(handled.length, 40, 'all are answered in the end')
  }
  t.end()
})

t.test('S-01: what is signed with the nonce of another address is judged at once, and not kept', t => {
  const { sim, evil, handled } = scene()
  const bytes = evil.craft(Method.Refresh)
  flood(evil, 40)
  const forged = Array.from({ length: 40 }, (_, i) => sim.client(`192.0.2.${100 + i}:50000`))
  for (const one of forged) one.post(bytes)
  sim.settle()

  const places = forged.map(one => handled.indexOf(one.address.key))
  t.ok(Math.max(...places) <= FIT + forged.length, `the last at place ${Math.max(...places)}`)
  t.end()
})

t.test('S-01: beyond the bound the oldest requests of who has most are dropped and counted', t => {
  const { sim, alice, evil, handled } = scene()
  flood(evil, 5000)
  flood(alice, 1)
  const before = alice.raw.length
  sim.settle()

  t.equal(alice.raw.length, before + 1)
  t.equal(sim.counters.read('dropBacklog'), 5001 - FIT - 4096)
  t.equal(handled.length, 4096 + FIT)
  t.end()
})

t.test('S-01: what is forged in the name of a client does not drive out its requests', t => {
  const { sim, alice, handled } = scene()
  const own = Array.from({ length: 20 }, () => alice.craft(Method.Refresh))
  const nonce = 'obMatJos2AAAA'.padEnd(29, 'x')
  const forged = alice.craft(Method.Refresh, { nonce })
  handled.length = 0
  const before = alice.raw.length
  for (let i = 0; i < 100; i++) alice.post(forged)
  for (const bytes of own) alice.post(bytes)
  for (let i = 0; i < 10_000; i++) alice.post(forged)
  sim.settle()

  const answered = new Set(alice.raw.slice(before).map(bytes => bytes.toString('latin1', 8, 20)))
  t.ok(sim.counters.read('dropBacklog') > 5000)
  t.equal(own.filter(bytes => answered.has(bytes.toString('latin1', 8, 20))).length, 20)
  t.end()
})

t.test('what a client sends behind a request that waits stays behind it', t => {
  const { sim, alice, evil } = scene()
  flood(evil, 20)
  const carol = sim.peer('198.51.100.8:40000')
  alice.post(
    alice.craft(Method.ChannelBind, {
      fields: writer => writer.set(CHANNEL_NUMBER, 0x4003).set(XOR_PEER_ADDRESS, carol.address),
    }),
  )
  alice.post(writeChannelData(0x4003 as never, Buffer.from('at once')))
  sim.settle()

  t.same(carol.inbox, ['at once'])
  t.end()
})

t.test(
  'a connection that ends takes along what waits from it, and who gets its number gets no answer to that',
  t => {
    const { sim, evil, onTurn } = scene()
    const gone = allocated(sim.client('192.0.2.50:50000', { user: '@gone:example.org', via: 'tcp' }))
    flood(evil, 20)
    const before = sim.counters.read('refreshRequest')
    gone.post(gone.craft(Method.Refresh))
    let next: SimClient | undefined
    onTurn.push(() => {
      sim.world.hungUp(gone.socket!)
      next = sim.client('192.0.2.51:50000', { user: '@next:example.org', via: 'tcp' })
    })
    sim.settle()

    t.equal(next!.socket, gone.socket, 'the number is given again')
    t.same(next!.raw, [])
    t.equal(sim.counters.read('refreshRequest') - before, 20)
    t.end()
  },
)

t.test('S-01: what has waited for a snapshot is served in turns', t => {
  const { sim, evil, turns } = scene()
  const taking = sim.shard.snapshot()
  taking.next()
  flood(evil, 50)
  sim.settle()
  t.same(turns(), [], 'the core stands still')
  while (!taking.next().done);
  sim.settle()

  t.equal(Math.max(...turns()), FIT)
  t.equal(
    turns().reduce((sum, one) => sum + one),
    50,
  )
  t.end()
})

t.test('A-02: requests that another shard refers take turns like all others', t => {
  const { sim, turns, handled } = scene()
  const evil = allocated(sim.client('192.0.2.90:50000', { user: '@evil:example.org', via: 'tcp' }))
  const before = handled.length
  for (let i = 0; i < 50; i++) {
    const bytes = evil.craft(Method.Refresh)
    const { address: from, socket } = evil
    sim.shard.take({ kind: 'datagram', via: 'tcp', socket: socket!, from, bytes, isReferred: true })
  }
  sim.settle()
  t.equal(Math.max(...turns()), FIT)
  t.equal(handled.length - before, 50)
  t.end()
})

/** Alice with a channel to bob, and evil with an allocation, where each request takes its time. */
function scene(options: SimOptions = {}) {
  /** By whom each request came, and how many turns had been asked for by then. */
  const handled: (number | string)[] = []
  const turnOf: number[] = []
  let turn = 0
  const onTurn: (() => void)[] = []
  let started = false
  const sim: Sim = new Sim({
    ...options,
    witness: {
      began: own => own,
      handled: (input: Input) => {
        if (!started || input.kind !== 'datagram' || input.via === 'relay' || input.bytes[0]! >= 0x40) return
        handled.push(input.from.key)
        turnOf.push(turn)
        sim.world.worked += COST
      },
    },
  })
  const bob = sim.peer('198.51.100.7:40000')
  const alice = allocated(sim.client('192.0.2.10:50000'))
  alice.bind(0x4001, bob)
  const evil = allocated(sim.client('192.0.2.66:50000', { user: '@evil:example.org' }))
  sim.settle()
  started = true
  const next = sim.shard.continue.bind(sim.shard)
  sim.shard.continue = () => {
    turn++
    onTurn.pop()?.()
    next()
  }
  const turns = () => [...new Set(turnOf)].map(one => turnOf.filter(other => other === one).length)
  return { sim, alice, bob, evil, handled, turns, onTurn }
}

function allocated(client: SimClient): SimClient {
  client.allocate()
  return client
}

/** Puts signed requests on the network, each another one. */
function flood(client: SimClient, count: number): void {
  for (let i = 0; i < count; i++) client.post(client.craft(Method.Refresh))
}
