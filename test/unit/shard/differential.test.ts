import fc from 'fast-check'
import t from 'tap'
import { type Action, actions, BudgetedStage, Stage } from '../../sim/actions.ts'
import type { PickyForwarder } from '../../sim/picky-forwarder.ts'
import type { SimOptions } from '../../sim/sim.ts'
import { assertSameStory, modelRuns } from '../../support/differential.ts'

const RUNS = modelRuns(20_260_802)

const SCENARIOS = [
  ['one datagram at a time', {}, 1],
  ['in batches', {}, 6],
  ['with a bandwidth limit', { limits: { bytesPerSecondPerUser: 2500, bytesPerSecond: 6000 } }, 1],
  ['with loss, jitter and duplicates', { loss: 0.05, duplication: 0.05, latency: 20, jitter: 30 }, 1],
] as const satisfies readonly (readonly [string, SimOptions, number])[]

/**
 * A forwarder may only do what the core would have done without it. The same
 * story is played with some and without any; everybody must see the same.
 */
for (const [forwarder, scenarios] of [
  ['table', SCENARIOS],
  ['picky, then table', SCENARIOS],
  ['picky', SCENARIOS.slice(0, 1)],
  ['picky twice, then table', SCENARIOS.slice(1, 2)],
] as const) {
  for (const [name, options, burst] of scenarios) {
    t.test(`with forwarders (${forwarder}) everybody sees what they see without: ${name} [OPS-18]`, t => {
      assertSameStory(
        burst,
        () => [new Stage({ ...options, forwarder }), new Stage({ ...options, forwarder: 'none' })],
        RUNS,
      )
      t.pass('no counterexample')
      t.end()
    })
  }
}

for (const forwarder of ['table', 'picky, then table'] as const) {
  t.test(`with forwarders (${forwarder}) users are slowed down as they are without`, t => {
    assertSameStory(
      6,
      () => [new BudgetedStage({ forwarder }), new BudgetedStage({ forwarder: 'none' })],
      RUNS,
    )
    t.pass('no counterexample')
    t.end()
  })
}

t.test('forwarders do carry some of it, so that the comparison means something', t => {
  const did = { relayed: 0, refused: 0, late: 0 }
  let byCore = 0
  let besideTable = 0
  let besideBoth = 0
  for (const list of fc.sample(actions(6), { numRuns: 100, seed: RUNS.seed })) {
    byCore += asked(new Stage({ forwarder: 'none' }), list)
    besideTable += asked(new Stage({ forwarder: 'table' }), list)
    const both = new Stage({ forwarder: 'picky, then table' })
    besideBoth += asked(both, list)
    both.end()
    const [picky] = both.sim.forwarders as [PickyForwarder]
    for (const key of ['relayed', 'refused', 'late'] as const) did[key] += picky.did[key]
  }
  t.ok(byCore > 100, `${byCore} by the core alone`)
  t.ok(besideTable < byCore - 50, `${besideTable} by the core beside the table`)
  t.ok(besideBoth < byCore - 50, `${besideBoth} by the core beside both`)
  t.ok(did.relayed > 20 && did.refused > 20 && did.late > 20, JSON.stringify(did))
  t.end()
})

/** Datagrams that the core was asked about. */
function asked(stage: Stage, list: readonly Action[]): number {
  for (const action of list) stage.do(action)
  return stage.sim.counters.read('passed')
}
