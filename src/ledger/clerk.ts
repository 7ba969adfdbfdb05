import type { Delivered, LedgerAnswers, LedgerJob, LedgerStart } from './protocol.ts'
import { Spool } from './spool.ts'
import type { Database } from './store/database.ts'
import { LeaseStore } from './store/lease-store.ts'
import { LedgerStore } from './store/ledger-store.ts'
import { migrate } from './store/migrations.ts'
import { openPostgresql } from './store/postgresql.ts'
import { reportSums } from './store/report-sums.ts'
import { openSqlite } from './store/sqlite.ts'
import { usedTogether } from './store/together.ts'

export function isPostgresql(database: string): boolean {
  return /^postgres(ql)?:\/\//.test(database)
}

/** Opens a database of the ledger, with its tables up to date. */
export async function openLedger(database: string): Promise<Database> {
  const opened = isPostgresql(database) ? await openPostgresql(database) : await openSqlite(database)
  try {
    await migrate(opened)
    return opened
  } catch (error) {
    await opened.close().catch(() => {})
    throw error
  }
}

/** Carries batches from the spool to the database, and answers questions from there. Runs in a thread of its own. */
export class Clerk {
  readonly #start: LedgerStart
  readonly #spool: Spool
  readonly #now: () => number
  #database: Database | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** `now` is in seconds since the epoch. */
  constructor(start: LedgerStart, now: () => number = () => Math.floor(Date.now() / 1000)) {
    this.#start = start
    this.#spool = new Spool(start.spool)
    this.#now = now
  }

  /** Does one job after the other. Rejects where the database does not answer; the next job tries again. */
  do<K extends LedgerJob['kind']>(job: LedgerJob & { readonly kind: K }): Promise<LedgerAnswers[K]> {
    const done = this.#last.then(async () => {
      try {
        return (await this.#do(job)) as LedgerAnswers[K]
      } catch (error) {
        await this.close()
        throw error
      }
    })
    this.#last = done.catch(() => {})
    return done
  }

  async close(): Promise<void> {
    const database = this.#database
    this.#database = undefined
    await database?.close().catch(() => {})
  }

  async #do(job: LedgerJob): Promise<LedgerAnswers[LedgerJob['kind']]> {
    this.#database ??= await openLedger(this.#start.database)
    const store = new LedgerStore(this.#database)
    const leases = this.#database.dialect.isShared ? new LeaseStore(this.#database) : undefined
    if (job.kind === 'lease') {
      if (!leases) throw new Error('relays do not share this database')
      return leases.lease(job.asked)
    }
    const delivered = await this.#deliver(store)
    switch (job.kind) {
      case 'deliver':
        if (await store.rollUp(this.#now(), this.#start.keep)) await leases?.tidy()
        return delivered
      case 'usage':
        return store.usage(job.asked)
      case 'report':
        return reportSums(this.#database, job.asked)
      case 'together':
        return usedTogether(this.#database, job.asked)
      case 'export':
        return store.export(job.users)
      case 'forget':
        await leases?.forget(job.users)
        return store.forget(job.users)
    }
  }

  /** A batch leaves the spool after it is in the database; what was delivered twice has counted once. */
  async #deliver(store: LedgerStore): Promise<Delivered> {
    const damaged: string[] = []
    let batches = 0
    for (;;) {
      const waiting = await this.#spool.read(file => damaged.push(file))
      if (waiting.length === 0) break
      batches += await store.apply(
        waiting.map(({ batch }) => batch),
        this.#now(),
      )
      await this.#spool.remove(waiting)
    }
    return { batches, left: await this.#spool.size(), damaged }
  }
}
