import t, { type Test } from 'tap'
import { openLedger } from '../../src/ledger/clerk.ts'
import { LeaseStore } from '../../src/ledger/store/lease-store.ts'
import { asking, type LeaseDesk, leaseSuite } from '../support/lease-suite.ts'
import { Postgresql } from '../support/postgresql.ts'

t.setTimeout(240_000)

const postgresql = await Postgresql.start(t as Test)

/** Shares budgets in a new database. */
async function desk(t: Test): Promise<LeaseDesk> {
  const database = await openLedger(postgresql.database())
  t.teardown(() => database.close())
  const store = new LeaseStore(database)
  const age = (table: string, column: string, seconds: number) =>
    database.run(`UPDATE ${table} SET ${column} = ${column} - interval '${seconds} seconds'`)
  let last: Promise<unknown> = Promise.resolve()
  return {
    isSimulated: false,
    lease: asked => {
      const answer = last.then(() => store.lease(asked))
      last = answer
      return answer
    },
    pass: async seconds => {
      await age('ledger_relay', 'seen', seconds)
      await age('ledger_budget', 'changed', seconds)
    },
    tidy: () => store.tidy(),
    forget: users => store.forget(users),
  }
}

t.test('relays share budgets in PostgreSQL as they do in memory', async t =>
  leaseSuite(t as Test, desk, { runs: 1 }),
)

t.test('relays that tell at the same moment never lease the same octets', async t => {
  const url = postgresql.database()
  const databases = await Promise.all([1, 2, 3, 4, 5].map(() => openLedger(url)))
  t.teardown(() => Promise.all(databases.map(one => one.close())))
  const stores = databases.map(one => new LeaseStore(one))
  const groups = ['a', 'b', 'c', 'd']
  await Promise.all(stores.map((store, i) => store.lease(asking(`r${i}`, [], { isKnown: false }))))
  for (let round = 1; round <= 40; round++) {
    const answers = await Promise.all(
      stores.map((store, i) => {
        const asks = groups.map(identity => ({ identity, used: round * 100, limit: 30_000 }))
        // Each in another order, which must not matter.
        return store.lease(asking(`r${i}`, i % 2 === 0 ? asks : asks.reverse()))
      }),
    )
    for (const identity of groups) {
      const rows = answers.map(({ rows }) => rows.find(row => row.identity === identity)!)
      const leased = rows.reduce((sum, row) => sum + row.leased, 0)
      t.ok(leased <= 300, `${leased} are leased`)
      t.equal(Math.max(...rows.map(({ used }) => used)), round * 500)
    }
  }
})
