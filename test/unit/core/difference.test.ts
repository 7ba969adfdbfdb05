import fc from 'fast-check'
import t from 'tap'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import type { Witness } from '../../../src/core/decisions.ts'
import { CopiedState } from '../../../src/core/snapshot/difference.ts'
import { everybody } from '../../../src/core/snapshot/record.ts'
import { Recorder } from '../../../src/recording/recorder.ts'
import { actions, Stage } from '../../sim/actions.ts'
import { dice, seedOf } from '../../sim/random.ts'
import type { SimOptions } from '../../sim/sim.ts'
import { RouteNames, SEED, Twin, whole } from '../../sim/twin.ts'

/** How often in so many steps a copy is begun, is brought up to date, and is what goes on. */
const [BEGUN, UPDATED, SWITCHED] = [0.1, 0.08, 0.01]

for (const [name, options] of [
  ['the core alone', { forwarder: 'none' }],
  ['a table', { forwarder: 'table', openDelay: 700 }],
  [
    'limits',
    {
      forwarder: 'none',
      limits: {
        bytesPerSecondPerUser: 2000,
        bytesPerSecond: 5000,
        peersPerUserPerMinute: 3,
        unverifiedAnswersPerNetwork: 2,
        unverifiedAnswers: 5,
        backOff: true,
      },
    },
  ],
] as const satisfies readonly (readonly [string, SimOptions])[]) {
  t.test(`a relay copied at any step and brought up to date at another goes on as the first (${name})`, t => {
    let differences = 0
    let changed = 0
    let compared = 0
    const roll = dice(seedOf(SEED, `difference ${name}`))
    for (const list of fc.sample(actions(4), { numRuns: 20, seed: SEED })) {
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
