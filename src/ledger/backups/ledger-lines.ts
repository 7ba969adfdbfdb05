import { z } from 'zod'
import type { Database, Dialect, SqlValue } from '../store/database.ts'

/* What a backup holds: JSON lines that either database writes and either reads.
 *
 *   {"taciturn":"ledger","format":1,"made":"2026-12-01T13:03:42Z","tables":[{"name":"ledger_usage","columns":[…]},…]}
 *   [0,1781344800,0,"example.org",…]      a row of the first of these tables
 *   {"rows":1}                            the last line: how many there were
 */

const FORMAT = 1
/** Rows that are read, or written, at once. */
const ROWS = 2000
/** Characters of a line at most: a name in full has a few hundred octets. */
const MOST_LINE = 65_536

interface Table {
  readonly name: string
  /** Those of the key first; their order is that of the rows. */
  readonly key: readonly string[]
  /** Every column, and whether it is a number. */
  readonly columns: Readonly<Record<string, 'number' | 'text'>>
}

/** What is in a backup. Budgets that relays share are not: they are worked out anew from the sums. */
const TABLES: readonly Table[] = [
  {
    name: 'ledger_usage',
    key: ['start', 'level', 'homeserver', 'identity', 'transport', 'family'],
    columns: {
      ...{ start: 'number', level: 'number' },
      ...{ homeserver: 'text', identity: 'text', transport: 'text', family: 'number' },
      ...{ bytes_to_peer: 'number', packets_to_peer: 'number' },
      ...{ bytes_to_client: 'number', packets_to_client: 'number' },
      ...{ allocations: 'number', milliseconds: 'number', refusals: 'number' },
    },
  },
  // What has been counted, so that what waits in a spool is not counted again.
  { name: 'ledger_writer', key: ['id'], columns: { id: 'text', sequence: 'number', seen: 'number' } },
  { name: 'ledger_rolled', key: ['day'], columns: { day: 'number' } },
]

const headSchema = z.object({
  taciturn: z.literal('ledger'),
  format: z.number(),
  made: z.string(),
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()) })),
})
const endSchema = z.object({ rows: z.number() })

/** It is not a backup of a ledger, or not a whole one, or of a version that is newer than this program. */
export class NotRestored extends Error {
  readonly why: 'not-a-backup' | 'cut-off' | 'newer'

  constructor(why: 'not-a-backup' | 'cut-off' | 'newer') {
    super(
      {
        'not-a-backup': 'the file is not a backup of a ledger',
        'cut-off': 'the backup is not whole',
        newer: 'the backup is of a newer version of taciturn',
      }[why],
    )
    this.why = why
  }
}

/** Everything in a ledger, as lines; the database must stand still meanwhile. Tells `told` of rows as they come. */
export async function* linesOf(
  database: Database,
  made: string,
  told: (rows: number) => void,
): AsyncGenerator<string> {
  const tables = TABLES.map(({ name, columns }) => ({ name, columns: Object.keys(columns) }))
  yield `${JSON.stringify({ taciturn: 'ledger', format: FORMAT, made, tables })}\n`
  let rows = 0
  for (const [index, table] of TABLES.entries()) {
    for await (const some of rowsOf(database, table)) {
      yield some.map(row => `${JSON.stringify([index, ...row])}\n`).join('')
      rows += some.length
      told(rows)
    }
  }
  yield `${JSON.stringify({ rows })}\n`
}

/** The rows of a table by their key, some at a time: each time those behind the last one. */
async function* rowsOf(database: Database, { name, key, columns }: Table): AsyncGenerator<SqlValue[][]> {
  const names = Object.keys(columns)
  const order = key.join(', ')
  const places = key.map((_, i) => `$${i + 1}`).join(', ')
  let last: SqlValue[] = []
  for (;;) {
    const behind = last.length === 0 ? '' : `WHERE (${order}) > (${places})`
    const rows = await database.all(
      `SELECT ${names.join(', ')} FROM ${name} ${behind} ORDER BY ${order} LIMIT ${ROWS}`,
      last,
    )
    if (rows.length > 0) yield rows.map(row => names.map(column => row[column]!))
    if (rows.length < ROWS) return
    last = key.map(column => rows.at(-1)![column]!)
  }
}

/** Whether there is anything in it. */
export async function isEmpty(database: Database): Promise<boolean> {
  return (await database.all('SELECT 1 AS one FROM ledger_usage LIMIT 1')).length === 0
}

/**
 * Puts what a backup has in the place of what is in the tables; to be called in a transaction, which ends without
 * effect where this throws. Nothing in the lines is believed: tables and columns are those that we know.
 */
export async function readLines(
  database: Database,
  octets: AsyncIterable<Buffer>,
  told: (rows: number) => void,
): Promise<number> {
  for (const { name } of TABLES) await database.run(`DELETE FROM ${name}`)
  let loader: Loader | undefined
  let rows = 0
  let end: number | undefined
  for await (const line of linesIn(octets)) {
    if (end !== undefined) throw new NotRestored('not-a-backup')
    const value = parsed(line)
    if (!loader) loader = new Loader(database, headSchema.safeParse(value).data)
    else if (Array.isArray(value)) {
      await loader.add(value)
      if (++rows % ROWS === 0) told(rows)
    } else end = endSchema.safeParse(value).data?.rows
  }
  if (!loader || end === undefined || end !== rows) throw new NotRestored('cut-off')
  await loader.flush()
  told(rows)
  return rows
}

/** Brings rows into their tables, many at once. */
class Loader {
  readonly #database: Database
  readonly #inserts: readonly { readonly sql: string; readonly kinds: readonly string[] }[]
  #table = 0
  #waiting: unknown[][] = []

  constructor(database: Database, head: z.output<typeof headSchema> | undefined) {
    if (!head) throw new NotRestored('not-a-backup')
    if (head.format > FORMAT) throw new NotRestored('newer')
    this.#database = database
    this.#inserts = head.tables.map(({ name, columns }) => insertInto(name, columns, database.dialect))
  }

  async add([table, ...row]: unknown[]): Promise<void> {
    const kinds = this.#inserts[Number(table)]?.kinds
    const fits = (value: unknown, i: number) =>
      kinds?.[i] === 'text' ? typeof value === 'string' : Number.isSafeInteger(value)
    if (row.length !== kinds?.length || !row.every(fits)) throw new NotRestored('not-a-backup')
    if (table !== this.#table || this.#waiting.length === ROWS) await this.flush()
    this.#table = Number(table)
    this.#waiting.push(row)
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    const rows = JSON.stringify(this.#waiting)
    this.#waiting = []
    await this.#database.run(this.#inserts[this.#table]!.sql, [rows])
  }
}

function insertInto(name: string, columns: readonly string[], dialect: Dialect) {
  const table = TABLES.find(one => one.name === name)
  const kinds = columns.map(column => table?.columns[column])
  if (!table || kinds.includes(undefined)) throw new NotRestored('newer')
  const values = kinds.map((kind, i) => (kind === 'text' ? dialect.text(i) : dialect.number(i))).join(', ')
  return {
    kinds: kinds as string[],
    sql: `INSERT INTO ${name} (${columns.join(', ')}) SELECT ${values} FROM ${dialect.elements} WHERE true`,
  }
}

async function* linesIn(octets: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let held = Buffer.alloc(0)
  for await (const piece of octets) {
    held = Buffer.concat([held, piece])
    let from = 0
    for (let to = held.indexOf(0x0a); to >= 0; to = held.indexOf(0x0a, from)) {
      yield held.toString('utf8', from, to)
      from = to + 1
    }
    held = held.subarray(from)
    if (held.length > MOST_LINE) throw new NotRestored('not-a-backup')
  }
  if (held.length > 0) throw new NotRestored('cut-off')
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new NotRestored('not-a-backup')
  }
}
