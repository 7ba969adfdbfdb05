import { MEASURES } from '../../base/measures.ts'
import type { Database } from './database.ts'
import { measuresOf, SUMMED, spansOf, type UsageSum, type UsageSums } from './ledger-store.ts'

/** What a report of some days is made of. */
export interface ReportAsked {
  /** Seconds since the epoch; `to` is not part of it. */
  readonly from: number
  readonly to: number
  /** People at most; somebody at two homeservers counts as two. */
  readonly most: number
}

type Sum = { -readonly [K in keyof UsageSum]: UsageSum[K] }

/**
 * Sums by day and homeserver, by time, and after them sums of the whole time by homeserver and user, which name a user.
 * Both come from one reading of the rows, a day at a time: to group rows, a database sorts them, and SQLite does
 * that in memory for a day, but not for a month of them. With more people than asked for, days are left out as well.
 */
export async function reportSums(database: Database, { from, to, most }: ReportAsked): Promise<UsageSums> {
  const days: UsageSum[] = []
  const people = new Map<string, Sum>()
  for (const [start, end] of spansOf({ by: 'day', from, to })) {
    const rows = await database.all(
      `SELECT homeserver, identity, ${SUMMED} FROM ledger_usage WHERE start >= $1 AND start < $2 GROUP BY homeserver, identity LIMIT ${most + 1}`,
      [start, end],
    )
    const homeservers = new Map<string, Sum>()
    for (const row of rows) {
      const [homeserver, user] = [String(row.homeserver), String(row.identity)]
      const measures = measuresOf(row)
      addTo(homeservers, homeserver, { start, homeserver, ...measures })
      addTo(people, `${homeserver}\0${user}`, { start: from, homeserver, user, ...measures })
    }
    if (rows.length > most || people.size > most) return { rows: days, more: true }
    days.push(...byUse(homeservers.values()))
  }
  return { rows: [...days, ...byUse(people.values())], more: false }
}

function addTo(sums: Map<string, Sum>, key: string, more: UsageSum): void {
  const sum = sums.get(key)
  if (!sum) sums.set(key, { ...more })
  else for (const measure of MEASURES) sum[measure] += more[measure]
}

/** Those with the most octets first. */
function byUse(sums: Iterable<UsageSum>): UsageSum[] {
  const octets = ({ bytesToPeer, bytesToClient }: UsageSum) => bytesToPeer + bytesToClient
  const name = ({ homeserver = '', user = '' }: UsageSum) => `${homeserver}\0${user}`
  return [...sums].sort((a, b) => octets(b) - octets(a) || (name(a) < name(b) ? -1 : 1))
}
