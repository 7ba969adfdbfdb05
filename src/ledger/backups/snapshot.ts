import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { isPostgresql, openLedger } from '../clerk.ts'
import type { Database } from '../store/database.ts'
import { openSqlite } from '../store/sqlite.ts'

/** There is no ledger yet. */
export class NoLedger extends Error {
  constructor() {
    super('there is no ledger yet')
  }
}

/**
 * Calls `work` with a ledger that stands still, while relays write to the real one: PostgreSQL shows what there was
 * when the transaction began; of SQLite's file there is a copy, since reading for long would keep others from writing.
 */
export async function withSnapshot(
  database: string,
  work: (still: Database) => Promise<void>,
): Promise<void> {
  if (isPostgresql(database)) {
    const ledger = await openLedger(database)
    try {
      await ledger.transaction(async () => {
        await ledger.run('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
        await work(ledger)
      })
    } finally {
      await ledger.close()
    }
    return
  }
  if (!existsSync(database)) throw new NoLedger()
  const copy = `${database}.copy`
  removeSqlite(copy)
  try {
    const ledger = await openLedger(database)
    try {
      // What it writes into must be empty, and nobody else's to read.
      closeSync(openSync(copy, 'wx', 0o600))
      await ledger.run('VACUUM INTO $1', [copy])
    } finally {
      await ledger.close()
    }
    const still = await openSqlite(copy)
    try {
      await work(still)
    } finally {
      await still.close()
    }
  } finally {
    removeSqlite(copy)
  }
}

/** Removes a database, and what SQLite may have beside it. */
export function removeSqlite(file: string): void {
  for (const one of [file, `${file}-journal`, `${file}.lock`]) rmSync(one, { force: true, recursive: true })
}
