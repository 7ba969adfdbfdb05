import { type ApiAnswer, fault, okAnswer } from '../answer.ts'
import { type ApiEndpoint, type Call, type Desk, note, readAs } from '../call.ts'
import { ownLimitAsked, ownUsageAsked, ownUsageShape } from './own-shapes.ts'
import type { Grant, UsagePages } from './usage-pages.ts'

/** What the page about one person's use asks. The token is in the body, so that it is in no address. */
export const OWN_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'POST',
    path: '/own-usage',
    needs: 'nobody',
    summary: 'What the person has used this month whose link it is.',
    body: ownUsageAsked,
    answers: ownUsageShape,
    answer: (call, desk) => {
      const read = readAs(ownUsageAsked, call)
      if (!read.ok) return read.error
      return withPage(desk, read.value.token, view)
    },
  },
  {
    method: 'POST',
    path: '/own-usage/limit',
    needs: 'nobody',
    act: 'own-limit',
    summary:
      'Sets the limit that the person has for themselves, lower than what the operator allows, or lifts it; one line of the access log.',
    body: ownLimitAsked,
    answers: ownUsageShape,
    answer: (call, desk) => {
      const read = readAs(ownLimitAsked, call)
      if (!read.ok) return read.error
      const { token, month } = read.value
      return withPage(desk, token, (own, grant) => limit(call, desk, own, grant, month))
    },
  },
]

async function limit(
  { visitor }: Call,
  desk: Desk,
  own: UsagePages,
  grant: Grant,
  month: number | null,
): Promise<ApiAnswer> {
  const set = own.limit(grant, month ?? undefined)
  if (!set.ok && set.error === 'too-many') return tooMany()
  const on = `user ${desk.ledger?.identitiesOf(grant.user).at(-1)}`
  note(desk, { ...visitor, who: 'usage page' }, 'own-limit', set.ok ? 'done' : 'failed', on)
  if (!set.ok) return set.error === 'full' ? fault(503, 'own.full') : fault(400, 'own.tooHigh')
  return view(own, grant)
}

async function view(own: UsagePages, grant: Grant): Promise<ApiAnswer> {
  const found = await own.look(grant)
  if (found.ok) return okAnswer(found.value)
  return found.error === 'too-many' ? tooMany() : fault(503, 'own.away')
}

function withPage(
  { own }: Desk,
  token: string,
  answer: (own: UsagePages, grant: Grant) => Promise<ApiAnswer>,
): ApiAnswer | Promise<ApiAnswer> {
  const grant = own?.open(token)
  return own && grant ? answer(own, grant) : fault(403, 'own.link')
}

function tooMany(): ApiAnswer {
  return fault(429, 'token.tooMany', {}, { 'retry-after': '60' })
}
