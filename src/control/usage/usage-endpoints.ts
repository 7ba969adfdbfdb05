import { z } from 'zod'
import { csvLine } from '../../base/csv.ts'
import { MEASURES } from '../../base/measures.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { type ApiAnswer, fault, okAnswer } from '../answer.ts'
import { type ApiEndpoint, type Call, type Desk, note, readAs } from '../call.ts'
import { parseMoment, usualBeginning } from './moments.ts'
import type { UsageControl, UsageFound, UsageQuestion } from './usage-control.ts'
import {
  usageExportShape,
  usageForgottenShape,
  usageNameAsked,
  usageRotateAsked,
  usageRotatedShape,
  usageShape,
  usageUsersShape,
} from './usage-shapes.ts'

/** Rows of one answer. */
const USUAL = 1000
const MOST = 20_000
/** Spans of one answer: two months of hours. */
const MOST_SPANS = 1500
const SPANS = { hour: 3600, day: 86_400, month: 28 * 86_400, all: Number.POSITIVE_INFINITY } as const
const PER = ['user', 'homeserver', 'transport', 'family'] as const

const QUERY = {
  by: '`hour`, `day`, `month`, or `all` as one sum; `day` unless told. Days and months are those of UTC.',
  from: 'The first span: `2026-06`, `2026-06-15` or `2026-06-15T12`. Unless told, a day of hours, 30 days, twelve months, or with `all` this month.',
  to: 'The last span, in the same form; now unless told.',
  per: 'What is told apart, with commas between: `user`, `homeserver`, `transport`, `family`.',
  user: 'Only this user, by the pseudonym of the ledger; several with commas between.',
  homeserver: 'Only this homeserver.',
  limit: `At most so many rows; ${USUAL} unless told, ${MOST} at most.`,
}

/** The ledger: what was used, by whom, and what is done with that. */
export const USAGE_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/usage',
    needs: 'read',
    act: 'usage',
    summary:
      'What was used. Where users are told apart, by pseudonyms that hold for long, the look is a line of the access log.',
    query: QUERY,
    answers: usageShape,
    answer: async (call, desk) => {
      const found = await usage(call, desk)
      return found.ok ? okAnswer(found.value) : found.error
    },
  },
  {
    method: 'GET',
    path: '/usage.csv',
    needs: 'read',
    act: 'usage',
    summary: 'The same as a table.',
    query: QUERY,
    answers: z.string().describe('Lines of comma-separated values, the first with the names of the columns.'),
    csv: true,
    answer: async (call, desk) => {
      const found = await usage(call, desk)
      return found.ok ? tableOf(found.value) : found.error
    },
  },
  {
    method: 'GET',
    path: '/usage/report',
    needs: 'read',
    act: 'usage',
    summary:
      'What a report is made of, read at once: sums by day and homeserver, and after them those of the whole time by homeserver and user; one line of the access log.',
    query: { from: QUERY.from, to: QUERY.to, limit: `At most so many people; ${MOST} unless told.` },
    answers: usageShape,
    answer: async ({ visitor, query }, desk) => {
      const asked = new URLSearchParams(query)
      asked.set('by', 'day')
      asked.set('limit', query.get('limit') ?? String(MOST))
      const read = readQuestion(asked, Math.floor(Date.now() / 1000))
      if (!read.ok) return read.error
      const { ledger } = desk
      if (!ledger) return noLedger()
      if (!note(desk, visitor, 'usage', 'done', 'all users, for a report')) return notWritten()
      const { from, to, most } = read.value
      const found = await ask(ledger.report({ from, to, most }))
      return found.ok ? okAnswer(found.value) : found.error
    },
  },
  {
    method: 'POST',
    path: '/usage/users/find',
    needs: 'act',
    act: 'usage-find',
    summary: 'How the ledger calls a person; one line of the access log.',
    body: usageNameAsked,
    answers: usageUsersShape,
    answer: (call, desk) =>
      ofPerson(call, desk, 'usage-find', async (ledger, name) => ({ users: [...ledger.identitiesOf(name)] })),
  },
  {
    method: 'POST',
    path: '/usage/users/export',
    needs: 'act',
    act: 'usage-export',
    summary: 'Everything that the ledger has of a person (GDPR article 15); one line of the access log.',
    body: usageNameAsked,
    answers: usageExportShape,
    answer: (call, desk) =>
      ofPerson(call, desk, 'usage-export', async (ledger, name) => ({
        rows: await ledger.export(name),
        limits: [...(desk.own?.budgets.limitsOf(name) ?? [])],
      })),
  },
  {
    method: 'POST',
    path: '/usage/users/forget',
    needs: 'act',
    act: 'usage-forget',
    summary:
      "Forgets a person (GDPR article 17). What was used is added to the month's sum of nobody, so that the sums of a homeserver stay right.",
    body: usageNameAsked,
    answers: usageForgottenShape,
    answer: (call, desk) =>
      ofPerson(call, desk, 'usage-forget', async (ledger, name) => {
        const forgotten = await ledger.forget(name)
        desk.own?.budgets.forget(name)
        return { forgotten }
      }),
  },
  {
    method: 'POST',
    path: '/usage/key/rotate',
    needs: 'act',
    act: 'usage-rotate',
    summary: 'Begins with a new key, so that everybody has another pseudonym in the ledger from now on.',
    body: usageRotateAsked,
    answers: usageRotatedShape,
    answer: (call, desk) => {
      const { visitor } = call
      const read = readAs(usageRotateAsked, call)
      if (!read.ok) return read.error
      if (!desk.ledger) return noLedger()
      const rotated = desk.ledger.rotate(read.value.only)
      // Limits under pseudonyms that lead to nobody any more.
      if (rotated.ok && read.value.only) desk.own?.budgets.clear()
      note(
        desk,
        visitor,
        'usage-rotate',
        rotated.ok ? 'done' : 'failed',
        read.value.only ? 'only' : undefined,
      )
      return rotated.ok
        ? okAnswer({ keys: rotated.value })
        : fault(503, 'usage.key', { detail: rotated.error })
    },
  },
]

async function usage({ visitor, query }: Call, desk: Desk): Promise<Result<UsageFound, ApiAnswer>> {
  const asked = readQuestion(query, Math.floor(Date.now() / 1000))
  if (!asked.ok) return failed(asked.error)
  const { ledger } = desk
  if (!ledger) return failed(noLedger())
  const { per, users, by } = asked.value
  if (per.includes('user') || users) {
    const on = users ? `users: ${users.length}, by ${by}` : `all users, by ${by}`
    if (!note(desk, visitor, 'usage', 'done', on)) return failed(notWritten())
  }
  return ask(ledger.usage(asked.value))
}

/** Written down before it is told or done. */
async function ofPerson(
  call: Call,
  desk: Desk,
  act: string,
  answer: (ledger: UsageControl, name: string) => Promise<unknown>,
): Promise<ApiAnswer> {
  const { visitor } = call
  const read = readAs(usageNameAsked, call)
  if (!read.ok) return read.error
  const { ledger } = desk
  if (!ledger) return noLedger()
  const { name } = read.value
  // The access log is kept for long, so the person is in it as in the ledger.
  const called = ledger.identitiesOf(name).at(-1)
  if (!note(desk, visitor, act, 'done', `user ${called}`)) return notWritten()
  const found = await ask(answer(ledger, name))
  return found.ok ? okAnswer(found.value) : found.error
}

async function ask<T>(asked: Promise<T>): Promise<Result<T, ApiAnswer>> {
  try {
    return succeeded(await asked)
  } catch (error) {
    const why = (error as Error).message
    return failed(fault(503, 'usage.database', { why }))
  }
}

function readQuestion(query: URLSearchParams, now: number): Result<UsageQuestion, ApiAnswer> {
  const by = query.get('by') ?? 'day'
  if (by !== 'hour' && by !== 'day' && by !== 'month' && by !== 'all') return failed(fault(400, 'usage.by'))
  const per = query.get('per')?.split(',') ?? []
  if (!per.every(isPer)) return failed(fault(400, 'usage.per', { known: PER.join(', ') }))
  const from = moment(query.get('from'), false, usualBeginning(by, now))
  const to = moment(query.get('to'), true, now + 1)
  if (from === undefined || to === undefined) return failed(fault(400, 'usage.date'))
  if ((to - from) / SPANS[by] > MOST_SPANS) return failed(fault(400, 'usage.spans', { most: MOST_SPANS }))
  const limit = query.get('limit') ?? String(USUAL)
  const most = /^[0-9]{1,6}$/.test(limit) ? Number(limit) : 0
  if (most < 1 || most > MOST) return failed(fault(400, 'usage.limit', { most: MOST }))
  const users = query.get('user')?.split(',').slice(0, USUAL)
  const homeserver = query.get('homeserver')
  return succeeded({
    by,
    from,
    to,
    per: [...new Set(per.filter(isPer))],
    most,
    ...(users && { users }),
    ...(homeserver !== null && { homeserver }),
  })
}

function moment(text: string | null, end: boolean, usual: number): number | undefined {
  return text === null ? usual : parseMoment(text, end)
}

function isPer(text: string): text is (typeof PER)[number] {
  return PER.some(one => one === text)
}

function tableOf({ rows }: UsageFound): ApiAnswer {
  return {
    status: 200,
    body: undefined,
    content: { type: 'text/csv; charset=utf-8', pieces: linesOf(rows) },
    headers: { 'content-disposition': 'attachment; filename="taciturn-usage.csv"' },
  }
}

function* linesOf(rows: UsageFound['rows']): Generator<string> {
  const [first] = rows
  const told = PER.filter(key => first?.[key] !== undefined)
  const columns = [...told, ...MEASURES]
  yield csvLine(['start', ...columns])
  for (const row of rows)
    yield csvLine([new Date(row.start * 1000).toISOString(), ...columns.map(column => row[column] ?? '')])
}

function noLedger(): ApiAnswer {
  return fault(404, 'noLedger')
}

function notWritten(): ApiAnswer {
  return fault(503, 'notLogged')
}
