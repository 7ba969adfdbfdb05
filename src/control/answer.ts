import type { HttpReply } from '../http/server.ts'
import type { ApiError } from './view.ts'

/** What is answered to a request of the API. */
export interface ApiAnswer extends HttpReply {
  readonly body: unknown
}

export function okAnswer(body: unknown): ApiAnswer {
  return { status: 200, body }
}

/** An error response, and how to fix it. */
export function fault(
  status: number,
  error: string,
  hint: string,
  headers?: HttpReply['headers'],
): ApiAnswer {
  const body: ApiError = { error, hint }
  return headers ? { status, body, headers } : { status, body }
}

/** What every answer says to browsers: nothing of it is to be embedded, guessed at or handed on. */
export const SECURITY = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const
