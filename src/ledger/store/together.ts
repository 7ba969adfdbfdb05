import { isSafe } from '../../report/disclosure.ts'
import type { Database } from './database.ts'
import { spansOf } from './ledger-store.ts'

/** People of one day at most; where there are more, the days from then on are not told. */
const MOST_PEOPLE = 100_000

/** Seconds since the epoch; `to` is not part of it. */
export interface TogetherAsked {
  readonly from: number
  readonly to: number
}

/** What everybody has used together from the beginning of the time that was asked for. */
export interface UsedTogether {
  /** Seconds since the epoch: days from here on are not in it. */
  readonly until: number
  /** Payload both ways. */
  readonly octets: number
}

/**
 * What everybody has used together by the last day on which that may be told: people who watch the sum also see what it
 * grows by, so it is told when not only itself, but also what has come since it was told before, is of several people.
 * Which days those are follows from the rows alone, so every relay, and every run of one, finds the same.
 */
export async function usedTogether(database: Database, { from, to }: TogetherAsked): Promise<UsedTogether> {
  const since = new Map<string, { octets: number; readonly isOne: boolean }>()
  let told: UsedTogether = { until: from, octets: 0 }
  let octets = 0
  for (const [start, end] of spansOf({ by: 'day', from, to })) {
    if (end > to) break
    const rows = await database.all(
      `SELECT homeserver, identity, CAST(sum(bytes_to_peer) + sum(bytes_to_client) AS BIGINT) AS octets FROM ledger_usage WHERE start >= $1 AND start < $2 GROUP BY homeserver, identity LIMIT ${MOST_PEOPLE + 1}`,
      [start, end],
    )
    if (rows.length > MOST_PEOPLE) break
    for (const row of rows) {
      const key = `${row.homeserver}\0${row.identity}`
      const sum = since.get(key) ?? { octets: 0, isOne: row.identity !== '' }
      since.set(key, sum)
      sum.octets += Number(row.octets)
      octets += Number(row.octets)
    }
    if (!isSafe([...since.values()])) continue
    told = { until: end, octets }
    since.clear()
  }
  return told
}
