import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { address, parseIp } from '../../src/base/address.ts'
import { callClient } from '../support/call-client.ts'
import { eventually, keepLog, page } from '../support/lifecycle.ts'
import { Postgresql } from '../support/postgresql.ts'
import { type RunningRelay, startRelay } from '../support/relay.ts'
import { reload } from '../support/reload.ts'

t.setTimeout(240_000)

const BUDGET = 6_000_000
const family = (month: string) => ({
  groups: [{ name: 'family', users: ['@alice:example.org', '@bob:example.org'], month }],
})
const KEYS = JSON.stringify({ keys: [{ key: 'ab'.repeat(32), since: '2026-06-01T00:00:00.000Z' }] })

const postgresql = await Postgresql.start(t as Test)
const database = postgresql.database()
const sink = createSocket('udp4').bind(0, '127.0.0.1')
t.teardown(() => sink.close())
await once(sink, 'listening')
const there = address(parseIp('127.0.0.1')!, sink.address().port)

const one = await member('udp', '@alice:example.org')
const other = await member('tcp', '@bob:example.org')
const both = [one, other]

t.test('a family with one member at each of two relays, over UDP and TCP, has one budget', async t => {
  // Two thirds of it, as fast as they come; nobody is stopped for that, nor would be at a relay by itself for all of it.
  while ((await carried()) < (BUDGET * 2) / 3) await talk(20)
  const spent = Promise.all(both.map(({ relay }) => relay.child.says(/"a budget is used up"/)))
  let isSpent = false
  void spent.then(() => {
    isSpent = true
  })
  // The rest in some ten seconds.
  while (!isSpent) {
    await talk(10)
    await pause(100)
  }
  const used = await carried()
  t.ok(used >= BUDGET, `${used} octets were relayed`)
  t.ok(
    used < 1.5 * BUDGET,
    `${used} octets were relayed, where each relay by itself would have let ${BUDGET} pass`,
  )
  for (const { relay } of both)
    t.ok(
      await eventually(async () => {
        await talk(10)
        return Number(await metric(relay, 'taciturn_drops_total{reason="rate"}')) > 0
      }, 60_000),
      'and both are slow',
    )
})

t.test('a higher budget frees both', async t => {
  const free = Promise.all(both.map(({ relay }) => relay.child.says(/"a budget is no longer used up"/)))
  for (const { relay } of both) await reload(relay, config => ({ ...config, budgets: family('1 GB') }))
  await free
  const before = await carried()
  while ((await carried()) < before + 2_000_000) await talk(10)
  t.pass('and they talk again')
})

t.test(
  'without the database calls go on, and when it is back each relay says what both have used',
  async t => {
    await postgresql.stop()
    await Promise.all(both.map(({ relay }) => relay.child.says(/relays share budgets in cannot be used/)))
    const before = await carried()
    while ((await carried()) < before + 1_000_000) await talk(10)
    await postgresql.run()
    await Promise.all(both.map(({ relay }) => relay.child.says(/relays share their budgets again/)))
    t.ok(await eventually(() => isTold(), 120_000))
  },
)

/** A relay that keeps its ledger in the database, with a client that may send to the sink. */
async function member(via: 'udp' | 'tcp', user: string) {
  const relay = await startRelay({
    against: 'taciturn',
    loopbackPeers: true,
    settings: { workers: 1, ledger: database, budgets: family('6 MB') },
    before: folder => writeFileSync(join(folder, 'ledger-keys.json'), KEYS, { mode: 0o600 }),
  })
  t.teardown(async () => {
    await relay.stop()
    keepLog(relay.child.stderr)
  })
  const client = await callClient(relay.port, relay.secret, user, via)
  t.teardown(() => client.close())
  if ((await client.allocate()).kind !== 'allocated') throw new Error(`no allocation over ${via}`)
  if ((await client.permit(there)).kind !== 'permitted') throw new Error(`no permission over ${via}`)
  return { relay, client }
}

/** Says so many thousands of octets at each, and lets others have their turn. */
async function talk(thousands: number): Promise<void> {
  for (let i = 0; i < thousands; i++) for (const { client } of both) client.send(there, '.'.repeat(1000))
  await pause(1)
}

async function metric(relay: RunningRelay, name: string): Promise<string> {
  const { text = '' } = (await page(relay, '/metrics')) ?? {}
  return (
    text
      .split('\n')
      .find(line => line.startsWith(`${name} `))
      ?.slice(name.length + 1) ?? '0'
  )
}

/** Octets that both relays have relayed to the sink. */
async function carried(): Promise<number> {
  const one = (via: string) => `taciturn_relayed_bytes_total{transport="${via}",direction="to_peer"}`
  const sums = await Promise.all(
    both.flatMap(({ relay }) => ['udp', 'tcp'].map(async via => Number(await metric(relay, one(via))))),
  )
  return sums.reduce((a, b) => a + b, 0)
}

/** Whether both relays say that the family has used what both have relayed. */
async function isTold(): Promise<boolean> {
  const figure = 'taciturn_budget_used_bytes{budget="group",name="family",span="month"}'
  const all = await carried()
  const told = await Promise.all(both.map(async ({ relay }) => Number(await metric(relay, figure))))
  return told.every(used => used === all)
}
