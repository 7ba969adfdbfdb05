import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ApiAnswer, fault, SECURITY, writeAnswer } from './answer.ts'
import { type ApiRequest, answerApi } from './api.ts'
import { readJson } from './body.ts'
import { type Desk, note } from './call.ts'
import type { Feed } from './feed.ts'
import { type AllowedHosts, isOurHost, isOurOrigin } from './origin.ts'
import { servePage } from './pages.ts'
import { Throttle } from './throttle.ts'
import type { Visitor } from './visitor.ts'

/** Milliseconds that a client may take to send its request, and that an idle connection is kept. */
const HEADERS_TIMEOUT = 5_000
const REQUEST_TIMEOUT = 10_000
const KEEP_ALIVE = 5_000
const MOST_CONNECTIONS = 128
/** Requests of the test page that one address may make in a minute. */
const STRANGERS = 120
const MINUTE = 60_000

/** What both doors stand on. */
export interface DoorParts {
  readonly desk: Desk
  /** Told of a fault of the program. */
  fault(error: unknown): void
}

/** What the door on the network has besides. */
export interface WebParts extends DoorParts {
  names(): AllowedHosts
  readonly feed: Feed
  /** How often a client may show a wrong token. */
  readonly wrong: Throttle
  /** The folder with the console. */
  readonly pages: string
}

/** Creates the server of the control socket: whoever may open the file may do everything. */
export function socketDoor(parts: DoorParts): Server {
  const visitor: Visitor = { who: 'socket', from: 'socket', rights: 'act' }
  return create(parts, async (request, response, url) => {
    if (!url.pathname.startsWith(API)) {
      return writeAnswer(request, response, fault(404, 'there is nothing here', 'the API is at /api/v1'))
    }
    const known = { visitor: () => visitor, stranger: () => visitor, client: '' }
    writeAnswer(request, response, await answer(request, url, parts.desk, known))
  })
}

/** Creates the server of console and API. */
export function webDoor(parts: WebParts): Server {
  const { desk, names, feed, pages } = parts
  const strangers = new Throttle(STRANGERS, MINUTE)
  const server = create(parts, async (request, response, url) => {
    const refusal = refuseForeign(request, names())
    if (refusal) return writeAnswer(request, response, refusal)
    if (!url.pathname.startsWith(API)) return servePage(request, response, url.pathname, pages)
    const client = clientOf(request)
    const asked = {
      visitor: (act: string | undefined) => visitorOf(request, act, parts),
      stranger: () => (strangers.pass(client) ? NOBODY : tooMany()),
      client,
    }
    writeAnswer(request, response, await answer(request, url, desk, asked))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const refusal = refuseForeign(request, names())
    if (refusal) return refuseUpgrade(socket, refusal.status)
    const isFeed = request.method === 'GET' && request.url?.split('?', 1)[0] === `${API}live`
    if (!isFeed) return refuseUpgrade(socket, 404)
    if (!feed.take(request, socket, head, clientOf(request))) refuseUpgrade(socket, 503)
  })
  return server
}

const API = '/api/v1/'
const NOBODY: Visitor = { who: 'nobody', from: 'http', rights: 'read' }

type Handle = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>

function create(parts: DoorParts, handle: Handle): Server {
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
    (request, response) => {
      const url = targetOf(request)
      if (!url) return writeAnswer(request, response, fault(400, 'there is no path', 'ask for a path'))
      handle(request, response, url).catch((error: unknown) => {
        parts.fault(error)
        if (response.headersSent) response.destroy()
        else
          writeAnswer(
            request,
            response,
            fault(500, 'a fault of the relay', 'please report it; the log has more'),
          )
      })
    },
  )
  server.maxConnections = MOST_CONNECTIONS
  server.maxHeadersCount = 64
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function answer(
  request: IncomingMessage,
  url: URL,
  desk: Desk,
  asked: Pick<ApiRequest, 'visitor' | 'stranger' | 'client'>,
): Promise<ApiAnswer> {
  let isRead = false
  const answered = await answerApi(
    {
      method: request.method ?? 'GET',
      path: url.pathname.slice(API.length - 1),
      query: url.searchParams,
      body: () => {
        isRead = true
        return readJson(request)
      },
      ...asked,
    },
    desk,
  )
  // A body that nobody wants is not waited for.
  const isUnread = !isRead && hasBody(request)
  return isUnread || answered.status === 413
    ? { ...answered, headers: { ...answered.headers, connection: 'close' } }
    : answered
}

/** Says who shows this token; wrong ones are written down, the first few of a client. */
function visitorOf(request: IncomingMessage, act: string | undefined, parts: WebParts): Visitor | ApiAnswer {
  const token = tokenOf(request.headers.authorization)
  const found = token === undefined ? undefined : parts.desk.tokens.find(token)
  if (found) {
    const isConsole = request.headers['x-taciturn-client'] === 'console'
    return isConsole ? { ...found, from: 'console' } : found
  }
  if (!parts.wrong.pass(clientOf(request))) {
    return tooMany()
  }
  if (token !== undefined || act !== undefined) note(parts.desk, NOBODY, act ?? 'token', 'refused')
  const why = token === undefined ? 'a token is needed' : 'this token is not good, or not any more'
  return fault(401, why, 'make a link with: taciturn console', { 'www-authenticate': 'Bearer' })
}

/** The token of an Authorization header, which node reads as Latin-1 whatever was sent. */
function tokenOf(header = ''): string | undefined {
  const token = /^Bearer +(.{1,512})$/i.exec(header)?.[1]
  return token === undefined ? undefined : Buffer.from(token, 'latin1').toString('utf8')
}

function tooMany(): ApiAnswer {
  return fault(429, 'too many requests without a right token', 'wait a minute', { 'retry-after': '60' })
}

function refuseForeign({ headers }: IncomingMessage, names: AllowedHosts): ApiAnswer | undefined {
  if (!isOurHost(headers, names)) {
    return fault(421, 'this is not a name of the console', 'set console.publicUrl, or console.origins')
  }
  if (!isOurOrigin(headers, names)) {
    return fault(403, 'pages of another origin may not ask', 'set console.publicUrl, or console.origins')
  }
  return undefined
}

function refuseUpgrade(socket: Duplex, status: number): void {
  const lines = [
    `HTTP/1.1 ${status} Refused`,
    'connection: close',
    'content-length: 0',
    ...Object.entries(SECURITY).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n`)
}

function clientOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? ''
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** Path and query; undefined when the request line has no path. */
function targetOf({ url = '' }: IncomingMessage): URL | undefined {
  if (!url.startsWith('/') || url.startsWith('//') || !URL.canParse(url, 'http://localhost')) return undefined
  return new URL(url, 'http://localhost')
}
