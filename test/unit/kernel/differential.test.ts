import fc from 'fast-check'
import t from 'tap'
import { actions, Stage } from '../../sim/actions.ts'
import { compareEnds, counts, same, seen } from '../../sim/compare.ts'
import { KINDS } from '../../support/kernel-rig.ts'
import { KernelSim } from '../../support/kernel-sim.ts'
import { enterNamespace, needNamespaces } from '../../support/namespaces.ts'

const isInside = await enterNamespace(import.meta.url)
const RUNS = {
  numRuns: Number(process.env.MODEL_RUNS ?? 100),
  seed: Number(process.env.MODEL_SEED ?? 20_261_130),
}
const kernel = isInside ? new KernelSim() : undefined

/** The same story is played by the core alone, and with the table and the programs in the kernel before it. */
for (const kind of KINDS) {
  t.test(`with the kernel everybody sees what they see without (${kind})`, needNamespaces(), async t => {
    const before = kernel!.sent
    fc.assert(
      fc.property(actions(1), list => {
        const fast = new Stage({ makeForwarder: parts => kernel!.enter(kind, parts) })
        const slow = new Stage({ forwarder: 'none' })
        for (const [step, action] of list.entries()) {
          fast.do(action)
          slow.do(action)
          same(counts(fast), counts(slow), `step ${step}: ${action.kind}`)
        }
        fast.end()
        slow.end()
        same(seen(fast), seen(slow), 'the end')
        compareEnds(fast, slow)
      }),
      RUNS,
    )
    t.ok(kernel!.sent - before > 20, `the kernel relayed ${kernel!.sent - before} of the datagrams`)
  })
}
