import { type Result, succeeded } from '../base/result.ts'
import { HttpRoutes } from '../http/routes.ts'
import type { Language } from '../texts/language.ts'
import { type ApiAnswer, fault, okAnswer } from './answer.ts'
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
  /** Reads the body, or answers why it cannot be taken; not called before the visitor may do what is asked. */
  body(): Promise<Result<unknown, ApiAnswer>>
  /** Says who asks, or why nobody is let in. Not called for what does not exist. */
  visitor(act: string | undefined): Result<Visitor, ApiAnswer>
  /** Lets somebody in who need not say who they are, unless they come too often. */
  stranger(): Result<Visitor, ApiAnswer>
  /** IP address that the request came from; empty by the control socket. */
  readonly client: string
  readonly language: Language
}

const ROUTES = new HttpRoutes(ENDPOINTS)

/** Answers one request. A caller without the right is rejected before its body is read. */
export async function answerApi(request: ApiRequest, desk: Desk): Promise<ApiAnswer> {
  if (request.path === '/openapi.json' && (request.method === 'GET' || request.method === 'HEAD')) {
    return okAnswer(openApi(ENDPOINTS))
  }
  const found = ROUTES.find(request.method, request.path)
  if (found.kind === 'nothing') return fault(404, 'noEndpoint')
  if (found.kind === 'method') {
    const { allow } = found
    return fault(405, 'method', { method: request.method, allow }, { allow })
  }
  const { route: endpoint, params } = found
  const shown = endpoint.needs === 'nobody' ? request.stranger() : request.visitor(endpoint.act)
  if (!shown.ok) return shown.error
  const visitor = shown.value
  const refusal = refuse(endpoint, visitor)
  if (refusal) {
    if (endpoint.act !== undefined) note(desk, visitor, endpoint.act, 'refused', Object.values(params)[0])
    return refusal
  }
  const read = endpoint.method === 'POST' ? await request.body() : succeeded(undefined)
  if (!read.ok) return read.error
  const body = read.value
  const { client, query, language } = request
  return endpoint.answer({ visitor, client, params, query, body, language }, desk)
}

function refuse({ needs }: ApiEndpoint, visitor: Visitor): ApiAnswer | undefined {
  if (needs === 'nobody' || may(visitor, needs)) return undefined
  return fault(403, 'readOnly')
}
