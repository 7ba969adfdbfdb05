import type { Server } from 'node:http'
import type { Range } from '../base/range.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import type { Time } from '../base/time.ts'
import type { BodyFault, HttpRequest } from '../http/request.ts'
import type { HttpRoutes, RoutePattern } from '../http/routes.ts'
import { createHttpServer } from '../http/server.ts'
import { type IssueAnswer, limited, matrixError } from './answer.ts'
import type { IssueNote, IssueWay } from './note.ts'
import { hostOf, type IssueQuestion } from './question.ts'
import type { RateLimit } from './rate-limit.ts'

/** One way of asking for a credential. */
export interface IssueRoute extends RoutePattern {
  readonly way: IssueWay
  /** True where pages of other origins may ask. */
  readonly crossOrigin: boolean
  /** True for those who are known and may ask as often as they like. */
  isTrusted?(question: IssueQuestion): boolean
  answer(question: IssueQuestion): IssueAnswer | Promise<IssueAnswer>
}

export interface IssueServerOptions {
  routes(): HttpRoutes<IssueRoute>
  trustedProxies(): readonly Range[]
  origins(): readonly string[]
  readonly limit: RateLimit
  readonly now: () => Time
  note(note: IssueNote): void
  /** Told of a fault of the program. */
  fault(error: unknown): void
}

const LONGEST_BODY = 8192

/** Creates the HTTP server that hands out credentials. It never writes down what it was asked. */
export function createIssueHttp(options: IssueServerOptions): Server {
  return createHttpServer({
    // A proxy takes one connection for each request that waits for a homeserver.
    connections: 512,
    headerOctets: 16 * 1024,
    headersTimeout: 5_000,
    requestTimeout: 5_000,
    keepAlive: 15_000,
    answer: request => respond(request, options),
    badRequest: UNRECOGNIZED,
    failure: matrixError(500, 'M_UNKNOWN', 'a fault of the relay'),
    fault: options.fault,
  })
}

const UNRECOGNIZED = matrixError(404, 'M_UNRECOGNIZED', 'Unrecognized request')

async function respond(request: HttpRequest, options: IssueServerOptions): Promise<IssueAnswer> {
  const found = options.routes().find(request.method, request.path)
  if (found.kind === 'nothing') return UNRECOGNIZED
  const route = found.kind === 'found' ? found.route : found.others[0]!
  const headers = route.crossOrigin ? corsHeaders(request, options.origins()) : {}
  if (found.kind === 'method') {
    if (request.method === 'OPTIONS' && route.crossOrigin) return { status: 204, headers }
    const allow = `${found.allow}, OPTIONS`
    const refused = matrixError(405, 'M_UNRECOGNIZED', 'Unrecognized request')
    return { ...refused, headers: { ...headers, allow } }
  }
  const answer = await respondTo(request, route, options)
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

async function respondTo(
  request: HttpRequest,
  route: IssueRoute,
  options: IssueServerOptions,
): Promise<IssueAnswer> {
  const body = await bodyOf(request, route)
  if (!body.ok && body.error === 'aborted')
    return matrixError(400, 'M_NOT_JSON', 'the body was not sent to its end')
  if (!body.ok) {
    options.note({ way: route.way, outcome: 'bad-request', why: 'the body is too large' })
    return matrixError(413, 'M_TOO_LARGE', 'the body is too large')
  }
  const isProxied = request.isProxied(options.trustedProxies())
  const forwarded = isProxied ? first(request.headers['x-forwarded-host']) : undefined
  const question: IssueQuestion = {
    method: route.method,
    path: request.path,
    query: request.query,
    headers: request.headers,
    host: hostOf(forwarded ?? request.headers.host),
    body: body.value.toString('utf8'),
  }
  const client = request.clientIp(options.trustedProxies()) ?? new Uint8Array(4)
  const wait = route.isTrusted?.(question) ? 0 : options.limit.wait(client, options.now())
  if (wait > 0) {
    const unnamed = isProxied && request.headers['x-forwarded-for'] === undefined
    const why = unnamed
      ? 'the reverse proxy sends no X-Forwarded-For, so all clients count as one'
      : 'too many requests'
    options.note({ way: route.way, outcome: 'limited', why })
    return limited(wait)
  }
  return route.answer(question)
}

/** The body of a POST; a GET that has one is refused. */
async function bodyOf(request: HttpRequest, { method }: IssueRoute): Promise<Result<Buffer, BodyFault>> {
  if (method === 'POST') return request.body(LONGEST_BODY)
  return request.hasUnreadBody ? failed('too-large') : succeeded(Buffer.alloc(0))
}

function first(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header
  return text?.split(',')[0]
}

/** Lets pages read the answer, as Matrix wants it (Client-Server API, "Web browser clients"). */
function corsHeaders({ headers }: HttpRequest, origins: readonly string[]): Record<string, string> {
  const any = origins.includes('*')
  const { origin } = headers
  const vary = any ? {} : { vary: 'Origin' }
  if (!any && (origin === undefined || !origins.includes(origin))) return vary
  return {
    ...vary,
    'access-control-allow-origin': any ? '*' : origin!,
    'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
    'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
  }
}
