import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Address, formatIp } from '../base/address.ts'
import { DEAR, inSlices } from '../system/slices.ts'
import { encodePieces, jsonPieces } from './json.ts'
import { type ConnectionPlace, Places } from './places.ts'
import { HttpRequest, hasBody } from './request.ts'

/** What is answered. `body` is written as JSON, see `jsonPieces`; `content` is sent as it is. */
export interface HttpReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly content?: HttpContent
  /** Done once the answer has left, or nobody waits for it any more. */
  after?(): void
}

/** `pieces` are made when they are sent, in slices between which packets are relayed. */
export type HttpContent = { readonly type: string } & (
  | { readonly bytes: Uint8Array | string }
  | { readonly pieces: Iterable<string> }
)

export interface HttpOptions {
  /** Most connections at a time; see `Places` for what happens beyond them. */
  readonly connections: number
  /** Octets of all headers of a request. */
  readonly headerOctets: number
  /** Milliseconds in which a request has to be sent, headers first, then the body. */
  readonly headersTimeout: number
  readonly requestTimeout: number
  /** Milliseconds that an idle connection is kept. */
  readonly keepAlive: number
  /** Headers of every answer, beside those that all servers here send. */
  readonly headers?: Readonly<Record<string, string>>
  answer(request: HttpRequest): HttpReply | Promise<HttpReply>
  /** What is answered to a request without a path, and after a fault of the program. */
  readonly badRequest: HttpReply
  readonly failure: HttpReply
  /** Told of a fault of the program. */
  fault(error: unknown): void
  /** Takes over a connection that wants to speak something else, or says with which status it may not. */
  upgrade?(request: HttpRequest, taken: Upgrade): number | undefined
}

/** A connection that is handed over, as `ws` wants it. */
export interface Upgrade {
  readonly message: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** Headers at a request beyond this number are dropped. */
const MOST_HEADERS = 100

/** Creates an HTTP server. All that this program serves goes through here, so that every limit holds everywhere. */
export function createHttpServer(options: HttpOptions): Server {
  const server = createServer({
    maxHeaderSize: options.headerOctets,
    headersTimeout: options.headersTimeout,
    requestTimeout: options.requestTimeout,
    keepAliveTimeout: options.keepAlive,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
  })
  server.maxHeadersCount = MOST_HEADERS
  server.timeout = silenceOf(options)
  const places = new Places(options.connections)
  const held = new WeakMap<Duplex, ConnectionPlace>()
  server.on('connection', socket => {
    const place = places.take(socket.remoteAddress, () => socket.destroy())
    if (!place) return void socket.destroy()
    held.set(socket, place)
    socket.once('close', () => place.leave())
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('request', (message, response) => {
    const place = held.get(message.socket)
    // Until its body is there, a request waits for the client, however long that takes.
    if (hasBody(message)) message.once('end', () => place?.wait(false))
    else place?.wait(false)
    response.once('close', () => place?.wait(true))
    void respond(message, response, options)
  })
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    held.get(socket)?.wait(false)
    const request = HttpRequest.of(message)
    const refused = request && options.upgrade ? options.upgrade(request, { message, socket, head }) : 404
    if (refused !== undefined) refuseUpgrade(socket, refused, options)
  })
  return server
}

/** Binds a server; rejects with the error of the system. */
export function listenOn(server: Server, at: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: formatIp(at.ip), port: at.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Ends a server with all of its connections. */
export function closeServer(server: Server): void {
  server.close()
  server.closeAllConnections()
}

/** Milliseconds without a word, after which a connection ends: nobody may read an answer as slowly as he likes. */
function silenceOf({ requestTimeout }: HttpOptions): number {
  return 2 * requestTimeout
}

async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  options: HttpOptions,
): Promise<void> {
  const request = HttpRequest.of(message)
  const isHead = message.method === 'HEAD'
  // Some answers take a minute, an upgrade's for one. A body that does not come is bounded by `requestTimeout`.
  message.socket.setTimeout(0)
  try {
    const answer = request ? await options.answer(request) : options.badRequest
    // A body that nobody wants is not waited for.
    if (request?.hasUnreadBody ?? hasBody(message)) response.shouldKeepAlive = false
    await write(response, answer, options, isHead)
  } catch (error) {
    options.fault(error)
    if (response.headersSent) response.destroy()
    else await write(response, options.failure, options, isHead)
  }
}

/** Writes an answer. What comes in pieces is put together and sent in slices. */
async function write(
  response: ServerResponse,
  { status, headers, body, content, after }: HttpReply,
  options: HttpOptions,
  isHead: boolean,
): Promise<void> {
  const chunks = content
    ? await chunksOf(content)
    : body === undefined
      ? []
      : await encodePieces(jsonLine(body))
  const octets = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  if (after) response.once('close', after)
  response.req.socket.setTimeout(silenceOf(options))
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...options.headers,
    ...(octets > 0 && { 'content-type': content?.type ?? 'application/json' }),
    ...(status !== 304 && { 'content-length': String(octets) }),
    ...headers,
  })
  const last = isHead ? undefined : chunks.pop()
  if (last && chunks.length > 0) await inSlices(chunks, chunk => void response.write(chunk), DEAR)
  response.end(last)
}

function* jsonLine(body: unknown): Generator<string> {
  yield* jsonPieces(body)
  yield '\n'
}

async function chunksOf(content: HttpContent): Promise<Buffer[]> {
  return 'pieces' in content ? encodePieces(content.pieces) : [Buffer.from(content.bytes)]
}

function refuseUpgrade(socket: Duplex, status: number, { headers }: HttpOptions): void {
  const lines = [
    `HTTP/1.1 ${status} Refused`,
    'connection: close',
    'content-length: 0',
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n`)
}
