export type SqlValue = string | number
export type DatabaseRow = Readonly<Record<string, SqlValue>>

/**
 * A database of the ledger. Statements are in the SQL that SQLite and
 * PostgreSQL share, with parameters `$1`, `$2` …; where they differ, `Dialect` has the difference.
 */
export interface Database {
  readonly dialect: Dialect
  /** Rows that a statement selects. Whole numbers are numbers. */
  all(sql: string, parameters?: readonly SqlValue[]): Promise<DatabaseRow[]>
  /** Runs a statement, and resolves with the number of rows that it has changed. */
  run(sql: string, parameters?: readonly SqlValue[]): Promise<number>
  /** All of it happens, or nothing. */
  transaction<T>(work: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** What has to be said differently. */
export interface Dialect {
  /** The `elements` of the JSON array `$1`, each an array, as a table with the column `value`. */
  readonly elements: string
  /** Element `i` of `value`, as a number or as a text. */
  readonly number: (i: number) => string
  readonly text: (i: number) => string
  /** Stands behind the columns of a table whose rows are found by their key. */
  readonly keyed: string
  /** Keeps other programs from changing the ledger until the transaction ends; undefined where one writes at a time. */
  readonly exclusively: string | undefined
  /** Keeps others from making the same tables; undefined as above. */
  readonly migrateAlone: string | undefined
  /** Whether several relays may write to it. */
  readonly isShared: boolean
}

/** Does work between `begin` and COMMIT, or undoes it where it fails. */
export async function inTransaction<T>(
  run: (sql: string) => Promise<number>,
  begin: string,
  work: () => Promise<T>,
): Promise<T> {
  await run(begin)
  try {
    const result = await work()
    await run('COMMIT')
    return result
  } catch (error) {
    // The error may have ended the transaction already.
    await run('ROLLBACK').catch(() => {})
    throw error
  }
}
