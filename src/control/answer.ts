import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ApiError } from './view.ts'

/** What is answered to a request of the API. */
export interface ApiAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Done once the answer has left, or nobody waits for it any more. */
  after?(): void
}

export function okAnswer(body: unknown): ApiAnswer {
  return { status: 200, body }
}

/** A refusal, and what mends it. */
export function fault(
  status: number,
  error: string,
  hint: string,
  headers?: ApiAnswer['headers'],
): ApiAnswer {
  const body: ApiError = { error, hint }
  return headers ? { status, body, headers } : { status, body }
}

/** What every answer says to browsers: nothing of it is to be embedded, guessed at or handed on. */
export const SECURITY = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

export function writeAnswer(request: IncomingMessage, response: ServerResponse, answer: ApiAnswer): void {
  const text = `${JSON.stringify(answer.body)}\n`
  if (answer.after) response.once('close', () => answer.after?.())
  response.writeHead(answer.status, {
    ...SECURITY,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...answer.headers,
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}

/** A body that cannot be taken. */
export class RefusedAnswer implements ApiAnswer {
  readonly status: number
  readonly body: unknown

  constructor({ status, body }: ApiAnswer) {
    this.status = status
    this.body = body
  }
}
