import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { Clerk, openLedger } from '../../src/ledger/clerk.ts'
import { ledgerFiles } from '../../src/ledger/ledger.ts'
import { dice, seedOf } from '../sim/random.ts'
import { clerkRig, ledgerSuite, usageRow } from '../support/ledger-suite.ts'
import { Postgresql } from '../support/postgresql.ts'

t.setTimeout(240_000)

const VICTIM = join(import.meta.dirname, '..', 'support', 'ledger-victim.mjs')
/** Times that a relay is killed, and milliseconds after it has begun at most. */
const [ROUNDS, LONGEST] = [20, 1200]
/** Those of `ledger-victim.mjs`. */
const USERS_A_ROUND = 40
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

/** What a relay's ledger had said to be safe before it was killed, by round. */
interface Round {
  readonly safe: number
}

/** Runs a relay's ledger until a moment that chance has chosen, and kills it. */
async function killedAt(
  state: string,
  database: string,
  round: number,
  milliseconds: number,
): Promise<Round> {
  const child = spawn(process.execPath, [VICTIM, state, database, `${round}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise(resolve => child.once('exit', resolve))
  let safe = 0
  for await (const line of createInterface({ input: child.stdout })) {
    // Whatever it is doing when the time is up; what it has written before, we still read.
    if (line === 'begun') setTimeout(() => child.kill('SIGKILL'), milliseconds)
    else safe = Number(line)
  }
  await gone
  return { safe }
}

const databases = { SQLite: () => 'sqlite', PostgreSQL: () => postgresql.database() }
for (const [name, fresh] of Object.entries(databases)) {
  t.test(
    `killed at any moment and started again, at most the last minute is missing and nothing is double, on ${name}`,
    async t => {
      const state = mkdtempSync(join(tmpdir(), 'taciturn-ledger-'))
      t.teardown(() => rmSync(state, { recursive: true, force: true }))
      const files = ledgerFiles(state)
      const database = fresh()
      const roll = dice(seedOf(9, name))
      const rounds: Round[] = []
      for (let round = 0; round < ROUNDS; round++) {
        rounds.push(await killedAt(state, database, round, roll() ** 2 * LONGEST))
        // The lock of the WebAssembly build, as it is a minute later; half of the time the next relay comes at once.
        const lock = `${files.database}.lock`
        if (existsSync(lock) && roll() < 0.5) utimesSync(lock, 0, 0)
      }
      const lock = `${files.database}.lock`
      if (existsSync(lock)) utimesSync(lock, 0, 0)
      const clerk = new Clerk({
        spool: files.spool,
        database: database === 'sqlite' ? files.database : database,
        keep: FOREVER,
      })
      const asked = { by: 'all', from: 0, to: 1e11, per: ['user'], most: 1e6 } as const
      const rows = [...(await clerk.do({ kind: 'usage', asked })).rows]
      await clerk.close()
      let [safe, lost, minutes] = [0, 0, 0]
      for (const [round, told] of rounds.entries()) {
        const found = rows.filter(({ user = '' }) => user.startsWith(`round ${round},`))
        // Each minute every user of the round sends a thousand octets more than the minute before.
        const counted = new Set(found.map(({ bytesToPeer }) => minutesOf(bytesToPeer)))
        t.ok(counted.size <= 1, `round ${round}: a minute is there whole or not at all`)
        const [minutesThere = 0] = counted
        if (minutesThere !== told.safe && minutesThere !== told.safe + 1)
          t.fail(`round ${round}: ${told.safe} minutes were safe, ${minutesThere} are there`)
        if (minutesThere > 0) t.equal(found.length, USERS_A_ROUND)
        safe += told.safe
        minutes += minutesThere
        lost += minutesThere === told.safe ? 1 : 0
      }
      t.comment(
        `${ROUNDS} kills, ${safe} minutes said to be safe, ${minutes} there, ${lost} times the last was lost`,
      )
      t.ok(safe > ROUNDS, 'they have lived for a while')
      t.strictSame(
        readdirSync(files.spool).filter(file => file.endsWith('.damaged')),
        [],
      )
    },
  )
}

/** Minutes after which a user has sent so much: 1000, then 2000 more, then 3000 more … */
function minutesOf(octets: number): number {
  const minutes = (Math.sqrt(1 + (8 * octets) / 1000) - 1) / 2
  return Number.isInteger(minutes) ? minutes : Number.NaN
}
