import type { KeyObject } from 'node:crypto'
import { chownSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isPostgresql, openLedger } from '../clerk.ts'
import { SILENT } from '../leases/lease-terms.ts'
import type { Database } from '../store/database.ts'
import { openSqlite } from '../store/sqlite.ts'
import { decrypted } from './age.ts'
import { type BackupProgress, unpacked } from './backup.ts'
import { isEmpty, readLines } from './ledger-lines.ts'
import { removeSqlite } from './snapshot.ts'

/** How files of age begin. */
const AGE = Buffer.from('age-encryption.org/')

/** Nothing was changed: the ledger is used or has something in it, or the backup is encrypted and no key was given. */
export class RestoreRefused extends Error {
  readonly why: 'in-use' | 'not-empty' | 'no-key'

  constructor(why: 'in-use' | 'not-empty' | 'no-key') {
    super(why)
    this.why = why
  }
}

export interface RestoreAsked {
  /** A path, or `postgresql://…`. */
  readonly database: string
  readonly octets: AsyncIterable<Buffer>
  readonly identities?: readonly KeyObject[] | undefined
  /** Even where the ledger has something in it. */
  readonly replace: boolean
}

export interface Restored {
  readonly rows: number
  /** Where the ledger is that was there before; undefined where there was none, and in PostgreSQL. */
  readonly before: string | undefined
}

/**
 * Puts a backup in the place of a ledger. All of it is read and found to be whole first; until then, and where
 * anything is wrong, the ledger stays as it is.
 */
export async function restoreBackup(asked: RestoreAsked, told: BackupProgress = () => {}): Promise<Restored> {
  const done = { rows: 0, octets: 0 }
  const counted = counting(asked.octets, octets => told(Object.assign(done, { octets })))
  const lines = unpacked(opened(counted, asked.identities))
  const rows = (count: number) => told(Object.assign(done, { rows: count }))
  return isPostgresql(asked.database) ? inPostgresql(asked, lines, rows) : inSqlite(asked, lines, rows)
}

async function inPostgresql(
  { database, replace }: RestoreAsked,
  lines: AsyncIterable<Buffer>,
  told: (rows: number) => void,
): Promise<Restored> {
  const ledger = await openLedger(database)
  try {
    const rows = await ledger.transaction(async () => {
      const [others] = await ledger.all(
        `SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'taciturn' AND pid <> pg_backend_pid())
          + (SELECT count(*) FROM ledger_relay WHERE seen > now() - interval '${SILENT} seconds') AS relays`,
      )
      if (Number(others?.relays) > 0) throw new RestoreRefused('in-use')
      await ledger.run('LOCK TABLE ledger_usage, ledger_writer, ledger_rolled IN ACCESS EXCLUSIVE MODE')
      if (!replace && !(await isEmpty(ledger))) throw new RestoreRefused('not-empty')
      return readLines(ledger, lines, told)
    })
    return { rows, before: undefined }
  } finally {
    await ledger.close()
  }
}

/** A new file is made beside the old one, which is exchanged for it by one rename. */
async function inSqlite(
  { database, replace }: RestoreAsked,
  lines: AsyncIterable<Buffer>,
  told: (rows: number) => void,
): Promise<Restored> {
  await (await held(database, replace))?.release()
  const draft = `${database}.restoring`
  removeSqlite(draft)
  const folder = dirname(database)
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) giveAsParent(folder)
  try {
    const fresh = await openLedger(draft)
    let rows: number
    try {
      rows = await fresh.transaction(() => readLines(fresh, lines, told))
    } finally {
      await fresh.close()
    }
    const old = await held(database, replace)
    const before = existsSync(database) ? `${database}.before-restore` : undefined
    if (before !== undefined) {
      rmSync(before, { force: true })
      linkSync(database, before)
      // What a crash has left belongs to the old file, and would be written into the new one.
      if (!old) rmSync(`${database}-journal`, { force: true })
    }
    giveAsParent(draft)
    renameSync(draft, database)
    await old?.release()
    return { rows, before }
  } finally {
    removeSqlite(draft)
  }
}

/**
 * Keeps everybody else from a ledger that may be replaced; to open it also ends what a crash has left half done.
 * Undefined where there is none, or it cannot be read any more. Throws where it is in use, or has something in it.
 */
async function held(file: string, replace: boolean): Promise<{ release(): Promise<void> } | undefined> {
  if (!existsSync(file)) return undefined
  let ledger: Database | undefined
  try {
    ledger = await openSqlite(file)
    await ledger.run('BEGIN EXCLUSIVE')
    if (!replace && !(await isEmpty(ledger))) throw new RestoreRefused('not-empty')
  } catch (error) {
    await ledger?.close().catch(() => {})
    if (error instanceof RestoreRefused) throw error
    if (/locked|busy/i.test((error as Error).message)) throw new RestoreRefused('in-use')
    if (replace) return undefined
    if (/no such table/.test((error as Error).message)) return undefined
    throw error
  }
  const open = ledger
  return {
    release: async () => {
      await open.run('ROLLBACK').catch(() => {})
      await open.close()
    },
  }
}

/** Root restores for the relay, which is another user: what is made belongs to the owner of the folder around it. */
function giveAsParent(path: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(dirname(path))
  chownSync(path, uid, gid)
}

/** Decrypts what is encrypted. */
async function* opened(
  octets: AsyncIterable<Buffer>,
  identities: readonly KeyObject[] | undefined,
): AsyncGenerator<Buffer> {
  const source = octets[Symbol.asyncIterator]()
  let first = Buffer.alloc(0)
  while (first.length < AGE.length) {
    const next = await source.next()
    if (next.done) break
    first = Buffer.concat([first, next.value])
  }
  const whole = onwards(first, source)
  if (!first.subarray(0, AGE.length).equals(AGE)) yield* whole
  else if (!identities || identities.length === 0) throw new RestoreRefused('no-key')
  else yield* decrypted(whole, identities)
}

async function* onwards(first: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
}

async function* counting(
  octets: AsyncIterable<Buffer>,
  told: (octets: number) => void,
): AsyncGenerator<Buffer> {
  let count = 0
  for await (const piece of octets) {
    yield piece
    told((count += piece.length))
  }
}
