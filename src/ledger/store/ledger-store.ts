import type { Measures } from '../../base/measures.ts'
import { dayOf, monthOf, SECONDS_A_DAY, type UsageBatch } from '../usage.ts'
import type { Database, DatabaseRow, SqlValue } from './database.ts'

/** What is told apart in an answer. */
export const PER = ['user', 'homeserver', 'transport', 'family'] as const
export type Per = (typeof PER)[number]

export interface UsageAsked {
  /** Length of the spans that are summed up; `all` is one span. */
  readonly by: 'hour' | 'day' | 'month' | 'all'
  /** Seconds since the epoch; `to` is not part of it. */
  readonly from: number
  readonly to: number
  readonly per: readonly Per[]
  /** Only these, as the ledger calls them. */
  readonly users?: readonly string[]
  readonly homeserver?: string
  /** Rows at most. */
  readonly most: number
}

/** A sum; of what is told apart, whose it is. */
export type UsageSum = { readonly start: number } & Readonly<
  Partial<{ user: string; homeserver: string; transport: string; family: number }>
> &
  Measures

/** A row of the ledger, as it is. */
export interface UsageRecord extends Measures {
  readonly span: (typeof LEVELS)[number]
  readonly start: number
  readonly homeserver: string
  readonly user: string
  readonly transport: string
  readonly family: number
}

export interface UsageSums {
  /** By time; within one span those with the most octets first. */
  readonly rows: Iterable<UsageSum>
  /** Whether there are more than were asked for. */
  readonly more: boolean
}

/** Seconds for which each level of detail is kept; Infinity for ever. */
export interface Retention {
  readonly hours: number
  readonly days: number
  readonly months: number
}

const KEY = ['homeserver', 'identity', 'transport', 'family'] as const
const SUMS = [
  'bytes_to_peer',
  'packets_to_peer',
  'bytes_to_client',
  'packets_to_client',
  'allocations',
  'milliseconds',
  'refusals',
] as const
const COLUMNS = ['start', 'level', ...KEY, ...SUMS].join(', ')
/** Adds to what is there. */
const ADDED = `ON CONFLICT (start, level, ${KEY.join(', ')}) DO UPDATE SET ${SUMS.map(
  name => `${name} = ledger_usage.${name} + excluded.${name}`,
).join(', ')}`
/** `sum` is a `numeric` in PostgreSQL. */
export const SUMMED = SUMS.map(name => `CAST(sum(${name}) AS BIGINT) AS ${name}`).join(', ')
const COLUMN_OF: Record<Per, string> = {
  user: 'identity',
  homeserver: 'homeserver',
  transport: 'transport',
  family: 'family',
}
/** Spans that one question may have: 60 days by the hour. */
export const MOST_SPANS = 1500
/** Seconds after which a writer is forgotten: whatever it has left in a spool came long before. */
const FORGOTTEN = 730 * SECONDS_A_DAY

/** The tables of the ledger. */
export class LedgerStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Adds batches, all of them or none; those that have been added before are
   * left out. Resolves with how many were new.
   */
  apply(batches: readonly UsageBatch[], now: number): Promise<number> {
    const { dialect } = this.#database
    const { number, text, elements } = dialect
    const values = [
      ...[number(0), '0', text(1), text(2), text(3)],
      ...[4, 5, 6, 7, 8, 9, 10, 11].map(number),
    ].join(', ')
    const insert = `INSERT INTO ledger_usage (${COLUMNS}) SELECT ${values} FROM ${elements} WHERE true ${ADDED}`
    return this.#database.transaction(async () => {
      let added = 0
      for (const { writer, sequence, rows } of batches) {
        const isNew = await this.#database.run(
          'INSERT INTO ledger_writer (id, sequence, seen) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, seen = excluded.seen WHERE ledger_writer.sequence < excluded.sequence',
          [writer, sequence, now],
        )
        if (isNew === 0) continue
        // Two relays that add to the same rows in another order would wait for each other.
        const sorted = [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
        await this.#database.run(insert, [JSON.stringify(sorted)])
        added++
      }
      return added
    })
  }

  async usage(asked: UsageAsked): Promise<UsageSums> {
    const rows: UsageSum[] = []
    for (const [from, to] of spansOf(asked)) {
      const found = await this.#sums(asked, from, to, asked.most - rows.length + 1)
      rows.push(...found)
      if (rows.length > asked.most) return { rows: rows.slice(0, asked.most), more: true }
    }
    return { rows, more: false }
  }

  /** The first moment that there is something of; undefined where there is nothing. */
  async first(): Promise<number | undefined> {
    const [row] = await this.#database.all('SELECT min(start) AS first FROM ledger_usage')
    return row?.first === null || row?.first === undefined ? undefined : Number(row.first)
  }

  /** Everything that is kept of somebody, the oldest first. */
  async export(users: readonly string[]): Promise<readonly UsageRecord[]> {
    const rows = await this.#database.all(
      `SELECT ${COLUMNS} FROM ledger_usage WHERE ${isOneOf(users, 1)} ORDER BY start, level, homeserver, transport, family`,
      users,
    )
    return rows.map(row => ({
      span: LEVELS[Number(row.level)] ?? 'month',
      start: Number(row.start),
      homeserver: String(row.homeserver),
      user: String(row.identity),
      transport: String(row.transport),
      family: Number(row.family),
      ...measuresOf(row),
    }))
  }

  /**
   * Forgets somebody. What was used is added to the month's sum of nobody, so
   * that the sums of a homeserver stay right. Resolves with the number of rows that named the person.
   */
  forget(users: readonly string[]): Promise<number> {
    return this.#alone(async () => {
      const theirs = isOneOf(users, 1)
      const [ends] = await this.#database.all(
        `SELECT min(start) AS first, max(start) AS last FROM ledger_usage WHERE ${theirs}`,
        users,
      )
      if (ends?.first === null || ends?.first === undefined) return 0
      for (let month = monthOf(Number(ends.first)); month <= Number(ends.last); month = monthOf(month, 1)) {
        const [start, from, to] = [1, 2, 3].map(i => `$${users.length + i}`)
        // Casts, since PostgreSQL takes a parameter that stands alone for a text.
        await this.#database.run(
          `INSERT INTO ledger_usage (${COLUMNS}) SELECT CAST(${start} AS BIGINT), 2, homeserver, '', transport, family, ${SUMMED} FROM ledger_usage WHERE ${theirs} AND start >= ${from} AND start < ${to} GROUP BY homeserver, transport, family ${ADDED}`,
          [...users, month, month, monthOf(month, 1)],
        )
      }
      return this.#database.run(`DELETE FROM ledger_usage WHERE ${theirs}`, users)
    })
  }

  /**
   * Once a day: sums up by the day what is too old for hours, by the month what is too old for days. A clock that
   * was far ahead once, and is no longer, does not put it off until then. Resolves with whether it was due.
   */
  async rollUp(now: number, keep: Retention): Promise<boolean> {
    const today = dayOf(now)
    return this.#alone(async () => {
      const isDue = await this.#database.run('UPDATE ledger_rolled SET day = $1 WHERE day < $1 OR day > $2', [
        today,
        today + SECONDS_A_DAY,
      ])
      if (isDue === 0) return false
      if (Number.isFinite(keep.hours)) await this.#toDays(dayOf(now - keep.hours))
      if (Number.isFinite(keep.days)) await this.#toMonths(monthOf(now - keep.days))
      if (Number.isFinite(keep.months))
        await this.#database.run('DELETE FROM ledger_usage WHERE start < $1', [monthOf(now - keep.months)])
      await this.#database.run('DELETE FROM ledger_writer WHERE seen < $1', [now - FORGOTTEN])
      return true
    })
  }

  async #toDays(before: number): Promise<void> {
    await this.#database.run(
      `INSERT INTO ledger_usage (${COLUMNS}) SELECT start - start % ${SECONDS_A_DAY}, 1, ${KEY.join(', ')}, ${SUMMED} FROM ledger_usage WHERE level = 0 AND start < $1 GROUP BY start - start % ${SECONDS_A_DAY}, ${KEY.join(', ')} ${ADDED}`,
      [before],
    )
    await this.#database.run('DELETE FROM ledger_usage WHERE level = 0 AND start < $1', [before])
  }

  async #toMonths(before: number): Promise<void> {
    const [row] = await this.#database.all(
      'SELECT min(start) AS first FROM ledger_usage WHERE level < 2 AND start < $1',
      [before],
    )
    if (row?.first === null || row?.first === undefined) return
    for (let month = monthOf(Number(row.first)); month < before; month = monthOf(month, 1)) {
      const next = monthOf(month, 1)
      await this.#database.run(
        `INSERT INTO ledger_usage (${COLUMNS}) SELECT CAST($1 AS BIGINT), 2, ${KEY.join(', ')}, ${SUMMED} FROM ledger_usage WHERE level < 2 AND start >= $2 AND start < $3 GROUP BY ${KEY.join(', ')} ${ADDED}`,
        [month, month, next],
      )
      await this.#database.run('DELETE FROM ledger_usage WHERE level < 2 AND start >= $1 AND start < $2', [
        month,
        next,
      ])
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const { exclusively } = this.#database.dialect
    return this.#database.transaction(async () => {
      if (exclusively !== undefined) await this.#database.run(exclusively)
      return work()
    })
  }

  async #sums(asked: UsageAsked, from: number, to: number, most: number): Promise<UsageSum[]> {
    const { per, users, homeserver } = asked
    const columns = per.map(key => COLUMN_OF[key])
    const parameters: SqlValue[] = [from, to]
    const conditions = ['start >= $1', 'start < $2']
    if (homeserver !== undefined) conditions.push(`homeserver = $${parameters.push(homeserver)}`)
    if (users) {
      conditions.push(isOneOf(users, parameters.length + 1))
      parameters.push(...users)
    }
    const group = columns.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${columns.join(', ')}`
    const order = ['sum(bytes_to_peer) + sum(bytes_to_client) DESC', ...columns].join(', ')
    const selected = [...columns, SUMMED].join(', ')
    const found = await this.#database.all(
      `SELECT ${selected} FROM ledger_usage WHERE ${conditions.join(' AND ')} ${group} ORDER BY ${order} LIMIT ${most}`,
      parameters,
    )
    return found.map(row => ({
      start: from,
      ...Object.fromEntries(per.map(key => [key, row[COLUMN_OF[key]]!])),
      ...measuresOf(row),
    }))
  }
}

const LEVELS = ['hour', 'day', 'month'] as const

/** The spans that a question is about, each with its end. */
export function spansOf({
  by,
  from,
  to,
}: Pick<UsageAsked, 'by' | 'from' | 'to'>): [from: number, to: number][] {
  if (by === 'all') return from < to ? [[from, to]] : []
  const seconds = by === 'hour' ? 3600 : SECONDS_A_DAY
  const spans: [number, number][] = []
  let start = by === 'month' ? monthOf(from) : from - (from % seconds)
  while (start < to && spans.length < MOST_SPANS) {
    const next = by === 'month' ? monthOf(start, 1) : start + seconds
    spans.push([start, next])
    start = next
  }
  return spans
}

function isOneOf(users: readonly string[], first: number): string {
  return users.length === 0 ? 'false' : `identity IN (${users.map((_, i) => `$${first + i}`).join(', ')})`
}

function keyOf([hour, ...rest]: UsageBatch['rows'][number]): string {
  return `${hour}\0${rest.slice(0, 4).join('\0')}`
}

export function measuresOf(row: DatabaseRow): Measures {
  const number = (name: (typeof SUMS)[number]) => Number(row[name] ?? 0)
  return {
    bytesToPeer: number('bytes_to_peer'),
    packetsToPeer: number('packets_to_peer'),
    bytesToClient: number('bytes_to_client'),
    packetsToClient: number('packets_to_client'),
    allocations: number('allocations'),
    milliseconds: number('milliseconds'),
    refusals: number('refusals'),
  }
}
