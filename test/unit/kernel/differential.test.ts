import t from 'tap'
import { Stage } from '../../sim/actions.ts'
import { assertSameStory, modelRuns } from '../../support/differential.ts'
import { KINDS } from '../../support/kernel-rig.ts'
import { KernelSim } from '../../support/kernel-sim.ts'
import { enterNamespace, needNamespaces } from '../../support/namespaces.ts'

const isInside = await enterNamespace(import.meta.url)
const RUNS = modelRuns(20_261_130)
const kernel = isInside ? new KernelSim() : undefined

/** The same story is played by the core alone, and with the table and the programs in the kernel before it. */
for (const kind of KINDS) {
  t.test(`with the kernel everybody sees what they see without (${kind})`, needNamespaces(), async t => {
    const before = kernel!.sent
    assertSameStory(
      1,
      () => [
        new Stage({ makeForwarder: parts => kernel!.enter(kind, parts) }),
        new Stage({ forwarder: 'none' }),
      ],
      RUNS,
    )
    t.ok(kernel!.sent - before > 20, `the kernel relayed ${kernel!.sent - before} of the datagrams`)
  })
}
