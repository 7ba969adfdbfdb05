import fc from 'fast-check'
import t from 'tap'
import { Counters } from '../../../src/base/counters.ts'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import { nothingCarried } from '../../../src/base/route.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Witness } from '../../../src/core/decisions.ts'
import { Relay } from '../../../src/core/relay.ts'
import type { AllocationRecord, SnapshotPart } from '../../../src/core/snapshot/parts.ts'
import { readSnapshot } from '../../../src/core/snapshot/read.ts'
import { SharedJournal } from '../../../src/journal/journal.ts'
import { Meters } from '../../../src/limits/meters.ts'
import { Recorder } from '../../../src/recording/recorder.ts'
import { sealing } from '../../../src/relay/sealing.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { dice, octets, seedOf } from '../../sim/random.ts'
import { Sim } from '../../sim/sim.ts'

const SEED = Number(process.env.MODEL_SEED ?? 20_261_130)
const OCTETS = 700_000

t.setTimeout(120_000)

function journalOf(memory = SharedJournal.memory(OCTETS)) {
  const journal = new SharedJournal(memory)
  return { journal, memory, legacy: journal.adopt(() => true) }
}

function copyOf(memory: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(memory.byteLength)
  new Uint8Array(copy).set(new Uint8Array(memory))
  return copy
}

function parts(snapshot: Buffer): SnapshotPart[] {
  const found: SnapshotPart[] = []
  for (const part of readSnapshot(snapshot)) if (part) found.push(part)
  return found
}

function whole<T>(slices: Generator<unknown, T>): T {
  let next = slices.next()
  while (!next.done) next = slices.next()
  return next.value
}

/** What the relay itself says of its open allocations. */
function ownRecords(relay: Relay, now: Time): AllocationRecord[] {
  return parts(whole(relay.snapshot(now)))
    .flatMap(part => (part.kind === 'allocations' ? part.value : []))
    .filter(({ state }) => state === 'open')
}

/** What of an allocation has to outlive a thread, as text: all but routes, figures, and what has lapsed. */
function text(all: readonly AllocationRecord[], now: Time): string {
  const told = all.map(
    ({ due: _due, traffic: _traffic, dropped: _dropped, permitted: _permitted, ...one }) => ({
      ...one,
      legs: one.legs.map(({ relay, expires }) => ({ relay, expires })),
      permissions: one.permissions
        .filter(({ expires }) => expires > now)
        .map(({ ip, expires }) => `${Buffer.from(ip).toString('hex')} ${expires}`)
        .sort(),
      peers: one.peers
        .filter(({ channel, expires }) => channel !== 0 && expires > now)
        .map(({ peer, channel, expires }) => `${peer.key} ${channel} ${expires}`)
        .sort(),
    }),
  )
  return JSON.stringify(
    told.sort((a, b) => a.id - b.id),
    (_key, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value),
  )
}

function freshRelay(config: Sim['config'], journal: SharedJournal): Relay {
  return new Relay({
    config,
    environment: {
      random: octets(dice(seedOf(SEED, 'successor'))),
      wall: at => at,
      reach: () => 'yes',
      authenticate: () => [],
      sealing,
    },
    counters: new Counters(),
    meters: new Meters(),
    lifetimes: new Lifetimes(),
    journal,
  })
}

t.test('a successor knows of every allocation what the relay knew, whichever input was its last', async t => {
  let looked = 0
  let greatest = 0
  let channels = 0
  const roll = dice(seedOf(SEED, 'journal'))
  for (const list of fc.sample(actions(4), { numRuns: 8, seed: SEED })) {
    const { journal, memory } = journalOf()
    let stage: Stage | undefined
    const recorder = new Recorder({ version: 'test', worker: 0 }, entry => {
      if (entry.kind !== 'step' || !stage || roll() > 0.02) return true
      const { relay, config } = stage.sim
      const now = entry.at
      const { journal: next, legacy } = journalOf(copyOf(memory))
      if (legacy.damaged > 0) throw new Error(`${legacy.damaged} cannot be read`)
      const own = ownRecords(relay, now)
      const expected = text(own, now)
      const found = text(legacy.allocations, now)
      if (found !== expected) throw new Error(`${entry.input.kind}\nrelay:   ${expected}\njournal: ${found}`)
      const successor = freshRelay(config, next)
      for (const one of legacy.allocations)
        successor.handle({ kind: 'restore', part: { kind: 'allocations', value: [one] } }, now)
      const taken = text(ownRecords(successor, now), now)
      if (taken !== expected) throw new Error(`relay:     ${expected}\nsuccessor: ${taken}`)
      looked++
      greatest = Math.max(greatest, own.length)
      channels += own.filter(one => one.peers.some(({ channel }) => channel !== 0)).length
      return true
    })
    const witness: Witness = {
      began: (own, config, lastId) => recorder.began(own, config, lastId),
      handled: (input, now, made) => recorder.handled(input, now, made),
    }
    stage = new Stage({ forwarder: 'table', openDelay: 700, witness, journal })
    for (const action of list) stage.do(action)
  }
  t.ok(looked > 50, `${looked} times`)
  t.ok(greatest > 2, `${greatest} allocations at once`)
  t.ok(channels > 3, `${channels} with channels`)
})

t.test('nothing is written for what is relayed, and little for what is renewed for hours', async t => {
  const { journal, memory } = journalOf()
  const sim = new Sim({ journal })
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  alice.bind(0x4001, bob)
  alice.send(0x4001, 'once, so that there is a route')
  const before = Buffer.from(copyOf(memory)).toString('latin1')
  for (let i = 0; i < 100; i++) alice.send(0x4001, 'hello')
  t.ok(before === Buffer.from(copyOf(memory)).toString('latin1'))

  for (let i = 0; i < 300; i++) {
    sim.advance(60_000)
    alice.turn.refresh({}, sim.now)
    alice.flush()
    alice.bind(0x4001, bob)
  }
  const written = new Uint8Array(memory).subarray(64 + (1 << 17) * 4)
  t.ok(written.lastIndexOf(0xff) < 16 * 1024 && written.findLastIndex(octet => octet !== 0) < 16 * 1024)
  const { legacy } = journalOf(copyOf(memory))
  t.equal(text(legacy.allocations, sim.now), text(ownRecords(sim.relay, sim.now), sim.now))
  alice.turn.refresh({ lifetime: 0 }, sim.now)
  alice.flush()
  sim.settle()
  t.equal(journal.size, 0)
})

t.test('the successor is told whom a thread was serving, and what was carried', async t => {
  const { journal, memory } = journalOf()
  const sim = new Sim({ journal })
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  const { id } = [...sim.relay.openAllocations()][0]!
  const carried = nothingCarried()
  carried.traffic.toPeer.packets = 7
  carried.traffic.toClient.bytes = 700
  carried.dropped = 3
  journal.carried(id, carried)
  let served: unknown
  const { prolonged } = journal
  journal.prolonged = (...told) => {
    served = SharedJournal.served(memory)
    return prolonged.apply(journal, told)
  }
  alice.turn.refresh({}, sim.now)
  alice.flush()
  sim.settle()

  t.equal(served, id)
  t.equal(SharedJournal.served(memory), undefined, 'and nobody once that is done')
  const found = journalOf(copyOf(memory)).legacy.allocations
  t.match(found, [{ id, dropped: 3, traffic: { toPeer: { packets: 7 }, toClient: { bytes: 700 } } }])
  const without = new SharedJournal(copyOf(memory))
  t.same(
    without.adopt(one => one.id !== id),
    { allocations: [], damaged: 0 },
  )
  t.equal(without.size, 0)
})

t.test('where there is no room allocations go on, and are counted', async t => {
  const { journal } = journalOf(SharedJournal.memory(0))
  const sim = new Sim({ journal })
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  alice.permit(sim.peer('198.51.100.7:40000'))
  t.equal([...sim.relay.openAllocations()].length, 1)
  t.equal(journal.size, 0)
  t.ok(journal.lacking > 0)
})
