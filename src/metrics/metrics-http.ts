import type { Server } from 'node:http'
import { HttpRoutes } from '../http/routes.ts'
import { createHttpServer, type HttpReply } from '../http/server.ts'

/** What the pages are made of. */
export interface MetricsPages {
  /** The metrics page and its media type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>
  /** Why new calls should go elsewhere; empty when they may come. */
  notReady(): readonly string[]
}

interface Page {
  readonly method: 'GET'
  readonly path: string
  answer(pages: MetricsPages): HttpReply | Promise<HttpReply>
}

const PAGES = new HttpRoutes<Page>([
  {
    method: 'GET',
    path: '/metrics',
    answer: async pages => {
      const { type, text } = await pages.metrics()
      return { status: 200, content: { type, bytes: text } }
    },
  },
  { method: 'GET', path: '/healthz', answer: () => ({ status: 200, body: { ok: true } }) },
  {
    method: 'GET',
    path: '/readyz',
    answer: pages => {
      const reasons = pages.notReady()
      const ready = reasons.length === 0
      return { status: ready ? 200 : 503, body: { ready, reasons } }
    },
  },
  {
    method: 'GET',
    path: '/',
    answer: () => ({
      status: 200,
      content: { type: 'text/plain; charset=utf-8', bytes: 'taciturn: /metrics /healthz /readyz\n' },
    }),
  },
])

const NOT_FOUND: HttpReply = { status: 404, body: { error: 'not found' } }
const ONLY_GET: HttpReply = {
  status: 405,
  body: { error: 'only GET and HEAD are answered' },
  headers: { allow: 'GET, HEAD' },
}

/**
 * Creates the HTTP server for `/metrics`, `/healthz` and `/readyz`. It reads
 * nothing but method and path: no body, no Host header, no query.
 */
export function metricsHttp(pages: MetricsPages): Server {
  return createHttpServer({
    connections: 64,
    headerOctets: 8192,
    headersTimeout: 5_000,
    requestTimeout: 5_000,
    keepAlive: 5_000,
    answer: request => {
      if (request.method !== 'GET' && request.method !== 'HEAD') return ONLY_GET
      if (request.hasUnreadBody) return { status: 413, body: { error: 'no request body is taken' } }
      const found = PAGES.find(request.method, request.path)
      return found.kind === 'found' ? found.route.answer(pages) : NOT_FOUND
    },
    badRequest: NOT_FOUND,
    failure: { status: 500, body: { error: 'the figures could not be read' } },
    // The page is asked for every few seconds; what keeps it from being made is logged where it happens.
    fault: () => undefined,
  })
}
