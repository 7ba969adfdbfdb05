import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ask, type HttpAnswer, type HttpFailure } from '../../../src/doctor/http.ts'

t.test('an answer has status, JSON and the clock of the server', async t => {
  const url = await serve(t, (_request, response) => {
    response.setHeader('date', new Date(Date.now() - 7_200_000).toUTCString())
    response.end('{"a":1}')
  })
  const answer = (await ask(url)) as HttpAnswer
  t.equal(answer.status, 200)
  t.same(answer.json, { a: 1 })
  t.ok(Math.abs(answer.clockAhead! + 7_200_000) < 60_000)
})

t.test('what is no JSON is undefined', async t => {
  const url = await serve(t, (_request, response) => void response.end('<html>'))
  t.equal(((await ask(url)) as HttpAnswer).json, undefined)
})

t.test('a token, and a body, go where they are sent and no further', async t => {
  const asked: string[] = []
  const trap = await serve(t, (request, response) => {
    asked.push(request.url ?? '')
    response.end('{}')
  })
  const url = await serve(
    t,
    (_request, response) => void response.writeHead(307, { location: trap.href }).end(),
  )
  for (const options of [
    { token: 'x', redirects: 3 },
    { method: 'POST', body: {}, redirects: 3 },
    {},
  ] as const) {
    t.match((await ask(url, options)) as HttpFailure, {
      kind: 'failure',
      why: 'redirect',
      detail: trap.origin,
    })
  }
  t.same(asked, [])
  t.equal((await ask(url, { redirects: 1 })).kind, 'answer', 'a plain question follows as far as it is told')
})

t.test('redirects in a circle end', async t => {
  let asked = 0
  const url = await serve(t, (_request, response) => {
    asked++
    response.writeHead(302, { location: '/again' }).end()
  })
  t.match((await ask(url, { redirects: 3 })) as HttpFailure, { why: 'redirect' })
  t.equal(asked, 4)
})

t.test('a body without end is given up', async t => {
  const url = await serve(t, (_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', pour)
    pour()
  })
  t.match((await ask(url)) as HttpFailure, { kind: 'failure', why: 'too-large' })
})

t.test('nobody there is told from a broken answer', async t => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  t.match((await ask(new URL(`http://127.0.0.1:${port}`))) as HttpFailure, { why: 'refused' })
  const broken = await serve(t, request => void request.socket.destroy())
  t.equal((await ask(broken)).kind, 'failure')
})

async function serve(t: Test, listener: RequestListener): Promise<URL> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}
