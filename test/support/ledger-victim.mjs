// A relay's ledger in a hurry: a minute passes with each turn, and whoever started it kills it in the middle.

import { Clerk } from '../../dist/ledger/clerk.js'
import { ledgerFiles, UsageLedger } from '../../dist/ledger/ledger.js'

const [state] = process.argv.slice(2)
const keep = { hours: Infinity, days: Infinity, months: Infinity }
const { spool, database } = ledgerFiles(state)
const clerk = new Clerk({ spool, database, keep })
const carried = { toPeer: { bytes: 0, packets: 0 }, toClient: { bytes: 0, packets: 0 } }
let now = Date.UTC(2026, 5, 15, 12)
const ledger = new UsageLedger(
  { state, database: 'sqlite', identities: 'none', keep },
  {
    log: { info: () => {}, limited: (_, __, message) => console.error(message) },
    read: async () => () => carried,
    clock: { now: () => now },
    wall: () => now,
    desk: { do: job => clerk.do(job), close: () => clerk.close() },
  },
)
ledger.hear({
  kind: 'opened',
  at: now,
  allocation: 1,
  owner: { tenant: 'example.org', user: '' },
  client: { family: 4 },
  via: 'udp',
})
for (let minute = 1; ; minute++) {
  now += 60_000
  carried.toPeer.bytes += 1000
  ledger.tick()
  await ledger.idle()
  // The parent reads it: so many minutes are safe by now.
  process.stdout.write(`${minute}\n`)
}
