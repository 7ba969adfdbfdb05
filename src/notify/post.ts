import { type Exchanged, exchange } from '../http/exchange.ts'
import type { RunningText } from '../texts/running.ts'

export interface Post {
  readonly url: URL
  readonly method: 'POST' | 'PUT'
  readonly body: unknown
  readonly token?: string | undefined
}

/** Milliseconds for everything together. */
const DEADLINE = 15_000

/** Sends JSON. Never throws. */
export function post({ url, method, body, token }: Post): Promise<Exchanged> {
  return exchange({
    url,
    method,
    body: JSON.stringify(body),
    deadline: DEADLINE,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  })
}

/** Why a message was not taken, without its address, which may be a secret. */
export function whyRefused(answer: Exchanged): RunningText | undefined {
  if (answer.kind === 'failed') return answer.why
  const { status } = answer
  if (status >= 200 && status < 300) return undefined
  if (status >= 300 && status < 400) return { key: 'unsent.redirect', values: { status } }
  if (status === 401 || status === 403) return { key: 'unsent.token', values: { status } }
  if (status === 404) return { key: 'unsent.noPage' }
  return status === 429 ? { key: 'unsent.tooOften' } : { key: 'unsent.status', values: { status } }
}
