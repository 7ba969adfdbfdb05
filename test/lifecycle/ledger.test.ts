import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { Clerk, openLedger } from '../../src/ledger/clerk.ts'
import { ledgerFiles } from '../../src/ledger/ledger.ts'
import { clerkRig, ledgerSuite, usageRow } from '../support/ledger-suite.ts'
import { simulatedWeek } from '../support/ledger-week.ts'
import { Postgresql } from '../support/postgresql.ts'

t.setTimeout(240_000)

const VICTIM = join(import.meta.dirname, '..', 'support', 'ledger-victim.mjs')
const FOREVER = { hours: Infinity, days: Infinity, months: Infinity }

const postgresql = await Postgresql.start(t as Test)

t.test('the ledger on PostgreSQL does what it does on SQLite', async t =>
  ledgerSuite(t as Test, async () => postgresql.database()),
)

t.test('two relays that start at once make the tables once', async () => {
  const database = postgresql.database()
  const opened = await Promise.all([1, 2, 3].map(() => openLedger(database)))
  await Promise.all(opened.map(one => one.close()))
})

t.test('several relays add to the same sums at the same time, and nothing is lost or double', async t => {
  const database = postgresql.database()
  const rigs = await Promise.all([1, 2, 3].map(() => clerkRig(t as Test, database)))
  await Promise.all(
    rigs.map(async ({ write, clerk }, writer) => {
      for (let sequence = 1; sequence <= 10; sequence++) {
        const users = writer % 2 === 0 ? ['alice', 'bob'] : ['bob', 'alice']
        await write(
          users.map(user => usageRow(user, 1)),
          { writer: `000000000000000${writer}`, sequence },
        )
        await clerk.do({ kind: 'deliver' }).catch(() => {})
      }
    }),
  )
  for (const { clerk } of rigs) await clerk.do({ kind: 'deliver' })
  t.match(await rigs[0]!.usage({ per: ['user'] }), [{ bytesToPeer: 30 }, { bytesToPeer: 30 }])
})

t.test('a server that stops in the middle costs nothing: what waits arrives when it is back', async t => {
  const { write, clerk, usage, spool } = await clerkRig(t as Test, postgresql.database())
  await write([usageRow('alice', 1)])
  t.match(await clerk.do({ kind: 'deliver' }), { batches: 1 })
  await postgresql.stop()
  for (let i = 0; i < 5; i++) {
    await write([usageRow('alice', 1)])
    await t.rejects(clerk.do({ kind: 'deliver' }))
  }
  t.ok((await spool.size()) > 0)
  await postgresql.run()
  t.match(await clerk.do({ kind: 'deliver' }), { batches: 5, left: 0 })
  t.match(await usage(), [{ bytesToPeer: 6 }])
})

t.test(
  'after a week of calls the ledger on PostgreSQL agrees with the ends of sessions, to the byte',
  async t => simulatedWeek(t as Test, postgresql.database()),
)

t.test('killed in the middle, at most the last minute is missing, and nothing is double', async t => {
  for (const minutes of [1, 3, 7, 11, 16]) {
    const state = mkdtempSync(join(tmpdir(), 'taciturn-ledger-'))
    t.teardown(() => rmSync(state, { recursive: true, force: true }))
    const child = spawn(process.execPath, [VICTIM, state], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise(resolve => child.once('exit', resolve))
    let safe = 0
    for await (const line of createInterface({ input: child.stdout })) {
      safe = Number(line)
      // Whatever it is doing at that moment; what it has written before, we still read.
      if (safe === minutes) child.kill('SIGKILL')
    }
    await gone
    const { spool, database } = ledgerFiles(state)
    // The lock of the WebAssembly build, as it is a minute later.
    rmSync(`${database}.lock`, { recursive: true, force: true })
    const clerk = new Clerk({ spool, database, keep: FOREVER })
    const asked = { by: 'all', from: 0, to: 1e11, per: [], most: 1 } as const
    const [row] = (await clerk.do({ kind: 'usage', asked })).rows
    await clerk.close()
    const counted = (row?.bytesToPeer ?? 0) / 1000
    t.ok(counted === safe || counted === safe + 1, `${safe} minutes were safe, ${counted} are there`)
  }
})
