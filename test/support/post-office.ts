import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A request that came in, with its JSON. */
export interface Delivered {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}

type Reply = readonly [status: number, body?: unknown, headers?: Readonly<Record<string, string>>]

/** An HTTP server on loopback that keeps what is posted to it and answers as `reply` says. */
export async function postOffice(
  t: Test,
  reply: (delivered: Delivered) => Reply | Promise<Reply> = () => [200, {}],
): Promise<{ readonly url: string; readonly got: Delivered[] }> {
  const got: Delivered[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', async () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const delivered = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: text === '' ? {} : JSON.parse(text),
      }
      got.push(delivered)
      const [status, body = {}, headers = {}] = await reply(delivered)
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got }
}
