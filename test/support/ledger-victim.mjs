// A relay's ledger in a hurry: a minute passes with each turn, and whoever started it kills it at any moment. The thread,
// the spool and the database are those of a real one.

import { UsageLedger } from '../../dist/ledger/ledger.js'

const [state, database, round] = process.argv.slice(2)
/** People who call, each with an allocation. */
const USERS = 40
const keep = { hours: Infinity, days: Infinity, months: Infinity }
const carried = { toPeer: { bytes: 0, packets: 0 }, toClient: { bytes: 0, packets: 0 } }
let now = Date.UTC(2026, 5, 15, 12)
const ledger = new UsageLedger(
  { state, database, identities: 'full', keep },
  {
    // A database that is still locked by the one before is no news here.
    log: { info: () => {}, limited: () => {} },
    read: async () => () => carried,
    clock: { now: () => now },
    wall: () => now,
  },
)
await ledger.start()
for (let user = 0; user < USERS; user++) {
  const owner = { tenant: 'example.org', user: `round ${round}, user ${user}` }
  ledger.hear({ kind: 'opened', at: now, allocation: user, owner, client: { family: 4 }, via: 'udp' })
}
process.stdout.write('begun\n')
for (let minute = 1; ; minute++) {
  now += 60_000
  carried.toPeer.bytes += 1000 * minute
  ledger.tick()
  await ledger.idle()
  // The parent reads it: so many minutes are safe by now.
  process.stdout.write(`${minute}\n`)
}
