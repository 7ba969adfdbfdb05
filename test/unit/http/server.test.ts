import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { knownRange } from '../../../src/base/range.ts'
import type { Result } from '../../../src/base/result.ts'
import { isOurHost } from '../../../src/http/origin.ts'
import { closeServer, createHttpServer, type HttpOptions } from '../../../src/http/server.ts'

async function serve(t: Test, options: Partial<HttpOptions> = {}): Promise<number> {
  const server = await started(t, options)
  return (server.address() as AddressInfo).port
}

async function started(t: Test, options: Partial<HttpOptions>): Promise<Server> {
  const server = createHttpServer({
    connections: 4,
    headerOctets: 8192,
    headersTimeout: 60_000,
    requestTimeout: 60_000,
    keepAlive: 60_000,
    answer: () => ({ status: 200, body: 'hello' }),
    badRequest: { status: 400 },
    failure: { status: 500, body: { error: 'a fault' } },
    fault: () => undefined,
    ...options,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => closeServer(server))
  return server
}

async function opened(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Sends a request and reads what comes back until the server closes. */
async function ask(t: Test, port: number, text: string): Promise<string> {
  const socket = await opened(t, port)
  let answer = ''
  socket.on('data', chunk => (answer += String(chunk)))
  socket.write(text)
  await once(socket, 'close')
  return answer
}

/** What was read of a body, or why it could not be. */
const textOf = (body: Result<Buffer, string>) => String(body.ok ? body.value : body.error)

const GET = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'

t.test('S-12: idle connections do not keep others out', async t => {
  const port = await serve(t)
  for (let i = 0; i < 12; i++) await opened(t, port)

  t.match(await ask(t, port, GET), /^HTTP\/1\.1 200 /)
})

t.test('S-12: neither do requests that never end, in their headers or in their body', async t => {
  const port = await serve(t, {
    answer: async request => ({ status: 200, body: textOf(await request.body(100)) }),
  })
  for (let i = 0; i < 6; i++) (await opened(t, port)).write('GET / HTTP/1.1\r\nhost: a\r\n')
  for (let i = 0; i < 6; i++)
    (await opened(t, port)).write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx')

  t.match(await ask(t, port, GET), /^HTTP\/1\.1 200 /)
})

t.test('an answer may take its time, but its reader may not', async t => {
  let finish = () => {}
  const finished = new Promise<void>(resolve => (finish = resolve))
  let begun = () => {}
  const asked = new Promise<void>(resolve => (begun = resolve))
  const server = await started(t, {
    answer: async () => {
      begun()
      await finished
      return { status: 200, body: 'x'.repeat(8 << 20) }
    },
  })
  const connected = once(server, 'connection') as Promise<[Socket]>
  const reader = await opened(t, (server.address() as AddressInfo).port)
  const [socket] = await connected
  t.equal(socket.timeout, 120_000, 'before it asks')

  reader.pause()
  reader.write(GET)
  await asked
  t.equal(socket.timeout, 0, 'while the answer is worked out')
  finish()
  await once(reader, 'readable')
  t.equal(socket.timeout, 120_000, 'while it is read')
})

t.test('a body beyond the bound is not read, and ends the connection', async t => {
  const port = await serve(t, {
    answer: async request => ({ status: 200, body: textOf(await request.body(4)) }),
  })

  t.match(await ask(t, port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12345'), /too-large/)
  t.match(
    await ask(t, port, 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n'),
    /too-large/,
  )
})

t.test('a request without a path, and a fault of the program, are answered', async t => {
  const faults: unknown[] = []
  const port = await serve(t, {
    answer: () => {
      throw new Error('no')
    },
    fault: error => faults.push(error),
  })

  t.match(await ask(t, port, GET), /^HTTP\/1\.1 500 /)
  t.equal(faults.length, 1)
  t.match(
    await ask(t, port, 'GET //a/b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1\.1 400 /,
  )
})

t.test('S-10: the client is who a trusted proxy says, and nobody else is believed', async t => {
  const proxies = [knownRange('127.0.0.0/8')]
  for (const [trusted, expected] of [
    [proxies, '192.0.2.7'],
    [[], '127.0.0.1'],
  ] as const) {
    const port = await serve(t, { answer: request => ({ status: 200, body: request.client(trusted) }) })
    const text = GET.replace('host: a', 'host: a\r\nx-forwarded-for: 198.51.100.1, 192.0.2.7')
    t.match(await ask(t, port, text), `"${expected}"`)
  }
})

for (const host of [
  'evil@127.0.0.1',
  'evil:x@127.0.0.1:9642',
  '127.0.0.1/@a',
  '127.0.0.1\\a',
  '127.0.0.1?',
  '127.0.0.1#a',
]) {
  t.test(`S-27: the Host header "${host}" is none of ours`, async t => {
    t.notOk(isOurHost({ host }, { host: '127.0.0.1', origins: [] }))
  })
}

t.test('C-08: HTTP is served from one place', async t => {
  const src = join(import.meta.dirname, '..', '..', '..', 'src')
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .filter(name =>
      /createServer[^'"]*from 'node:https?'|new (http\.)?Server\(/.test(
        readFileSync(join(src, name), 'utf8'),
      ),
    )

  t.same(found, [join('http', 'server.ts')])
})
