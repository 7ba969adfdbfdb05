import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { Calls, compareLoss, type Loss, lossRate, lost } from '../support/calls.ts'
import { eventually, keepLog, ROOMY } from '../support/lifecycle.ts'
import { SECRET } from '../support/settings.ts'
import { needWorkers, startTwoWorkers } from '../support/two-workers.ts'

const CALLS = 50
/** Milliseconds that a worker hangs before it is replaced. */
const HANGS = 10_000
const HANGING = new URL('../support/hanging-worker.ts', import.meta.url)

t.setTimeout(300_000)

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
    t.ok(during.sent > 0)
    t.ok(lossRate(during) <= lossRate(without), `${lost(during)} lost during, ${lost(without)} without`)
    t.match(await victims[0]!.allocate(), { kind: 'allocated' }, 'its place serves again')
  },
)

t.test(
  'a worker that hangs is replaced, and the calls of the others lose nothing [NODE-10]',
  needWorkers(),
  async t => {
    const { relay, calls, victims } = await begin(t, HANGING)
    const { without, during } = await compareLoss(
      calls,
      async () => {
        const broke = relay.logged(/a worker broke/)
        relay.hands[0]!.post([{ kind: 'hang' } as never])
        t.match(await broke, { worker: 0, error: /hung/ })
        t.ok(await eventually(async () => (await relay.page('/readyz')).ready, 60_000))
      },
      // Whatever hangs takes a core from all others, and that is not what is asked.
      spin,
    )

    say(t, without, during)
    t.ok(lossRate(during) <= lossRate(without), `${lost(during)} lost during, ${lost(without)} without`)
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

/** Keeps a thread of this process busy for as long as a worker hangs before it is replaced. */
async function spin(): Promise<void> {
  const thread = new Worker('for (;;);', { eval: true })
  await pause(HANGS)
  await thread.terminate()
}

function say(t: Test, without: Loss, during: Loss): void {
  t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
}
