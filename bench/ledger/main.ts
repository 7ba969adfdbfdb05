import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openLedger } from '../../src/ledger/clerk.ts'
import { LedgerStore } from '../../src/ledger/store/ledger-store.ts'
import { reportSums } from '../../src/ledger/store/report-sums.ts'
import type { UsageRow } from '../../src/ledger/usage.ts'
import { median } from '../../src/load/measure/statistics.ts'

/**
 * What it takes to sum up a month of many rows, as `taciturn report` has it
 * done: CPU time, and the time that passes.
 */
const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    users: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    database: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(
    `Options: --rows (${options.rows}); --users (${options.users}); --rounds (${options.rounds}); --database postgresql://… (an empty one; SQLite unless told); --json`,
  )
  process.exit()
}
const most = Number(options.rows)
const users = Number(options.users)
const MAY = Date.UTC(2026, 4) / 1000
const JUNE = Date.UTC(2026, 5) / 1000
const HOURS = 31 * 24

const folder = mkdtempSync(join(tmpdir(), 'ledger-bench-'))
const database = await openLedger(options.database ?? join(folder, 'ledger.sqlite'))
try {
  const store = new LedgerStore(database)
  await fill(store)
  const taken: { cpu: number; ms: number }[] = []
  for (let i = 0; i < Number(options.rounds); i++) {
    const cpu = process.cpuUsage()
    const began = performance.now()
    await reportSums(database, { from: MAY, to: JUNE, most: 20_000 })
    const { user, system } = process.cpuUsage(cpu)
    taken.push({ cpu: (user + system) / 1000, ms: performance.now() - began })
  }
  const figures = {
    rows: most,
    users,
    cpuMs: Math.round(median(taken.map(({ cpu }) => cpu))!),
    ms: Math.round(median(taken.map(({ ms }) => ms))!),
  }
  console.log(
    options.json
      ? JSON.stringify(figures)
      : `${most} rows of ${users} users: ${figures.cpuMs} ms of CPU time, ${figures.ms} ms in all`,
  )
} finally {
  await database.close()
  rmSync(folder, { recursive: true, force: true })
}

/** As many rows as asked for, spread over the hours of a month. */
async function fill(store: LedgerStore): Promise<void> {
  const perHour = Math.ceil(most / HOURS)
  let left = most
  for (let hour = 0; hour < HOURS && left > 0; hour++) {
    const rows: UsageRow[] = []
    for (let i = 0; i < Math.min(perHour, left); i++) {
      const user = (hour * 37 + (i >> 1)) % users
      const name = `${((user + 1) * 2654435761) % 2 ** 32}`.padStart(16, '0')
      rows.push([
        ...([MAY + hour * 3600, `server-${user % 3}.example.org`, name] as const),
        ...([i % 2 === 0 ? 'udp' : 'tls', 4, 1e6 + i, 1000, 2e6, 2000, 1, 60_000, 0] as const),
      ])
    }
    left -= rows.length
    await store.apply([{ writer: 'bench', sequence: hour + 1, rows }], MAY)
  }
}
