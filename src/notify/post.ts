import { type Exchanged, exchange } from '../http/exchange.ts'

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

/** Why a message was not taken, in words without its address, which may be a secret. */
export function whyRefused(answer: Exchanged): string | undefined {
  if (answer.kind === 'failed') return answer.why
  const { status } = answer
  if (status >= 200 && status < 300) return undefined
  if (status >= 300 && status < 400)
    return `it redirects (${status}), which is not followed: give the final URL`
  if (status === 401 || status === 403) return `it refuses the token, or wants one (${status})`
  if (status === 404) return 'nothing is at this URL (404)'
  return status === 429 ? 'it asks for patience (429)' : `it answered with status ${status}`
}
