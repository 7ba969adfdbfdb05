import type { Server } from 'node:http'
import type { Range } from '../base/range.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { type AllowedHosts, isOurHost, isOurOrigin } from '../http/origin.ts'
import type { HttpRequest } from '../http/request.ts'
import { createHttpServer, type HttpOptions, type HttpReply } from '../http/server.ts'
import { customerKeyOf } from '../limits/customer.ts'
import { CountingWindow } from '../limits/fixed-window.ts'
import { type ApiAnswer, fault, inLanguageOf, languageAskedFor, SECURITY } from './answer.ts'
import { type ApiRequest, answerApi } from './api.ts'
import { type Desk, note } from './call.ts'
import type { Feed } from './feed/feed.ts'
import { servePage } from './pages.ts'
import { OIDC_PATHS, type OidcDoor } from './sign-in/oidc-door.ts'
import type { Visitor } from './visitor.ts'
import type { WrongTokens } from './wrong-tokens.ts'

/** Requests of the test page that one customer may make in a minute, and customers that are counted at a time. */
const STRANGERS = 120
const MOST_STRANGERS = 1024
const MINUTE = 60_000
const LONGEST_BODY = 16 << 10

/** What both doors stand on. */
export interface DoorParts {
  readonly desk: Desk
  /** Told of a fault of the program. */
  fault(error: unknown): void
}

/** What the door on the network has besides. */
export interface WebParts extends DoorParts {
  names(): AllowedHosts
  /** Reverse proxies, whose X-Forwarded-For is believed. */
  trustedProxies(): readonly Range[]
  readonly feed: Feed
  /** Slows down who guesses tokens. */
  readonly wrong: WrongTokens
  /** Signing in with an account at a provider. */
  readonly oidc?: OidcDoor
  /** The folder with the console. */
  readonly pages: string
}

/** Creates the server of the control socket: anyone who can open the file may do everything. */
export function socketDoor(parts: DoorParts): Server {
  const visitor = succeeded<Visitor>({ who: 'socket', from: 'socket', rights: 'act' })
  return create(parts, {
    answer: async request =>
      request.path.startsWith(API)
        ? answer(request, parts.desk, { visitor: () => visitor, stranger: () => visitor, client: '' })
        : fault(404, 'onlyApi'),
  })
}

/** Creates the server of console and API. */
export function webDoor(parts: WebParts): Server {
  const { desk, names, feed, pages, oidc } = parts
  const strangers = new CountingWindow<number | string>(STRANGERS, MINUTE, MOST_STRANGERS)
  return create(parts, {
    answer: async request => {
      const refusal = refuseForeign(request, names())
      if (refusal) return refusal
      const client = request.client(parts.trustedProxies())
      if (oidc && OIDC_PATHS.has(request.path)) {
        const isPaced = strangers.pass(customerKeyOf(client), performance.now())
        return isPaced ? oidc.answer(request) : tooMany()
      }
      if (!request.path.startsWith(API)) return servePage(request, pages)
      return answer(request, desk, {
        visitor: act => visitorOf(request, client, act, parts),
        stranger: () =>
          strangers.pass(customerKeyOf(client), performance.now()) ? succeeded(NOBODY) : failed(tooMany()),
        client,
      })
    },
    upgrade: (request, taken) => {
      const refusal = refuseForeign(request, names())
      if (refusal) return refusal.status
      if (request.method !== 'GET' || request.path !== `${API}live`) return 404
      return feed.take(taken, request.client(parts.trustedProxies())) ? undefined : 503
    },
  })
}

const API = '/api/v1/'
const NOBODY: Visitor = { who: 'nobody', from: 'http', rights: 'read' }

function create(parts: DoorParts, handlers: Pick<HttpOptions, 'answer' | 'upgrade'>): Server {
  return createHttpServer({
    connections: 128,
    headerOctets: 8192,
    headersTimeout: 5_000,
    requestTimeout: 10_000,
    keepAlive: 5_000,
    headers: SECURITY,
    badRequest: fault(400, 'noPath'),
    failure: fault(500, 'broken'),
    fault: parts.fault,
    ...handlers,
    answer: async request => inLanguageOf(request.headers['accept-language'], await handlers.answer(request)),
  })
}

function answer(
  request: HttpRequest,
  desk: Desk,
  asked: Pick<ApiRequest, 'visitor' | 'stranger' | 'client'>,
): Promise<HttpReply> {
  const { method, path, query, headers } = request
  const language = languageAskedFor(headers['accept-language'])
  const api = path.slice(API.length - 1)
  return answerApi({ method, path: api, query, language, body: () => readJson(request), ...asked }, desk)
}

/** Reads a body of JSON; none at all is undefined. The error is the answer that says why it cannot be taken. */
async function readJson(request: HttpRequest): Promise<Result<unknown, ApiAnswer>> {
  const body = await request.body(LONGEST_BODY)
  if (!body.ok && body.error === 'too-large') {
    return failed(fault(413, 'body.tooLarge', { most: LONGEST_BODY }))
  }
  if (!body.ok) return failed(fault(400, 'body.brokenOff'))
  const text = body.value.toString('utf8')
  if (text.trim() === '') return succeeded(undefined)
  try {
    return succeeded(JSON.parse(text))
  } catch {
    return failed(fault(400, 'body.notJson'))
  }
}

/** Says who shows this token; wrong ones are written down, the first few of a client. */
function visitorOf(
  { headers }: HttpRequest,
  client: string,
  act: string | undefined,
  parts: WebParts,
): Result<Visitor, ApiAnswer> {
  const token = tokenOf(headers.authorization)
  const { desk, wrong } = parts
  if (token !== undefined && !wrong.mayTry(client, token)) return failed(tooMany())
  const found = token === undefined ? undefined : desk.tokens.find(token)
  if (found) {
    wrong.right(client, token!)
    return succeeded(headers['x-taciturn-client'] === 'console' ? { ...found, from: 'console' } : found)
  }
  if (!wrong.chargeWrong(client)) return failed(tooMany())
  if ((token !== undefined || act !== undefined) && wrong.takeLine())
    note(desk, NOBODY, act ?? 'token', 'refused')
  const key = token === undefined ? 'token.none' : 'token.wrong'
  return failed(fault(401, key, {}, { 'www-authenticate': 'Bearer' }))
}

/** The token of an Authorization header, which node reads as Latin-1 whatever was sent. */
function tokenOf(header = ''): string | undefined {
  const token = /^Bearer +(.{1,512})$/i.exec(header)?.[1]
  return token === undefined ? undefined : Buffer.from(token, 'latin1').toString('utf8')
}

function tooMany(): ApiAnswer {
  return fault(429, 'token.tooMany', {}, { 'retry-after': '60' })
}

function refuseForeign({ headers }: HttpRequest, names: AllowedHosts): ApiAnswer | undefined {
  if (!isOurHost(headers, names)) {
    return fault(421, 'foreign.host')
  }
  if (!isOurOrigin(headers, names)) {
    return fault(403, 'foreign.origin')
  }
  return undefined
}
