import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Clerk, openLedger } from '../../src/ledger/clerk.ts'
import type { LedgerStart } from '../../src/ledger/protocol.ts'
import { Spool } from '../../src/ledger/spool.ts'
import type { UsageAsked } from '../../src/ledger/store/ledger-store.ts'
import {
  monthOf,
  SECONDS_A_DAY,
  SECONDS_AN_HOUR,
  type UsageBatch,
  type UsageRow,
} from '../../src/ledger/usage.ts'

/** A database for one test. */
export type FreshDatabase = (t: Test) => Promise<string>

const FOREVER = { hours: Infinity, days: Infinity, months: Infinity }
/** Noon of 15 June 2026. */
export const NOON = Date.UTC(2026, 5, 15, 12) / 1000

export function usageRow(
  user: string,
  bytesToPeer: number,
  { hour = NOON, homeserver = 'example.org', transport = 'udp', family = 4 } = {},
): UsageRow {
  return [hour, homeserver, user, transport, family, bytesToPeer, 1, 2 * bytesToPeer, 2, 1, 1000, 0]
}

/** A spool and its clerk. */
export async function clerkRig(
  t: Test,
  database: string,
  keep: LedgerStart['keep'] = FOREVER,
  now: () => number = () => NOON,
) {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-spool-'))
  const clerk = new Clerk({ spool: folder, database, keep }, now)
  const spool = new Spool(folder)
  let sequence = 0
  t.teardown(async () => {
    await clerk.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const all = { by: 'all', from: 0, to: 1e11, per: [], most: 1000 } as const
  return {
    clerk,
    spool,
    folder,
    write: (rows: readonly UsageRow[], batch: Partial<UsageBatch> = {}) =>
      spool.write({ writer: '00000000000000aa', sequence: ++sequence, rows, ...batch }),
    usage: async (asked: Partial<UsageAsked> = {}) => [
      ...(await clerk.do({ kind: 'usage', asked: { ...all, ...asked } })).rows,
    ],
  }
}

/** What a ledger does, whichever database it stands on. */
export function ledgerSuite(t: Test, fresh: FreshDatabase): void {
  t.test('use is summed up by span, user, homeserver, transport and family', async t => {
    const { write, usage } = await clerkRig(t, await fresh(t))
    await write([
      usageRow('alice', 10),
      usageRow('alice', 5, { transport: 'tls', family: 6 }),
      usageRow('bob', 100, { hour: NOON + SECONDS_A_DAY }),
    ])
    await write([usageRow('alice', 1), usageRow('bob', 7, { homeserver: 'other.example' })])
    t.match(await usage(), [{ bytesToPeer: 123, bytesToClient: 246, allocations: 5, milliseconds: 5000 }])
    t.match(await usage({ per: ['user'] }), [
      { user: 'bob', bytesToPeer: 107 },
      { user: 'alice', bytesToPeer: 16 },
    ])
    t.match(await usage({ per: ['homeserver', 'transport', 'family'], users: ['alice'] }), [
      { homeserver: 'example.org', transport: 'udp', family: 4, bytesToPeer: 11 },
      { homeserver: 'example.org', transport: 'tls', family: 6, bytesToPeer: 5 },
    ])
    t.match(await usage({ homeserver: 'other.example', per: ['user'] }), [{ user: 'bob', bytesToPeer: 7 }])
    const week = { from: NOON - 3 * SECONDS_A_DAY, to: NOON + 4 * SECONDS_A_DAY }
    t.match(await usage({ by: 'day', ...week }), [
      { start: NOON - (NOON % SECONDS_A_DAY), bytesToPeer: 23 },
      { start: NOON - (NOON % SECONDS_A_DAY) + SECONDS_A_DAY, bytesToPeer: 100 },
    ])
    t.match(await usage({ by: 'hour', from: NOON, to: NOON + SECONDS_AN_HOUR }), [
      { start: NOON, bytesToPeer: 23 },
    ])
    t.match(await usage({ by: 'month', ...week }), [{ start: monthOf(NOON), bytesToPeer: 123 }])
    t.strictSame(await usage({ users: [] }), [], 'of nobody there is nothing')
  })

  t.test('what a report needs comes from one reading, and says the same as single questions', async t => {
    const { write, usage, clerk } = await clerkRig(t, await fresh(t))
    const from = monthOf(NOON)
    const to = monthOf(NOON, 1)
    // Every person at some hours of several days, in two ways; the last second of the month, and the two beside it.
    const rows = Array.from({ length: 400 }, (_, i) =>
      usageRow(i % 7 === 6 ? '' : `user${i % 7}`, (i * 7919) % 1000, {
        hour: from + SECONDS_AN_HOUR * ((i * 37) % 720),
        homeserver: `server${i % 3}.example`,
        transport: i % 2 === 0 ? 'udp' : 'tls',
      }),
    )
    await write([
      ...rows,
      ...[from - SECONDS_AN_HOUR, to - SECONDS_AN_HOUR, to].map(hour => usageRow('edge', 1, { hour })),
    ])
    const report = async (most: number) => clerk.do({ kind: 'report', asked: { from, to, most } })
    const { rows: found, more } = await report(1000)
    t.strictSame(
      [...found],
      [
        ...(await usage({ from, to, by: 'day', per: ['homeserver'] })),
        ...(await usage({ from, to, by: 'all', per: ['homeserver', 'user'] })),
      ],
    )
    t.equal(more, false)
    const people = [...found].filter(({ user }) => user !== undefined).length
    t.equal((await report(people)).more, false)
    t.equal((await report(people - 1)).more, true, 'of whom no sum is told in part')
  })

  t.test('what everybody has used together is told by whole days that are of several people', async t => {
    const { write, clerk } = await clerkRig(t, await fresh(t))
    const from = monthOf(NOON)
    const used = (names: string, day: number) =>
      [...names].map(name => usageRow(name, 10, { hour: from + day * SECONDS_A_DAY + SECONDS_AN_HOUR }))
    await write([...used('abcde', 0), ...used('ab', 1), ...used('abcdefg', 3), ...used('abcdefg', 5)])
    const ask = (days: number) =>
      clerk.do({ kind: 'together', asked: { from, to: from + days * SECONDS_A_DAY } })
    t.same(await ask(1), { until: from + SECONDS_A_DAY, octets: 150 })
    t.same(await ask(3), { until: from + SECONDS_A_DAY, octets: 150 })
    t.same(await ask(5), { until: from + 4 * SECONDS_A_DAY, octets: 420 })
  })

  t.test('a batch that is delivered again is counted once', async t => {
    const { write, usage, clerk } = await clerkRig(t, await fresh(t))
    await write([usageRow('alice', 10)], { sequence: 1 })
    t.match(await clerk.do({ kind: 'deliver' }), { batches: 1, left: 0 })
    await write([usageRow('alice', 10)], { sequence: 1 })
    t.match(await clerk.do({ kind: 'deliver' }), { batches: 0, left: 0 })
    await write([usageRow('alice', 10)], { sequence: 1, writer: '00000000000000bb' })
    await write([usageRow('alice', 10)], { sequence: 2 })
    t.match(await clerk.do({ kind: 'deliver' }), { batches: 2 })
    t.match(await usage(), [{ bytesToPeer: 30 }])
  })

  t.test('sums beyond 32 bits are exact', async t => {
    const { write, usage } = await clerkRig(t, await fresh(t))
    await write([usageRow('alice', 4_000_000_000_000_001)])
    await write([usageRow('alice', 2)])
    t.match(await usage(), [{ bytesToPeer: 4_000_000_000_000_003, bytesToClient: 8_000_000_000_000_006 }])
  })

  t.test('a file that cannot be read is put aside, and keeps no other from its way', async t => {
    const { write, usage, clerk, folder } = await clerkRig(t, await fresh(t))
    writeFileSync(
      join(folder, '0000000000000001-0000000001.json'),
      '{"writer":"x","sequence":1,"rows":[[1]]}',
    )
    await write([usageRow('alice', 10)])
    const { damaged, batches } = await clerk.do({ kind: 'deliver' })
    t.equal(batches, 1)
    t.strictSame(damaged, [join(folder, '0000000000000001-0000000001.json.damaged')])
    t.strictSame(readdirSync(folder), ['0000000000000001-0000000001.json.damaged'])
    t.match(await usage(), [{ bytesToPeer: 10 }])
  })

  t.test('hours become days and days become months when their time is over, and no sum changes', async t => {
    let now = NOON
    const keep = { hours: 2 * SECONDS_A_DAY, days: 40 * SECONDS_A_DAY, months: 400 * SECONDS_A_DAY }
    const { write, usage, clerk } = await clerkRig(t, await fresh(t), keep, () => now)
    for (let hour = 0; hour < 72; hour++)
      await write([
        usageRow('alice', 1, { hour: NOON + hour * SECONDS_AN_HOUR }),
        usageRow('bob', 2, { hour: NOON + hour * SECONDS_AN_HOUR }),
      ])
    const rows = async () => [...(await clerk.do({ kind: 'export', users: ['alice'] }))].length
    const sums = () => usage({ per: ['user'] })
    const before = await sums()
    t.equal(await rows(), 72)
    now = NOON + 5 * SECONDS_A_DAY
    await clerk.do({ kind: 'deliver' })
    t.equal(await rows(), 3 + 12, 'three days have passed, and the hours of the fourth are still there')
    t.strictSame(await sums(), before)
    now = NOON + 6 * SECONDS_A_DAY
    await clerk.do({ kind: 'deliver' })
    t.equal(await rows(), 4)
    t.strictSame(await sums(), before)
    await write([usageRow('alice', 1, { hour: NOON })])
    now = NOON + 7 * SECONDS_A_DAY
    await clerk.do({ kind: 'deliver' })
    t.equal(await rows(), 4, 'what came late is added to its day')
    now = NOON + 80 * SECONDS_A_DAY
    await clerk.do({ kind: 'deliver' })
    t.equal(await rows(), 1)
    t.match(await sums(), [
      { user: 'bob', bytesToPeer: 144 },
      { user: 'alice', bytesToPeer: 73 },
    ])
    t.match(await usage({ by: 'month', from: NOON, to: NOON + SECONDS_A_DAY }), [{ bytesToPeer: 217 }])
    now = NOON + 500 * SECONDS_A_DAY
    await clerk.do({ kind: 'deliver' })
    t.strictSame(await sums(), [])
  })

  t.test('a clock that was years ahead for a day does not keep hours for ever', async t => {
    let now = NOON + 4000 * SECONDS_A_DAY
    const keep = { hours: 2 * SECONDS_A_DAY, days: Infinity, months: Infinity }
    const { write, clerk } = await clerkRig(t, await fresh(t), keep, () => now)
    await clerk.do({ kind: 'deliver' })
    now = NOON
    for (let hour = 0; hour < 24; hour++) await write([usageRow('alice', 1, { hour: NOON + hour * 3600 })])
    const rows = async () => {
      await clerk.do({ kind: 'deliver' })
      return [...(await clerk.do({ kind: 'export', users: ['alice'] }))].length
    }
    t.equal(await rows(), 24)
    now = NOON + 5 * SECONDS_A_DAY
    t.equal(await rows(), 2, 'two days')
  })

  t.test('the longest batch of the longest names is taken as it is', async t => {
    const { write, usage } = await clerkRig(t, await fresh(t))
    const names = Array.from({ length: 10_000 }, (_, i) => `${'\ufffd'.repeat(160)}"';--${i}`)
    await write(names.map(name => usageRow(name, 1)))
    t.match(await usage(), [{ bytesToPeer: 10_000 }])
    t.match(await usage({ users: [names[7]!], per: ['user'] }), [{ user: names[7], bytesToPeer: 1 }])
  })

  t.test('somebody is forgotten by every name, and the sums of the homeserver stay right', async t => {
    const { write, usage, clerk } = await clerkRig(t, await fresh(t))
    const july = Date.UTC(2026, 6, 2, 3) / 1000
    await write([usageRow('a1', 10), usageRow('bob', 5), usageRow('a2', 20, { hour: july })])
    await write([usageRow('a1', 3, { homeserver: 'other.example', transport: 'tcp' })])
    t.equal([...(await clerk.do({ kind: 'export', users: ['a1', 'a2'] }))].length, 3)
    const per = { per: ['homeserver', 'transport'] as const }
    const sums = await usage(per)
    t.equal(await clerk.do({ kind: 'forget', users: ['a1', 'a2', 'alice'] }), 3)
    t.strictSame([...(await clerk.do({ kind: 'export', users: ['a1', 'a2'] }))], [])
    t.strictSame(await usage(per), sums)
    t.match(await usage({ by: 'month', from: NOON, to: july + 1, per: ['user'] }), [
      { start: monthOf(NOON), user: '', bytesToPeer: 13 },
      { start: monthOf(NOON), user: 'bob', bytesToPeer: 5 },
      { start: monthOf(july), user: '', bytesToPeer: 20 },
    ])
    t.equal(await clerk.do({ kind: 'forget', users: ['nobody'] }), 0)
  })

  t.test('answers are cut where they are told to be, and say so', async t => {
    const { write, clerk } = await clerkRig(t, await fresh(t))
    await write(['a', 'b', 'c'].map((user, i) => usageRow(user, i + 1)))
    const asked = { by: 'all', from: 0, to: 1e11, per: ['user'], most: 2 } as const
    const { rows, more } = await clerk.do({ kind: 'usage', asked })
    t.strictSame(
      Array.from(rows, ({ user }) => user),
      ['c', 'b'],
    )
    t.ok(more)
    t.notOk((await clerk.do({ kind: 'usage', asked: { ...asked, most: 3 } })).more)
  })

  t.test('tables of a newer version are not touched, and what waits goes on waiting', async t => {
    const database = await fresh(t)
    const { write, clerk, spool } = await clerkRig(t, database)
    const newer = await openLedger(database)
    await newer.run('UPDATE ledger_version SET version = 99')
    await newer.close()
    await write([usageRow('alice', 10)])
    await t.rejects(clerk.do({ kind: 'deliver' }), /newer than this program/)
    t.ok((await spool.size()) > 0)
    await t.rejects(openLedger(database))
  })
}
