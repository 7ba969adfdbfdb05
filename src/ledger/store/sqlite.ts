import fs, { closeSync, mkdirSync, openSync, rmdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Database, type DatabaseRow, type Dialect, inTransaction, type SqlValue } from './database.ts'

const DIALECT: Dialect = {
  elements: 'json_each($1)',
  number: i => `json_extract(value, '$[${i}]')`,
  text: i => `json_extract(value, '$[${i}]')`,
  keyed: ' WITHOUT ROWID',
  exclusively: undefined,
  migrateAlone: undefined,
  isShared: false,
}

/** Milliseconds that another program may have the file to itself before we give up, for this time. */
const PATIENCE = 5000
/** Milliseconds after which a lock of the WebAssembly build is that of a process that was killed. */
const STALE = 60_000

/** What the two builds of SQLite have in common. */
interface Build {
  all(sql: string, parameters: readonly SqlValue[]): DatabaseRow[]
  run(sql: string, parameters: readonly SqlValue[]): number
  close(): void
}

/**
 * Opens a file, which is made where there is none, with Node's own SQLite or,
 * in a Node without it, with the WebAssembly build. Both read what the other has written.
 */
export async function openSqlite(file: string): Promise<Database> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const build = (await openNodes(file)) ?? (await openWasm(file))
  try {
    // A journal that is deleted is the one kind that both builds can do.
    build.all('PRAGMA journal_mode = DELETE', [])
    build.run('PRAGMA synchronous = FULL', [])
  } catch (error) {
    build.close()
    throw error
  }
  const run = async (sql: string, parameters: readonly SqlValue[] = []) =>
    build.run(numbered(sql), parameters)
  return {
    dialect: DIALECT,
    all: async (sql, parameters = []) => build.all(numbered(sql), parameters),
    run,
    transaction: work => inTransaction(run, 'BEGIN IMMEDIATE', work),
    close: async () => build.close(),
  }
}

/** Parameters by number, as SQLite writes them. */
function numbered(sql: string): string {
  return sql.replace(/\$(\d+)/g, '?$1')
}

/** What is used of `node:sqlite`. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    file: string,
    options: { readonly timeout: number },
  ) => {
    exec(sql: string): void
    prepare(sql: string): {
      all(...parameters: SqlValue[]): DatabaseRow[]
      run(...parameters: SqlValue[]): { readonly changes: number | bigint }
    }
    close(): void
  }
}

/** Undefined in a Node that has no SQLite of its own: before 22.13. */
async function openNodes(file: string): Promise<Build | undefined> {
  // It works, and we know that it is called experimental; this thread warns of nothing else.
  process.removeAllListeners('warning')
  const module = 'node:sqlite'
  const sqlite = await (import(module) as Promise<NodeSqlite>).catch(() => undefined)
  if (!sqlite) return undefined
  const database = new sqlite.DatabaseSync(file, { timeout: PATIENCE })
  // Where the option is not known yet.
  database.exec(`PRAGMA busy_timeout = ${PATIENCE}`)
  return {
    all: (sql, parameters) => database.prepare(sql).all(...parameters),
    run: (sql, parameters) => Number(database.prepare(sql).run(...parameters).changes),
    close: () => database.close(),
  }
}

async function openWasm(file: string): Promise<Build> {
  const { default: sqlite } = await import('node-sqlite3-wasm')
  const lock = `${resolve(file)}.lock`
  removeStaleLock(lock)
  const database = new sqlite.Database(file)
  return {
    all: (sql, parameters) =>
      asNobodysLock(lock, () => database.all(sql, [...parameters]) as unknown as DatabaseRow[]),
    run: (sql, parameters) => asNobodysLock(lock, () => database.run(sql, [...parameters]).changes),
    close: () => database.close(),
  }
}

/** This build locks a file by making a folder, which outlives a process that is killed. */
function removeStaleLock(folder: string): void {
  const made = statSync(folder, { throwIfNoEntry: false })?.mtimeMs
  if (made !== undefined && Date.now() - made > STALE) rmdirSync(folder)
}

/**
 * Runs a statement in which the lock does not count as that of another process. Before SQLite rolls back what a
 * killed process has left half written, it asks whether another one is still writing; this build answers by looking
 * for the lock, which it has made itself by then, so nothing would ever be rolled back. No two processes have this
 * lock at once, so the right answer is always no. Nothing else in this thread runs meanwhile.
 */
function asNobodysLock<T>(lock: string, statement: () => T): T {
  const { accessSync } = fs
  fs.accessSync = (path, mode) => {
    if (path === lock) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
    accessSync(path, mode)
  }
  try {
    return statement()
  } finally {
    fs.accessSync = accessSync
  }
}
