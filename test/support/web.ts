import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** An HTTP server of a test, on a free port of 127.0.0.1. */
export interface Web {
  readonly port: number
  readonly url: string
  /** Paths with query, in the order in which they were asked for. */
  readonly asked: readonly string[]
  readonly headers: readonly IncomingMessage['headers'][]
}

/** Starts a server that ends with the test. */
export async function startWeb(t: Test, answer: RequestListener): Promise<Web> {
  const asked: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    headers.push(request.headers)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}`, asked, headers }
}

/** A listener that says the same JSON to everybody. */
export function says(status: number, body: unknown, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}
