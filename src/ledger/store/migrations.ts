import type { Database, Dialect } from './database.ts'

interface Step {
  /** It is for databases that several relays share, and others have no such version. */
  readonly isShared?: boolean
  readonly statements: (dialect: Dialect) => readonly string[]
}

/** Each step takes the tables from one version to the next; a step that was released is never changed. */
const STEPS: readonly Step[] = [
  {
    statements: ({ keyed }) => [
      // `level`: 0 the hour that begins at `start`, 1 the day, 2 the month. What is in one is in no other.
      `CREATE TABLE ledger_usage (
        start BIGINT NOT NULL,
        level INTEGER NOT NULL,
        homeserver TEXT NOT NULL,
        identity TEXT NOT NULL,
        transport TEXT NOT NULL,
        family INTEGER NOT NULL,
        bytes_to_peer BIGINT NOT NULL,
        packets_to_peer BIGINT NOT NULL,
        bytes_to_client BIGINT NOT NULL,
        packets_to_client BIGINT NOT NULL,
        allocations BIGINT NOT NULL,
        milliseconds BIGINT NOT NULL,
        refusals BIGINT NOT NULL,
        PRIMARY KEY (start, level, homeserver, identity, transport, family)
      )${keyed}`,
      // The last batch of each writer that has been applied.
      'CREATE TABLE ledger_writer (id TEXT PRIMARY KEY, sequence BIGINT NOT NULL, seen BIGINT NOT NULL)',
      // The day on which old rows were last summed up.
      'CREATE TABLE ledger_rolled (day BIGINT NOT NULL)',
      'INSERT INTO ledger_rolled VALUES (0)',
    ],
  },
  {
    isShared: true,
    statements: () => [
      // What relays have used of a budget. `relays`: for each of its runs the octets used and those leased beyond;
      // `base`: what was used by runs that are forgotten; `used`: all together; `octets`: the limit.
      `CREATE TABLE ledger_budget (
        start BIGINT NOT NULL,
        span TEXT NOT NULL,
        kind TEXT NOT NULL,
        homeserver TEXT NOT NULL,
        identity TEXT NOT NULL,
        octets BIGINT NOT NULL,
        base BIGINT NOT NULL,
        relays JSONB NOT NULL,
        used BIGINT NOT NULL,
        changed TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (start, span, kind, homeserver, identity)
      )`,
      'CREATE INDEX ledger_budget_changed ON ledger_budget (changed)',
      // Runs of relays, and when they have last been heard of.
      'CREATE TABLE ledger_relay (id TEXT PRIMARY KEY, seen TIMESTAMPTZ NOT NULL)',
    ],
  },
]

/** The tables are those of a newer version, which this one does not touch. */
export class NewerLedger extends Error {}

/** Makes the tables, or brings them up to date. */
export async function migrate(database: Database): Promise<void> {
  const { dialect } = database
  const steps = STEPS.filter(({ isShared = false }) => dialect.isShared || !isShared)
  await database.transaction(async () => {
    if (dialect.migrateAlone !== undefined) await database.all(dialect.migrateAlone)
    await database.run('CREATE TABLE IF NOT EXISTS ledger_version (version INTEGER NOT NULL)')
    const [row] = await database.all('SELECT max(version) AS version FROM ledger_version')
    const version = Number(row?.version ?? 0)
    if (version > steps.length)
      throw new NewerLedger(`the ledger is of version ${version}, which is newer than this program`)
    for (const { statements } of steps.slice(version))
      for (const sql of statements(dialect)) await database.run(sql)
    if (version === steps.length) return
    await database.run('DELETE FROM ledger_version')
    await database.run('INSERT INTO ledger_version VALUES ($1)', [steps.length])
  })
}
