import t, { type Test } from 'tap'
import { lost } from '../support/calls.ts'
import { Child } from '../support/child.ts'
import { upgrade } from '../support/hand-over.ts'
import { openCalls, startServe } from '../support/lifecycle.ts'
import { MAIN, type RunningRelay } from '../support/relay.ts'

/* A new process that runs short of something while it takes over; what it has taken until then goes back. */

t.setTimeout(180_000)

const CALLS = 120

t.test('a new process that runs out of descriptors or memory changes nothing', async t => {
  const relay = await startServe(t, { settings: { control: 'auto' } })
  const udp = (await openCalls(t, relay, CALLS)).talk()
  const tcp = (await openCalls(t, relay, 10, 'tcp')).talk()

  const fail = async () => {
    // Enough for the program; for it and the listeners; and for all but a few of the calls.
    for (const descriptors of [30, 50, CALLS + 25]) {
      const output = await failing(t, relay, `ulimit -n ${descriptors}; exec "$@"`)
      t.comment(`${descriptors} descriptors: ${output.trim().split('\n').at(-1)}`)
      // It may be something else of it that wants one more when there is none.
      if (descriptors > CALLS)
        t.match(output, /descriptors cannot be taken: recvmsg EMFILE|limit of open files/)
    }
    // Too little for the program; and for what it takes over.
    for (const mebibytes of [6, 12])
      await failing(t, relay, `node=$1; shift; exec "$node" --max-old-space-size=${mebibytes} "$@"`)
  }
  const failed = fail()
  const [a, b] = await Promise.all([udp.lossOf(() => failed), tcp.lossOf(() => failed)])
  t.equal(lost(a), 0, `UDP: ${JSON.stringify(a)}`)
  t.equal(lost(b), 0, `TCP: ${JSON.stringify(b)}`)
  t.equal(relay.child.exit, undefined)
  t.match(await upgrade(t, relay), { ok: true, allocations: CALLS + 10 }, 'one that has enough takes over')
})

/** Starts a process to take over in this way, which must fail; returns what it said. */
async function failing(t: Test, relay: RunningRelay, how: string): Promise<string> {
  const command = [process.execPath, MAIN, 'serve', '--take-over', '--config', relay.config!]
  const child = new Child('sh', ['-c', how, 'sh', ...command])
  t.teardown(() => child.stop())
  const { code, signal } = await child.exited
  t.ok(signal !== null || code !== 0, `${how} ended with ${code ?? signal}`)
  return child.output
}
