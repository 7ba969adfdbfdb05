import t, { type Test } from 'tap'
import { Calls, compareLoss, type Loss, lost } from '../support/calls.ts'
import { eventually, keepLog, ROOMY } from '../support/lifecycle.ts'
import { SECRET } from '../support/settings.ts'
import { needWorkers, startTwoWorkers } from '../support/two-workers.ts'

const CALLS = 50
const HANGING = new URL('../support/hanging-worker.ts', import.meta.url)

t.setTimeout(120_000)

t.test(
  'a worker that dies under fifty calls takes none of the others’ packets with it [OPS-05, NODE-10]',
  needWorkers(),
  async t => {
    const { relay, calls, victims } = await begin(t)
    const { without, during } = await compareLoss(calls, async () => {
      const broke = relay.logged(/a worker broke/)
      relay.hands[0]!.terminate()
      t.match(await broke, { worker: 0 })
      t.ok(await eventually(async () => (await relay.page('/readyz')).ready, 60_000))
    })

    say(t, without, during)
    t.ok(lost(during) <= lost(without), `${lost(during)} lost during, ${lost(without)} without`)
    t.ok(during.sent > 0)
    t.match(await victims[0]!.allocate(), { kind: 'allocated' }, 'its place serves again')
  },
)

t.test(
  'a worker that hangs is replaced, and the calls of the others lose nothing [NODE-10]',
  needWorkers(),
  async t => {
    const { relay, calls, victims } = await begin(t, HANGING)
    const without = await calls.lossOf()

    const broke = relay.logged(/a worker broke/)
    const during = await calls.lossOf(async () => {
      relay.hands[0]!.post([{ kind: 'hang' } as never])
      t.match(await broke, { worker: 0, error: /hung/ })
      t.ok(await eventually(async () => (await relay.page('/readyz')).ready, 60_000))
    })

    say(t, without, during)
    const noise = (during.sent / without.sent) * lost(without)
    t.ok(lost(during) <= noise, `${lost(during)} lost during, ${lost(without)} without`)
    t.match(await victims[0]!.allocate(), { kind: 'allocated' }, 'its place serves again')
  },
)

/** Fifty calls that talk, of which those of the first worker are left out of the count. */
async function begin(t: Test, worker?: URL) {
  const relay = await startTwoWorkers(t, { limits: ROOMY.limits }, worker)
  t.teardown(() => keepLog(relay.lines.map(line => `${JSON.stringify(line)}\n`).join('')))
  const calls = await Calls.open({ port: relay.port, secret: SECRET, count: CALLS })
  t.teardown(() => calls.close())
  const shards = calls.relayed.map(relayed => relay.shardOf(relayed))
  const victims = calls.clients.filter((_, i) => shards[i] === 0)
  t.ok(victims.length > 0 && victims.length < CALLS, `${victims.length} of ${CALLS} calls with the first`)
  calls.leaveOut(victims)
  calls.talk()
  return { relay, calls, victims }
}

function say(t: Test, without: Loss, during: Loss): void {
  t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
}
