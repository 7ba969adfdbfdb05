import { type Database, type DatabaseRow, type Dialect, inTransaction, type SqlValue } from './database.ts'

/** Milliseconds until a database that does not answer is taken to be away. */
const CONNECT = 5000
const ANSWER = 30_000
/** PostgreSQL's number for the type `bigint`, which `pg` reads as text unless told. */
const BIGINT = 20
/** Held while tables are made: two relays may start at once. Any number will do. */
const MIGRATING = 8_415_301

const DIALECT: Dialect = {
  elements: 'jsonb_array_elements($1::jsonb)',
  number: i => `(value->>${i})::bigint`,
  text: i => `value->>${i}`,
  keyed: '',
  exclusively: 'LOCK TABLE ledger_usage IN SHARE ROW EXCLUSIVE MODE',
  migrateAlone: `SELECT pg_advisory_xact_lock(${MIGRATING})`,
  isShared: true,
}

/** Connects to `postgresql://…`. What the URL does not say comes from PGPASSWORD, ~/.pgpass and so on. */
export async function openPostgresql(url: string): Promise<Database> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT,
    query_timeout: ANSWER,
    statement_timeout: ANSWER,
    application_name: 'taciturn',
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        type === BIGINT ? Number : pg.types.getTypeParser(type, format as 'text'),
    },
  })
  // A connection that breaks between two statements is noticed by the next one.
  client.on('error', () => {})
  await client.connect()
  const query = (sql: string, parameters: readonly SqlValue[] = []) =>
    client.query<DatabaseRow>(sql, [...parameters])
  const run = async (sql: string, parameters?: readonly SqlValue[]) =>
    (await query(sql, parameters)).rowCount ?? 0
  return {
    dialect: DIALECT,
    all: async (sql, parameters) => (await query(sql, parameters)).rows,
    run,
    transaction: work => inTransaction(run, 'BEGIN', work),
    close: () => client.end(),
  }
}
