import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { contains, type Range } from '../base/range.ts'
import type { Time } from '../base/time.ts'
import { type IssueAnswer, limited, matrixError } from './answer.ts'
import { clientAddress } from './client-address.ts'
import type { IssueNote, IssueWay } from './note.ts'
import { hostOf, type IssueQuestion } from './question.ts'
import type { RateLimit } from './rate-limit.ts'

/** One way of asking for a credential. */
export interface IssueRoute {
  readonly way: IssueWay
  readonly method: 'GET' | 'POST'
  matches(path: string): boolean
  /** True where pages of other origins may ask. */
  readonly crossOrigin: boolean
  /** True for those who are known and may ask as often as they like. */
  isTrusted?(question: IssueQuestion): boolean
  answer(question: IssueQuestion): IssueAnswer | Promise<IssueAnswer>
}

export interface IssueServerOptions {
  routes(): readonly IssueRoute[]
  trustedProxies(): readonly Range[]
  origins(): readonly string[]
  readonly limit: RateLimit
  readonly now: () => Time
  note(note: IssueNote): void
  /** Told of a fault of the program. */
  fault(error: unknown): void
}

/** Milliseconds that a client may take to send its request, and that an idle connection is kept. */
const REQUEST_TIMEOUT = 5_000
const KEEP_ALIVE = 15_000
/** A proxy takes one connection for each request that waits for a homeserver. */
const MOST_CONNECTIONS = 512
const LONGEST_BODY = 8192

/** Creates the HTTP server that hands out credentials. It never writes down what it was asked. */
export function createIssueHttp(options: IssueServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: REQUEST_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
    (request, response) => {
      respond(request, response, options).catch((error: unknown) => {
        options.fault(error)
        if (response.headersSent) response.destroy()
        else
          write(request, response, {
            status: 500,
            body: { errcode: 'M_UNKNOWN', error: 'a fault of the relay' },
          })
      })
    },
  )
  server.maxConnections = MOST_CONNECTIONS
  server.maxHeadersCount = 100
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: IssueServerOptions,
): Promise<void> {
  const url = targetOf(request)
  const route = url && options.routes().find(one => one.matches(url.pathname))
  if (!url || !route)
    return write(request, response, matrixError(404, 'M_UNRECOGNIZED', 'Unrecognized request'))
  if (route.crossOrigin) allowOrigin(request, response, options.origins())
  const { method = 'GET' } = request
  if (method === 'OPTIONS' && route.crossOrigin) {
    response.writeHead(204, { 'content-length': 0 }).end()
    return
  }
  const isHead = method === 'HEAD' && route.method === 'GET'
  if (method !== route.method && !isHead) {
    response.setHeader('allow', route.method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS')
    return write(request, response, matrixError(405, 'M_UNRECOGNIZED', 'Unrecognized request'))
  }

  const body = await readBody(request, route.method === 'POST' ? LONGEST_BODY : 0)
  if (body === 'aborted') return
  if (body === 'too-large') {
    response.shouldKeepAlive = false
    options.note({ way: route.way, outcome: 'bad-request', why: 'the body is too large' })
    return write(request, response, matrixError(413, 'M_TOO_LARGE', 'the body is too large'))
  }
  const isProxied = isFromProxy(request, options)
  const forwarded = isProxied ? first(request.headers['x-forwarded-host']) : undefined
  const question: IssueQuestion = {
    method: route.method,
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    host: hostOf(forwarded ?? request.headers.host),
    body,
  }
  const wait = route.isTrusted?.(question) ? 0 : waitFor(request, options)
  if (wait > 0) {
    const unnamed = isProxied && request.headers['x-forwarded-for'] === undefined
    const why = unnamed
      ? 'the reverse proxy sends no X-Forwarded-For, so all clients count as one'
      : 'too many requests'
    options.note({ way: route.way, outcome: 'limited', why })
    return write(request, response, limited(wait))
  }
  write(request, response, await route.answer(question))
}

/** Path and query; undefined when the request line has no path. */
function targetOf({ url = '' }: IncomingMessage): URL | undefined {
  if (!url.startsWith('/') || url.startsWith('//') || !URL.canParse(url, 'http://localhost')) return undefined
  return new URL(url, 'http://localhost')
}

function waitFor({ socket, headers }: IncomingMessage, options: IssueServerOptions): number {
  const forwardedFor = headers['x-forwarded-for']
  const joined = Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor
  const client = clientAddress(socket.remoteAddress, joined, options.trustedProxies())
  return options.limit.wait(client ?? new Uint8Array(4), options.now())
}

function isFromProxy({ socket }: IncomingMessage, options: IssueServerOptions): boolean {
  const peer = clientAddress(socket.remoteAddress, undefined, [])
  return peer !== undefined && options.trustedProxies().some(range => contains(range, peer))
}

function first(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header
  return text?.split(',')[0]
}

/** Reads at most `most` octets. */
function readBody(request: IncomingMessage, most: number): Promise<string | 'too-large' | 'aborted'> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let length = 0
    if (Number(request.headers['content-length'] ?? 0) > most) return resolve('too-large')
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > most) resolve('too-large')
      else chunks.push(chunk)
    })
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.on('close', () => resolve('aborted'))
    request.on('error', () => resolve('aborted'))
  })
}

/** Lets pages read the answer, as Matrix wants it (Client-Server API, "Web browser clients"). */
function allowOrigin(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): void {
  const any = origins.includes('*')
  const { origin } = request.headers
  if (!any) response.setHeader('vary', 'Origin')
  if (!any && (origin === undefined || !origins.includes(origin))) return
  response.setHeader('access-control-allow-origin', any ? '*' : origin!)
  response.setHeader('access-control-allow-methods', 'GET, POST, PUT, DELETE, OPTIONS')
  response.setHeader('access-control-allow-headers', 'X-Requested-With, Content-Type, Authorization')
}

function write(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, headers }: IssueAnswer,
): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}
