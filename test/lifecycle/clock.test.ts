import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { callClientWith } from '../support/call-client.ts'
import { lost } from '../support/calls.ts'
import { credential } from '../support/credentials.ts'
import { openCalls, secondsOf, startServe } from '../support/lifecycle.ts'
import { need } from '../support/need.ts'
import type { RunningRelay } from '../support/relay.ts'

t.setTimeout(60_000)

t.test(
  'a wall clock that jumps under calls costs no packet, and decides who is let in [OPS-14]',
  need('faketime'),
  async t => {
    const { relay, set } = await startAt(t, '+0')
    const calls = (await openCalls(t, relay, 10)).talk()
    const without = await calls.lossOf()

    const during = await calls.lossOf(async () => {
      set('+1h')
      t.match(await allocate(t, relay, 1800), { kind: 'rejected', code: 401 }, 'over, by the new time')
      set('-1h')
      t.match(await allocate(t, relay, -1800), { kind: 'allocated' }, 'not yet over')
      set('+10y')
      t.match(await allocate(t, relay, 86_400), { kind: 'rejected', code: 401 })
      t.match(await calls.clients[0]!.refresh(600), { kind: 'refreshed' })
      set('+0')
    })

    t.comment(`lost ${lost(without)} of ${without.sent} without, ${lost(during)} of ${during.sent} during`)
    t.ok(lost(during) <= lost(without))
    set('-1h')
    relay.child.signal('SIGTERM')
    await relay.child.says(/"stopping"/)
    set('-2h')
    const { value: exit, seconds } = await secondsOf(relay.child.exited)
    t.same(exit, { code: 0, signal: null })
    t.ok(seconds < 4, `the deadline is no matter of the date: ${seconds.toFixed(1)} s`)
  },
)

t.test(
  'a relay that starts before the machine knows the time is right once it does [OPS-14]',
  need('faketime'),
  async t => {
    const { relay, set } = await startAt(t, '-20y')
    const calls = (await openCalls(t, relay, 5)).talk()
    t.match(
      await allocate(t, relay, -3600),
      { kind: 'allocated' },
      'over since an hour, but who knows that here',
    )

    set('+0')

    t.match(await allocate(t, relay, -3600), { kind: 'rejected', code: 401 }, 'known now')
    t.match(await allocate(t, relay, 3600), { kind: 'allocated' })
    for (const client of calls.clients) t.match(await client.refresh(600), { kind: 'refreshed' })
    const after = await calls.lossOf()
    t.equal(lost(after), 0, 'and the calls of before go on')
  },
)

/** Starts a relay that sees another time than the machine; `set` changes which. */
async function startAt(t: Test, offset: string) {
  const file = join(t.testdir(), 'offset')
  const set = (offset: string) => writeFileSync(file, `${offset}\n`)
  set(offset)
  const before = [
    `exec env LD_PRELOAD='${library()}'`,
    `FAKETIME_TIMESTAMP_FILE='${file}'`,
    'FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1',
  ]
  const relay = await startServe(t, { before: before.join(' '), settings: { stop: { deadline: '2s' } } })
  return { relay, set }
}

function library(): string {
  const listed = execFileSync('dpkg', ['-L', 'libfaketime'], { encoding: 'utf8' })
  const found = listed.split('\n').find(path => path.endsWith('/libfaketime.so.1'))
  if (!found || !existsSync(found)) throw new Error('libfaketime is not where its package says')
  return found
}

/** What comes of an Allocate with a credential that ends so many seconds from now, by the right clock. */
async function allocate(t: Test, relay: RunningRelay, lifetime: number) {
  const client = await callClientWith(relay.port, credential(relay.secret, '@late:example.org', lifetime))
  t.teardown(() => client.close())
  return client.allocate()
}
