import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { CallClient } from '../support/call-client.ts'
import { Calls, compareLoss, type Loss, lossRate, lost } from '../support/calls.ts'
import { eventually, keepLog, ROOMY } from '../support/lifecycle.ts'
import { SECRET } from '../support/settings.ts'
import { needWorkers, startTwoWorkers } from '../support/two-workers.ts'

const CALLS = 100
/** Milliseconds that a worker hangs before it is replaced. */
const HANGS = 10_000
/** Seconds of packets of these calls that fit the sockets: on a busy machine a thread takes longer to start. */
const FITS = 3
const HANGING = new URL('../support/hanging-worker.ts', import.meta.url)

t.setTimeout(300_000)

t.test(
  'a worker that dies under a hundred calls loses none of them, and no packet that fits the sockets [OPS-05, NODE-10]',
  needWorkers(),
  async t => {
    const { relay, calls } = await begin(t)
    let longest = 0
    const { without, during } = await compareLoss(calls, async round => {
      const worker = round % 2
      const taken = relay.logged(/a worker has taken over/)
      relay.hands[worker]!.terminate()
      const line = await taken
      t.match(line, { worker, callsLost: 0 })
      longest = Math.max(longest, Number(line.seconds))
      t.ok(await eventually(async () => (await relay.page('/readyz')).ready, 60_000))
    })

    say(t, without, during)
    t.ok(during.sent > 0)
    t.ok(
      lossRate(during) <= lossRate(without) || longest > FITS,
      `${lost(during)} lost during, ${lost(without)} without, and ${longest} s at most until the next was there`,
    )
    await goOn(t, calls.clients)
  },
)

t.test(
  'a worker that hangs is replaced, its calls go on, and those of the others lose nothing [NODE-10]',
  needWorkers(),
  async t => {
    const { relay, calls, victims } = await begin(t, HANGING)
    calls.leaveOut(victims)
    const { without, during } = await compareLoss(
      calls,
      async () => {
        const broke = relay.logged(/a worker broke/)
        const taken = relay.logged(/a worker has taken over/)
        relay.hands[0]!.post([{ kind: 'hang' } as never])
        t.match(await broke, { worker: 0, error: /hung/ })
        t.match(await taken, { worker: 0, callsLost: 0 })
        t.ok(await eventually(async () => (await relay.page('/readyz')).ready, 60_000))
      },
      // Whatever hangs takes a core from all others, and that is not what is asked.
      spin,
    )

    say(t, without, during)
    t.ok(lossRate(during) <= lossRate(without), `${lost(during)} lost during, ${lost(without)} without`)
    await goOn(t, calls.clients)
  },
)

t.test(
  'calls from worker to worker go on, by channel and by indication, however one of the workers ends',
  needWorkers(),
  async t => {
    const relay = await startTwoWorkers(t, { limits: ROOMY.limits }, HANGING)
    t.teardown(() => keepLog(relay.lines.map(line => `${JSON.stringify(line)}\n`).join('')))
    const [alice, bob] = await relay.pair(t)
    t.match(await alice.client.bind(0x4001, bob.relayed), { kind: 'bound' })
    for (const how of ['throw', 'exit', 'reject'] as const) {
      const taken = relay.logged(/a worker has taken over/)
      relay.hands[alice.shard]!.post([{ kind: how } as never])
      t.match(await taken, { worker: alice.shard, callsLost: 0 }, how)
      // What is said is heard at once or, as UDP is, said again.
      await heard(bob.client, () => alice.client.send(0x4001, `by channel, ${how}`))
      await heard(alice.client, () => bob.client.send(alice.relayed, `by indication, ${how}`))
    }
    await goOn(t, [alice.client, bob.client])
    await alice.client.refresh(0)
    t.match(await alice.client.allocate(), { kind: 'allocated' }, 'its place serves again')
  },
)

t.test(
  'a TCP connection ends with its worker, and its allocation is told as lost',
  needWorkers(),
  async t => {
    const relay = await startTwoWorkers(t, { limits: ROOMY.limits })
    const without = await relay.join(t, '@tcp:example.org', 'tcp')
    const udp = await relay.join(t, '@udp:example.org')
    const taken = relay.logged(/a worker has taken over/)
    relay.hands[without.shard]!.terminate()
    const kept = udp.shard === without.shard ? 1 : 0
    t.match(await taken, { worker: without.shard, callsKept: kept })
    t.ok(
      relay.lines.some(line => line.msg === 'closed' && line.reason === 'lost' && line.transport === 'tcp'),
    )
    t.match(await udp.client.refresh(600), { kind: 'refreshed' })
  },
)

/** Fifty calls that talk, and those of them that the first worker has. */
async function begin(t: Test, worker?: URL) {
  const relay = await startTwoWorkers(t, { limits: ROOMY.limits }, worker)
  t.teardown(() => keepLog(relay.lines.map(line => `${JSON.stringify(line)}\n`).join('')))
  const calls = await Calls.open({ port: relay.port, secret: SECRET, count: CALLS })
  t.teardown(() => calls.close())
  const shards = calls.relayed.map(relayed => relay.shardOf(relayed))
  const victims = calls.clients.filter((_, i) => shards[i] === 0)
  t.ok(victims.length > 0 && victims.length < CALLS, `${victims.length} of ${CALLS} calls with the first`)
  calls.talk()
  return { relay, calls, victims }
}

/** Every client has its allocation still. */
async function goOn(t: Test, clients: readonly CallClient[]): Promise<void> {
  const answers = await Promise.all(clients.map(client => client.refresh(600)))
  t.same([...new Set(answers.map(({ kind }) => kind))], ['refreshed'])
}

/** Says something until the other one hears it. */
async function heard(client: CallClient, say: () => void): Promise<void> {
  const before = client.inbox.length
  const again = setInterval(say, 200)
  say()
  await client.received(before + 1)
  clearInterval(again)
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
