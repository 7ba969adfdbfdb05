import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** What the pages are made of. */
export interface Pages {
  /** The metrics page and its media type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>
  /** Why new calls should go elsewhere; empty when they may come. */
  notReady(): readonly string[]
}

/** Longest that a client may take to send its request, and that a finished connection is kept, in milliseconds. */
const REQUEST_TIMEOUT = 5_000
const KEEP_ALIVE = 5_000
const MOST_CONNECTIONS = 64

/**
 * Creates the HTTP server for `/metrics`, `/healthz` and `/readyz`. It reads
 * nothing but method and path: no body, no Host header, no query.
 */
export function createHttp(pages: Pages): Server {
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: REQUEST_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
    (request, response) => void answer(pages, request, response),
  )
  server.maxConnections = MOST_CONNECTIONS
  server.maxHeadersCount = 64
  server.timeout = 2 * REQUEST_TIMEOUT
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function answer(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const head = request.method === 'HEAD'
  const reply = (status: number, type: string, text: string) => {
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    })
    response.end(head ? undefined : text)
  }
  const json = (status: number, value: unknown) =>
    reply(status, 'application/json', `${JSON.stringify(value)}\n`)

  if (!head && request.method !== 'GET') return json(405, { error: 'only GET and HEAD are answered' })
  if (carriesBody(request)) {
    response.shouldKeepAlive = false
    return json(413, { error: 'no request body is taken' })
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/metrics':
      try {
        const { type, text } = await pages.metrics()
        return reply(200, type, text)
      } catch {
        return json(500, { error: 'the figures could not be read' })
      }
    case '/healthz':
      return json(200, { ok: true })
    case '/readyz': {
      const reasons = pages.notReady()
      return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons })
    }
    case '/':
      return reply(200, 'text/plain; charset=utf-8', 'taciturn: /metrics /healthz /readyz\n')
    default:
      return json(404, { error: 'not found' })
  }
}

function carriesBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
