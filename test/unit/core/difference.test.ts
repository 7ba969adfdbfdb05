import fc from 'fast-check'
import t from 'tap'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import type { Seconds } from '../../../src/base/time.ts'
import type { Witness } from '../../../src/core/decisions.ts'
import { CopiedState } from '../../../src/core/snapshot/difference.ts'
import { everybody } from '../../../src/core/snapshot/record.ts'
import { Recorder } from '../../../src/recording/recorder.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { dice, seedOf } from '../../sim/random.ts'
import { Sim } from '../../sim/sim.ts'
import { parts, RouteNames, SEED, Twin, whole } from '../../sim/twin.ts'
import { VARIETIES } from '../../sim/varieties.ts'

/** How often in so many steps a copy is begun, is brought up to date, and is what goes on. */
const [BEGUN, UPDATED, SWITCHED] = [0.1, 0.04, 0.008]

for (const [name, options] of VARIETIES) {
  t.test(`a relay copied at any step and brought up to date at another goes on as the first (${name})`, t => {
    let differences = 0
    let changed = 0
    let compared = 0
    const roll = dice(seedOf(SEED, `difference ${name}`))
    for (const list of fc.sample(actions(4), { numRuns: 14, seed: SEED })) {
      let copy: { readonly twin: Twin; readonly copied: CopiedState } | undefined
      let twin: Twin | undefined
      let stage: Stage | undefined
      let commands = ''
      const names = new RouteNames()
      const recorder = new Recorder({ version: 'test', worker: 0 }, entry => {
        if (entry.kind !== 'step' || !stage) return true
        const { relay, config } = stage.sim
        if (twin) {
          compared++
          const others = twin.take(entry.input, entry.at, entry.asked)
          if (others !== commands)
            throw new Error(`${entry.input.kind}\nfirst: ${commands}\ntwin:  ${others}`)
        }
        if (!copy && roll() < BEGUN) {
          const copied = new CopiedState()
          whole(relay.noteCopied(copied, everybody))
          copy = { copied, twin: new Twin(config, whole(relay.snapshot(entry.at)), entry.at) }
          return true
        }
        if (!copy || roll() > UPDATED) return true
        const before = new Map(copy.copied.records)
        copy.twin.restore(whole(relay.difference(entry.at, open => open, everybody, copy.copied)), entry.at)
        differences++
        for (const [id, record] of copy.copied.records) if (before.get(id) !== record) changed++
        if (!whole(copy.twin.relay.snapshot(entry.at)).equals(whole(relay.snapshot(entry.at))))
          throw new Error('the copy has another state')
        if (JSON.stringify(copy.twin.relay.sizes()) !== JSON.stringify(relay.sizes()))
          throw new Error('the copy holds more or less')
        if (roll() < SWITCHED / UPDATED) {
          twin = copy.twin
          copy = undefined
        }
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
    t.ok(differences > 100, `${differences} differences`)
    t.ok(changed > 50, `${changed} allocations changed in between`)
    t.ok(compared > 1000, `${compared} steps afterwards`)
    t.end()
  })
}

const MINUTE = 60_000

/** What may change while a copy is on its way, and how many allocations are sent again as a whole or have ended. */
const CHANGES: readonly (readonly [
  name: string,
  change: (here: ReturnType<typeof world>) => void,
  sent: number,
])[] = [
  ['nothing', () => {}, 0],
  ['data that is relayed', ({ alice }) => alice.send(0x4001, 'hello'), 0],
  ['a new allocation', ({ sim }) => void sim.client('192.0.2.77:50000').allocate(), 1],
  ['an allocation that is given back', ({ alice }) => void alice.release(), 1],
  ['a new permission', ({ alice, carol }) => void alice.permit(carol), 1],
  ['a new channel', ({ alice, carol }) => void alice.bind(0x4002, carol), 1],
  [
    'a channel that is bound again',
    ({ alice, bob, sim }) => {
      sim.advance(1000)
      alice.bind(0x4001, bob)
    },
    1,
  ],
  [
    'an allocation that is refreshed',
    ({ alice, sim }) => {
      sim.advance(1000)
      alice.refresh(3600)
    },
    1,
  ],
  ['a permission that runs out', ({ sim }) => sim.advance(6 * MINUTE), 5],
  ['allocations that run out', ({ sim }) => sim.advance(70 * MINUTE), 5],
  ['a client that moves, with its ticket', ({ alice }) => void alice.at('198.51.100.20:1234').resume(), 1],
  ['a TCP client that comes', ({ sim }) => void sim.client('192.0.2.78:50000', { via: 'tcp' }).allocate(), 1],
  ['a TCP client that hangs up', ({ dave }) => dave.hangUp(), 1],
  // Both ends of a route that leads from one to the other are sent.
  [
    'one of two who talk to each other',
    ({ erin, sim }) => {
      sim.advance(1000)
      erin.refresh(3600)
    },
    2,
  ],
  ['the other of two who hangs up', ({ frank }) => void frank.release(), 2],
]

/** Everybody talks: to a peer, over TCP, and two to each other. */
function world() {
  const sim = new Sim({ config: { lifetime: { default: 3600 as Seconds, max: 3600 as Seconds } } })
  const [bob, carol] = [sim.peer('198.51.100.7:40000'), sim.peer('198.51.100.8:40000')]
  const alice = sim.client('192.0.2.10:50000', { user: '@alice:example.org' })
  const dave = sim.client('192.0.2.11:50000', { user: '@dave:example.org', via: 'tcp' })
  const erin = sim.client('192.0.2.12:50000', { user: '@erin:example.org' })
  const frank = sim.client('192.0.2.13:50000', { user: '@frank:example.org' })
  const grace = sim.client('192.0.2.14:50000', { user: '@grace:example.org' })
  for (const client of [alice, dave, erin, frank, grace]) client.allocate({ mobility: client === alice })
  alice.bind(0x4001, bob)
  dave.permit(bob)
  erin.bind(0x4001, frank)
  frank.bind(0x4001, erin)
  erin.send(0x4001, 'hello')
  frank.send(0x4001, 'hello')
  grace.permit(bob)
  return { sim, alice, bob, carol, dave, erin, frank }
}

for (const [name, change, sent] of CHANGES) {
  t.test(`a copy is brought up to date by what has changed: ${name}`, t => {
    const here = world()
    const { sim } = here
    const copied = new CopiedState()
    const other = new Sim({ seed: 2 })
    const restore = (octets: Buffer, more: boolean) =>
      t.match(whole(other.shard.restore(octets, more)), { ok: true })
    restore(whole(sim.shard.snapshot(everybody, copied)), true)

    change(here)
    sim.settle()
    const difference = whole(sim.shard.difference(everybody, copied))
    restore(difference, false)

    t.equal(copied.changed, sent)
    const found = parts(difference).flatMap(part => (part.kind === 'allocations' ? part.value : []))
    t.ok(found.length <= sent, `${found.length} as a whole`)
    const state = (one: Sim) => whole(one.relay.snapshot(sim.now, open => one.shard.carried(open)))
    t.ok(state(other).equals(state(sim)))
    t.end()
  })
}

t.test('what arrives between two copies waits for the last', t => {
  const { sim } = world()
  const copied = new CopiedState()
  const other = new Sim({ seed: 2 })
  whole(other.shard.restore(whole(sim.shard.snapshot(everybody, copied)), true))

  other.shard.take({ kind: 'drain', on: true })
  t.equal(other.relay.draining, false)
  t.equal(other.shard.isQuiet, false)
  whole(other.shard.restore(whole(sim.shard.difference(everybody, copied))))
  t.equal(other.relay.draining, true)
  t.end()
})
