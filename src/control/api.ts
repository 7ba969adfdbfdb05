import { type ApiAnswer, fault, okAnswer, RefusedAnswer } from './answer.ts'
import { type ApiEndpoint, type Desk, note } from './call.ts'
import { ENDPOINTS } from './endpoints.ts'
import { openApi } from './openapi.ts'
import { may, type Visitor } from './visitor.ts'

/** A request as the doors hand it in. */
export interface ApiRequest {
  readonly method: string
  /** Below /api/v1. */
  readonly path: string
  readonly query: URLSearchParams
  /** Reads the body, or a `Refused`; not called before the visitor may do what is asked. */
  body(): Promise<unknown>
  /** Says who asks, or why nobody is let in. Not called for what does not exist. */
  visitor(act: string | undefined): Visitor | ApiAnswer
  /** Lets somebody in who need not say who they are, unless they come too often. */
  stranger(): Visitor | ApiAnswer
  /** IP address that the request came from; empty by the control socket. */
  readonly client: string
}

interface Match {
  readonly endpoint: ApiEndpoint
  readonly params: Readonly<Record<string, string>>
}

const PATTERNS = ENDPOINTS.map(endpoint => ({ endpoint, pattern: patternOf(endpoint.path) }))

/** Answers one request. Who may not is refused before anything is read of what was sent. */
export async function answerApi(request: ApiRequest, desk: Desk): Promise<ApiAnswer> {
  if (request.path === '/openapi.json' && (request.method === 'GET' || request.method === 'HEAD')) {
    return okAnswer(openApi(ENDPOINTS))
  }
  const matches = matchesOf(request.path)
  if (matches.length === 0) return fault(404, 'there is nothing here', 'see GET /api/v1/openapi.json')
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const match = matches.find(({ endpoint }) => endpoint.method === method)
  if (!match) {
    const allow = matches.map(({ endpoint }) => endpoint.method).join(', ')
    return fault(405, `${request.method} is not answered here`, `ask with ${allow}`, { allow })
  }
  const { endpoint, params } = match
  const visitor = endpoint.needs === 'nobody' ? request.stranger() : request.visitor(endpoint.act)
  if ('status' in visitor) return visitor
  const refusal = refuse(endpoint, visitor)
  if (refusal) {
    if (endpoint.act !== undefined) note(desk, visitor, endpoint.act, 'refused', Object.values(params)[0])
    return refusal
  }
  const body = endpoint.method === 'POST' ? await request.body() : undefined
  if (body instanceof RefusedAnswer) return body
  return endpoint.answer({ visitor, client: request.client, params, query: request.query, body }, desk)
}

function refuse({ needs }: ApiEndpoint, visitor: Visitor): ApiAnswer | undefined {
  if (needs === 'nobody' || may(visitor, needs)) return undefined
  return fault(403, 'this token may look, and not act', 'use a token with the right "act"')
}

function matchesOf(path: string): Match[] {
  return PATTERNS.flatMap(({ endpoint, pattern }) => {
    const match = pattern.exec(path)
    return match ? [{ endpoint, params: { ...match.groups } }] : []
  })
}

/** Ids and pseudonyms are words; nothing that could be a path stands in one. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[A-Za-z0-9_-]{1,64})')}$`)
}
