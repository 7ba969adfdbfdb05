import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type CallClient, callClient } from '../support/call-client.ts'
import { lost } from '../support/calls.ts'
import { eventually, openCalls, page, ROOMY, startServe } from '../support/lifecycle.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(300_000)

/** MiB of V8's heap, of which the relay itself needs most. */
const HEAP = 44
/** More than there is memory for, and fewer than there are ports. */
const MOST = 6000

/** Ways to fill the memory that stay below the limits of every user. */
const VARIANTS = {
  'many users with an allocation each': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i}:example.org`),
  'few users with many': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i % 8}:example.org`),
  'connections over TCP': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i % 8}:example.org`, 'tcp'),
  'reserved ports': (t: Test, relay: RunningRelay, i: number) =>
    open(t, relay, `@user${i % 8}:example.org`, 'udp', { port: 'pair' }),
} as const

for (const [name, openOne] of Object.entries(VARIANTS)) {
  t.test(`S-02: a heap that users fill is refused in time and told of: ${name}`, async t => {
    const relay = await startServe(t, {
      before: `exec env NODE_OPTIONS=--max-old-space-size=${HEAP}`,
      settings: {
        limits: {
          ...ROOMY.limits,
          allocationsPerAddress: 10_000,
          connections: 10_000,
          connectionsPerAddress: 10_000,
        },
        relay: { addresses: ['127.0.0.1'], ports: '10000-29999' },
        log: { level: 'warn', format: 'json' },
      },
    })
    const calls = (await openCalls(t, relay, 5)).talk()
    const clients: CallClient[] = []
    let code = 0
    const during = await calls.lossOf(async () => {
      while (code === 0 && clients.length < MOST) {
        const one = await openOne(t, relay, clients.length)
        code = one.code
        clients.push(one.client)
      }
      await pause(2000)
    })
    t.comment(`${clients.length} until it was refused`)
    t.equal(code, 508)
    t.equal(lost(during), 0, 'calls go on')
    t.match(await page(relay, '/readyz'), { status: 503, text: /memory/ })
    t.match(relay.child.output, /"memory":"heap".*memory is nearly full/)
    t.equal(relay.child.exit, undefined)

    for (const one of clients.slice(0, -1)) await one.refresh(0)
    t.ok(await eventually(async () => (await page(relay, '/readyz'))?.status === 200, 60_000), 'ready again')
    t.equal((await open(t, relay, '@late:example.org')).code, 0)
  })
}

async function open(
  t: Test,
  relay: RunningRelay,
  user: string,
  via: 'udp' | 'tcp' = 'udp',
  options: Parameters<CallClient['allocate']>[0] = {},
): Promise<{ client: CallClient; code: number }> {
  const client = await callClient(relay.port, relay.secret, user, via)
  t.teardown(() => client.close())
  const event = await client.allocate(options)
  return { client, code: event.kind === 'allocated' ? 0 : event.kind === 'rejected' ? event.code : -1 }
}
