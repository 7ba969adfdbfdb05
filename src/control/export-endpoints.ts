import { z } from 'zod'
import { csvLine } from '../base/csv.ts'
import type { ApiAnswer } from './answer.ts'
import { fault } from './answer.ts'
import type { ApiEndpoint, Call, Desk } from './call.ts'
import type { HistoryPoint, SessionView } from './view.ts'

/** Sessions that a table lists. */
const MOST = 20_000
const table = z.string().describe('Lines of comma-separated values, the first with the names of the columns.')

/** Tables for spreadsheets. Times are ISO 8601 in UTC; people are pseudonyms, as everywhere. */
export const EXPORT_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/sessions.csv',
    needs: 'read',
    summary: 'The allocations as a table, the busiest first.',
    answers: table,
    csv: true,
    answer: async (_, { control }) => {
      const { sessions } = await control.findSessions({ most: MOST })
      return tableOf('sessions', SESSION_COLUMNS, sessions)
    },
  },
  {
    method: 'GET',
    path: '/history.csv',
    needs: 'read',
    summary: 'Past figures as a table.',
    query: { span: '`recent` (by the second), `day` (by the minute) or `hours`; `hours` unless told.' },
    answers: table,
    csv: true,
    answer: history,
  },
  {
    method: 'GET',
    path: '/rejected.csv',
    needs: 'read',
    summary:
      'Rejected requests, dropped datagrams and ended allocations since the start, by reason, as a table.',
    answers: table,
    csv: true,
    answer: async (_, { control }) => {
      const status = await control.status()
      const rows = (['rejected', 'dropped', 'closed'] as const).flatMap(what =>
        Object.entries(status[what]).map(([reason, count]) => ({ what, reason, count })),
      )
      return tableOf('rejected', REASON_COLUMNS, rows)
    },
  },
]

type Columns<T> = Readonly<Record<string, (row: T) => string | number>>

const SESSION_COLUMNS: Columns<SessionView> = {
  id: ({ id }) => id,
  homeserver: ({ homeserver }) => homeserver,
  user: ({ user }) => user,
  client: ({ client }) => client,
  transport: ({ transport }) => transport,
  client_family: ({ clientFamily }) => clientFamily,
  relayed: ({ relayed }) => relayed.join(' '),
  since: ({ since }) => time(since),
  expires: ({ expires }) => time(expires),
  permissions: ({ permissions }) => permissions,
  channels: ({ channels }) => channels,
  bytes_per_second_to_peer: ({ rate }) => rate.toPeer.bytes,
  bytes_per_second_to_client: ({ rate }) => rate.toClient.bytes,
  bytes_to_peer: ({ traffic }) => traffic.toPeer.bytes,
  bytes_to_client: ({ traffic }) => traffic.toClient.bytes,
  dropped: ({ dropped }) => dropped,
}

const HISTORY_COLUMNS: Columns<HistoryPoint> = {
  at: ({ at }) => time(at),
  sessions: ({ allocations }) => allocations,
  bytes_per_second_to_peer: ({ bytesToPeer }) => bytesToPeer,
  bytes_per_second_to_client: ({ bytesToClient }) => bytesToClient,
  packets_per_second: ({ packets }) => packets,
  dropped_per_second: ({ dropped }) => dropped,
  rejected_per_second: ({ rejected }) => rejected,
}

const REASON_COLUMNS: Columns<{ readonly what: string; readonly reason: string; readonly count: number }> = {
  what: ({ what }) => what,
  reason: ({ reason }) => reason,
  count: ({ count }) => count,
}

function history({ query }: Call, { control }: Desk): ApiAnswer {
  const span = query.get('span') ?? 'hours'
  if (span !== 'hours' && span !== 'day' && span !== 'recent') return fault(400, 'span')
  const { points } = span === 'hours' ? control.hours() : control.history()[span]
  return tableOf(`history-${span}`, HISTORY_COLUMNS, points)
}

function tableOf<T>(name: string, columns: Columns<T>, rows: Iterable<T>): ApiAnswer {
  return {
    status: 200,
    body: undefined,
    content: { type: 'text/csv; charset=utf-8', pieces: linesOf(columns, rows) },
    headers: { 'content-disposition': `attachment; filename="taciturn-${name}.csv"` },
  }
}

function* linesOf<T>(columns: Columns<T>, rows: Iterable<T>): Generator<string> {
  yield csvLine(Object.keys(columns))
  const values = Object.values(columns)
  for (const row of rows) yield csvLine(values.map(value => value(row)))
}

function time(at: number): string {
  return new Date(at).toISOString()
}
