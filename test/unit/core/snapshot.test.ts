import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import type { Result } from '../../../src/base/result.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import type { Witness } from '../../../src/core/decisions.ts'
import { SNAPSHOT_VERSION, withoutSecrets } from '../../../src/core/snapshot/envelope.ts'
import { readSnapshot } from '../../../src/core/snapshot/read.ts'
import { Recorder } from '../../../src/recording/recorder.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { dice, seedOf } from '../../sim/random.ts'
import { Sim } from '../../sim/sim.ts'
import { parts, RouteNames, SEED, Twin, whole } from '../../sim/twin.ts'
import { VARIETIES } from '../../sim/varieties.ts'

for (const [name, options] of VARIETIES) {
  t.test(`C-01: a relay that is restored at any step goes on as the first would (${name})`, t => {
    let steps = 0
    let snapshots = 0
    let greatest = 0
    const roll = dice(seedOf(SEED, name))
    for (const list of fc.sample(actions(4), { numRuns: 12, seed: SEED })) {
      let twin: Twin | undefined
      let stage: Stage | undefined
      let commands = ''
      const names = new RouteNames()
      const recorder = new Recorder({ version: 'test', worker: 0 }, entry => {
        if (entry.kind !== 'step' || !stage) return true
        const { relay, config } = stage.sim
        if (twin) {
          const others = twin.take(entry.input, entry.at, entry.asked)
          if (others !== commands)
            throw new Error(`${entry.input.kind}\nfirst: ${commands}\ntwin:  ${others}`)
        }
        steps++
        if (roll() > 0.01) return true
        snapshots++
        const snapshot = whole(relay.snapshot(entry.at))
        greatest = Math.max(greatest, relay.sizes().allocations!)
        // Now of the first, now of the twin, so that copies are copied too.
        const from = twin && roll() < 0.5 ? whole(twin.relay.snapshot(entry.at)) : snapshot
        if (!from.equals(snapshot)) throw new Error('the twin has another state')
        const old = twin
        twin = new Twin(config, from, entry.at)
        if (old && JSON.stringify(twin.relay.sizes()) !== JSON.stringify(old.relay.sizes()))
          throw new Error('sizes')
        if (!whole(twin.relay.snapshot(entry.at)).equals(snapshot))
          throw new Error('it restores to another state')
        return true
      })
      const witness: Witness = {
        began: (own, config, lastId) => recorder.began(own, config, lastId),
        handled: (input, now, made) => {
          commands = names.text(made, stage?.sim.lifetimes ?? new Lifetimes())
          recorder.handled(input, now, made)
        },
      }
      stage = new Stage({ ...options, witness })
      for (const action of list) stage.do(action)
    }
    t.ok(steps > 10_000, `${steps} steps`)
    t.ok(snapshots > 80, `${snapshots} snapshots`)
    t.ok(greatest > 2, `${greatest} allocations at once`)
    t.end()
  })
}

t.test('C-01: a snapshot comes in slices, each of little work', t => {
  const sim = crowd(500)
  let slices = 0
  const taking = sim.shard.snapshot()
  let taken = taking.next()
  for (; !taken.done; taken = taking.next()) slices++
  const sizes = parts(taken.value).map(part => (part.kind === 'allocations' ? part.value.length : 0))

  t.ok(slices >= 6, `${slices} slices`)
  t.ok(Math.max(...sizes) <= 100, `at most ${Math.max(...sizes)} allocations at a time`)
  t.equal(
    sizes.reduce((sum, size) => sum + size),
    500,
  )
  t.end()
})

t.test('C-01: while a snapshot is taken forwarders relay, and the core answers afterwards', t => {
  const sim = new Sim()
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  alice.bind(0x4001, bob)
  alice.send(0x4001, 'before')

  const taking = sim.shard.snapshot()
  taking.next()
  alice.send(0x4001, 'during')
  const answers = alice.raw.length
  alice.turn.refresh({}, sim.now)
  alice.flush()
  sim.settle()
  t.same(bob.inbox, ['before', 'during'])
  t.equal(alice.raw.length, answers, 'a request waits')
  while (!taking.next().done);
  sim.settle()
  t.equal(alice.raw.length, answers + 1, 'and is answered')
  t.end()
})

t.test(
  'C-01: a shard that is restored relays on the channels that were bound, with the figures so far',
  t => {
    const sim = new Sim()
    const bob = sim.peer('198.51.100.7:40000')
    const alice = sim.client('192.0.2.10:50000')
    alice.allocate()
    alice.bind(0x4001, bob)
    alice.send(0x4001, 'hello')
    alice.send(0x4001, 'hello')
    const snapshot = whole(sim.shard.snapshot())

    const other = new Sim({ seed: 2 })
    const refused = whole(other.shard.restore(Buffer.from('nonsense')))
    t.match(refused, { ok: false, error: /not a snapshot/ })
    const restored: Result<number, string> = whole(other.shard.restore(snapshot))
    t.same(restored, { ok: true, value: 1 })
    const [allocation] = [...other.shard.openAllocations()]
    t.equal(other.shard.carried(allocation!).traffic.toPeer.packets, 2)
    t.equal(allocation!.id, [...sim.shard.openAllocations()][0]!.id)
    t.end()
  },
)

t.test('while a shard stands still data goes on, requests wait, and what was carried since is known', t => {
  const sim = new Sim()
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client('192.0.2.10:50000')
  const carol = sim.client('192.0.2.11:50000', { user: '@carol:example.org' })
  for (const client of [alice, carol]) {
    client.allocate()
    client.bind(0x4001, bob)
    client.send(0x4001, 'before')
  }
  const { shard } = sim
  shard.quieten()
  const answers = alice.raw.length
  alice.turn.refresh({}, sim.now)
  alice.flush()
  sim.settle()
  t.equal(alice.raw.length, answers, 'a request waits')
  t.ok(shard.isQuiet, 'and nothing else is under way')

  shard.standStill()
  const taking = shard.snapshot()
  taking.next()
  alice.send(0x4001, 'while it is written')
  const snapshot = whole(taking)
  alice.send(0x4001, 'after that')
  bob.send(alice.turn.relayed[0]!, 'back')
  shard.tick()
  sim.settle()
  t.same(bob.inbox.slice(2), ['while it is written', 'after that'])
  t.equal(alice.raw.length, answers + 1, 'what a peer has sent has come, and no answer')

  const other = new Sim({ seed: 2 })
  whole(other.shard.restore(snapshot))
  const carried = shard.carriedSince()
  t.equal(carried.length, 1, 'nothing is said of one that has carried nothing')
  other.shard.enter(carried)
  const figures = (one: Sim) => Array.from(one.shard.openAllocations(), open => one.shard.carried(open))
  t.same(figures(other), figures(sim))

  const waiting = shard.takeWaiting(({ from }) => from.port === 50_000 && from.ip[3] === 10)
  t.equal(waiting.length, 1)
  other.shard.take(waiting[0]!)
  other.settle()
  t.equal(other.counters.read('refreshRequest'), 1, 'who takes over answers it')
  shard.goOn(waiting)
  sim.settle()
  t.equal(alice.raw.length, answers + 2, 'and so does who goes on')
  t.same(shard.carriedSince(), [])
  t.end()
})

t.test('what waits for somebody who stays goes on to wait', t => {
  const sim = new Sim()
  const clients = ['192.0.2.10:50000', '192.0.2.11:50000'].map(at => sim.client(at))
  for (const client of clients) client.allocate()
  sim.shard.quieten()
  for (const client of clients) {
    client.turn.refresh({}, sim.now)
    client.flush()
  }
  sim.settle()
  sim.shard.standStill()
  const before = clients.map(({ raw }) => raw.length)
  t.equal(sim.shard.takeWaiting(({ from }) => from.ip[3] === 10).length, 1)
  const [first] = sim.shard.openAllocations()
  sim.shard.goOn([{ kind: 'revoke', allocation: first!.id, reason: 'handed-over' }])
  sim.settle()
  t.same(
    clients.map(({ raw }, i) => raw.length - before[i]!),
    [0, 1],
  )
  t.end()
})

t.test('C-01: no secret is left in a snapshot for a disk, and it cannot be restored', t => {
  const sim = crowd(3)
  const snapshot = whole(sim.relay.snapshot(sim.now))
  const stored = withoutSecrets(snapshot)
  const [base] = parts(snapshot)
  const keys = parts(snapshot).flatMap(part =>
    part.kind === 'allocations' ? part.value.map(({ identity }) => identity.key) : [],
  )
  const table = parts(snapshot).find(part => part.kind === 'table')
  if (base?.kind === 'base' && table)
    keys.push(base.value.nonceKey, Buffer.from(table.value.bytes.subarray(0, 64)))
  t.equal(keys.length, 5)
  for (const key of keys) {
    t.ok(snapshot.includes(key))
    t.notOk(stored.includes(key))
  }
  t.match(whole(readSnapshot(stored)), { ok: false, error: /without its secrets/ })
  t.end()
})

t.test('C-01: a snapshot that is not whole, or of another version, is refused and never throws', t => {
  const snapshot = whole(crowd(3).relay.snapshot(0 as Time))
  const other = Buffer.from(snapshot)
  other.writeUInt16BE(SNAPSHOT_VERSION + 1, 4)
  t.match(whole(readSnapshot(other)), { ok: false, error: /has version 6, and this relay reads version 5/ })
  t.match(whole(readSnapshot(Buffer.alloc(0))), { ok: false })
  const flags = Buffer.from(snapshot)
  flags.writeUInt16BE(3, 6)
  t.match(whole(readSnapshot(flags)), { ok: false, error: /flags/ })
  const state = snapshot.readUInt32BE(8)
  for (let length = 0; length < 16 + Math.min(state, 3000); length += 7) {
    t.match(whole(readSnapshot(snapshot.subarray(0, length))), { ok: false })
  }
  const roll = dice(seedOf(SEED, 'damage'))
  for (let i = 0; i < 2000; i++) {
    const damaged = Buffer.from(snapshot)
    const at = Math.floor(roll() * (16 + state))
    damaged[at] = damaged[at]! ^ (1 + Math.floor(roll() * 255))
    t.notOk(whole(readSnapshot(damaged)).ok)
    // What a faulty relay wrote has the right digest, and is refused or read, never thrown at.
    createHash('sha256').update(damaged.subarray(48)).digest().copy(damaged, 16)
    whole(readSnapshot(damaged))
  }
  t.end()
})

/** A relay with so many allocations, each with a channel. */
function crowd(size: number): Sim {
  const sim = new Sim({ config: { lifetime: { default: 600 as Seconds, max: 3600 as Seconds } } })
  const bob = sim.peer('198.51.100.7:40000')
  for (let i = 0; i < size; i++) {
    const alice = sim.client(`192.0.${i >> 8}.${i & 255}:50000`, { user: `@${i}:example.org` })
    alice.allocate()
    alice.bind(0x4001, bob)
  }
  return sim
}
