import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t, { type Test } from 'tap'
import { type MetricsPages, metricsHttp } from '../../../src/metrics/metrics-http.ts'

t.test('the three pages are served', async t => {
  const get = await serve(t, {})

  t.match(await get('/metrics'), { status: 200, type: 'text/plain; version=0.0.4', text: 'figures 1\n' })
  t.match(await get('/healthz'), { status: 200, text: '{"ok":true}\n' })
  t.match(await get('/readyz'), { status: 200, text: '{"ready":true,"reasons":[]}\n' })
  t.match(await get('/nothing'), { status: 404 })
})

t.test('a relay that is not ready says 503 and why [OPS-20]', async t => {
  const get = await serve(t, { notReady: () => ['draining'] })

  t.match(await get('/readyz'), { status: 503, text: '{"ready":false,"reasons":["draining"]}\n' })
  t.match(await get('/healthz'), { status: 200 })
})

t.test('HEAD is answered without a body, other methods with 405', async t => {
  const get = await serve(t, {})

  t.match(await get('/healthz', { method: 'HEAD' }), { status: 200, text: '' })
  t.match(await get('/healthz', { method: 'POST' }), { status: 405 })
  t.match(await get('/healthz', { method: 'DELETE' }), { status: 405 })
})

t.test('a body, a foreign Host and a query change nothing', async t => {
  const get = await serve(t, {})

  t.match(await get('/healthz', { body: 'x'.repeat(1000), headers: { 'content-length': '1000' } }), {
    status: 413,
  })
  t.match(await get('/healthz?x=1', { headers: { host: 'attacker.example' } }), { status: 200 })
})

t.test('figures that cannot be read are a 500, not the end', async t => {
  const get = await serve(t, { metrics: () => Promise.reject(new Error('no')) })

  t.match(await get('/metrics'), { status: 500 })
  t.match(await get('/healthz'), { status: 200 })
})

t.test('headers beyond 8 KiB and what is no HTTP end the connection', async t => {
  const get = await serve(t, {})
  for (const bytes of [
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    '\x16\x03\x01 not http\r\n\r\n',
  ]) {
    const socket = connect(get.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(bytes)
    socket.resume()
    await once(socket, 'close')
  }

  t.match(await get('/healthz'), { status: 200 })
})

interface Reply {
  status: number | undefined
  type: string | undefined
  text: string
}

async function serve(t: Test, some: Partial<MetricsPages>) {
  const server = metricsHttp({
    metrics: () => Promise.resolve({ type: 'text/plain; version=0.0.4', text: 'figures 1\n' }),
    notReady: () => [],
    ...some,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const get = (
    path: string,
    options: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ) =>
    new Promise<Reply>((resolve, reject) => {
      const { method = 'GET', body, headers = {} } = options
      const asked = request({ port, host: '127.0.0.1', path, method, headers, agent: false }, answer => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => (text += part))
        answer.on('end', () =>
          resolve({ status: answer.statusCode, type: answer.headers['content-type'], text }),
        )
      })
      asked.on('error', reject)
      asked.end(body)
    })
  return Object.assign(get, { port })
}
