import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { listenAt, SocketPathError } from '../../../src/control/control-socket.ts'
import { ENDPOINTS } from '../../../src/control/endpoints.ts'
import { cannotControl } from '../../../src/relay/start-error.ts'
import { ACT, ask, fakePlane, READ, rawConnection } from '../../support/fake-control.ts'

t.test('a name that is not ours is not answered, so no page can rebind its own name to us', async t => {
  const plane = await fakePlane(t)
  const as = async (host: string) =>
    (await ask(plane, 'GET', '/api/v1/status', { token: READ, headers: { host } })).status

  for (const host of ['127.0.0.1', 'localhost:9642', '[::1]:9642', 'LOCALHOST', 'turn.example.org']) {
    t.equal(await as(host), 200, host)
  }
  for (const host of ['evil.example', '192.0.2.1', 'turn.example.org.evil.example', 'a b', 'localhost@x']) {
    t.equal(await as(host), 421, host)
  }
})

t.test('a page of another origin may not ask', async t => {
  const plane = await fakePlane(t)
  const as = async (origin: string) =>
    (await ask(plane, 'POST', '/api/v1/reload', { token: ACT, headers: { origin } })).status

  t.equal(await as('https://turn.example.org'), 200)
  t.equal(await as(`http://127.0.0.1:${plane.port}`), 200)
  for (const origin of ['null', 'https://evil.example', 'http://turn.example.org', 'http://127.0.0.1:1']) {
    t.equal(await as(origin), 403, origin)
  }
})

t.test('every answer forbids to embed, to guess and to keep it', async t => {
  const plane = await fakePlane(t)
  for (const path of ['/api/v1/status', '/api/v1/nothing', '/', '/nothing']) {
    const { headers } = await ask(plane, 'GET', path, { token: READ })
    t.match(headers, {
      'content-security-policy': /default-src 'self'.*frame-ancestors 'none'/,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
  }
})

t.test('a build without the console says so', async t => {
  const plane = await fakePlane(t)
  const { status, body } = await ask(plane, 'GET', '/')
  t.equal(status, 503)
  t.match(body, { error: /not part of this build/, hint: /npm run build/ })
})

t.test('no request can name a file [SEC-25]', async t => {
  const plane = await fakePlane(t)
  for (const path of [
    '/../../etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '//etc/passwd',
    '/.env',
    '/a/b.js',
    '/%00.js',
  ]) {
    t.ok([400, 404].includes((await ask(plane, 'GET', path)).status), path)
  }
  for (const id of ['../1', '..%2F1', '%2Fetc%2Fpasswd', '1.log', '']) {
    const at = `/api/v1/sessions/${id}/disconnect`
    t.equal((await ask(plane, 'POST', at, { token: ACT })).status, 404, at)
  }
  t.same(plane.control.asked, [])
  const bodies = ENDPOINTS.flatMap(({ query = {}, path }) => [...Object.keys(query), path])
  t.notMatch(bodies.join(), /file|folder|dir/i)
})

t.test('a body that is too long is not read, whether it says so or not', async t => {
  const plane = await fakePlane(t)
  const long = { users: ['x'.repeat(20_000)] }
  t.equal((await ask(plane, 'POST', '/api/v1/names', { token: ACT, body: long })).status, 413)

  const socket = await rawConnection(plane.port)
  socket.write(
    `POST /api/v1/names HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${ACT}\r\ntransfer-encoding: chunked\r\n\r\n`,
  )
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
  socket.write(chunk.repeat(3))
  const [answer] = await once(socket, 'data')
  t.match(answer.toString(), /^HTTP\/1\.1 413/)
  socket.destroy()
})

t.test('what is no JSON, or other JSON than expected, is explained', async t => {
  const plane = await fakePlane(t)
  const { status, body } = await ask(plane, 'POST', '/api/v1/names', { token: ACT, body: { user: 'x' } })
  t.equal(status, 400)
  t.match(body, { error: /user/, hint: /openapi/ })
  t.equal((await ask(plane, 'GET', '/api/v1/sessions?limit=0', { token: READ })).status, 400)
  t.equal((await ask(plane, 'PUT', '/api/v1/status', { token: READ })).status, 405)
})

t.test('sessions are chosen by homeserver, user and transport, and counted beyond the limit', async t => {
  const plane = await fakePlane(t)
  const of = async (query: string) =>
    (await ask(plane, 'GET', `/api/v1/sessions?${query}`, { token: READ })).body

  t.match(await of('limit=1'), { sessions: [{ id: '1' }], more: 1 })
  t.match(await of('user=user2'), { sessions: [{ id: '2' }], more: 0 })
  t.match(await of('transport=tls'), { sessions: [], more: 0 })
  t.match(await of('homeserver=elsewhere'), { sessions: [], more: 0 })
})

t.test('the control socket is for its user and its group, and replaces that of a dead process', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'socket-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'new', 'control.sock')
  const first = createServer()
  await listenAt(first, path)
  t.equal(statSync(path).mode & 0o777, 0o660)

  const second = createServer()
  await t.rejects(listenAt(second, path), /another relay answers there/)
  first.close()

  // A process that was killed leaves its socket behind.
  const stale = join(folder, 'stale.sock')
  const dead = createServer()
  await listenAt(dead, stale)
  renameSync(stale, `${stale}.kept`)
  dead.close()
  renameSync(`${stale}.kept`, stale)
  await listenAt(second, stale)
  const socket = connect(stale)
  await once(socket, 'connect')
  socket.destroy()
  second.close()

  const file = join(folder, 'file')
  writeFileSync(file, 'something of the operator')
  await t.rejects(listenAt(createServer(), file), /is not a socket/)
  await t.rejects(listenAt(createServer(), join(folder, 'x'.repeat(120))), /107 bytes/)
})

t.test('S-14: a stranger who makes up the handle of a test costs the relay no look', async t => {
  const plane = await fakePlane(t)
  t.equal((await ask(plane, 'GET', '/api/v1/test/made-up', {})).status, 404)
  const measured = { browser: 'x', ways: [] }
  await ask(plane, 'POST', '/api/v1/test/made-up/result', { body: measured })
  t.equal(plane.control.looks, 0)
  t.equal((await ask(plane, 'GET', '/api/v1/sessions/1', { token: READ })).status, 200)
  t.equal(plane.control.looks, 0, 'nor does one session cost a look at all')
})

t.test('U-21: an error is said in the language of the one who asks, and else in English', async t => {
  const plane = await fakePlane(t)
  const as = async (language?: string) =>
    (
      await ask(plane, 'POST', '/api/v1/bans', {
        token: ACT,
        body: { network: '203.0.113.300' },
        headers: language === undefined ? {} : { 'accept-language': language },
      })
    ).body
  const english = { error: '"203.0.113.300" is not an address or a network', hint: /^write 203/ }
  t.match(await as('de-AT, en;q=0.5'), { error: '„203.0.113.300“ ist keine Adresse und kein Netz' })
  t.match(await as('fr'), english)
  t.match(await as(), english)
  const refused = await ask(plane, 'GET', '/api/v1/status', { headers: { 'accept-language': 'de' } })
  t.match(refused, { status: 401, body: { error: 'ein Token ist nötig', hint: /^einen Link erstellen/ } })
  const wrong = await ask(plane, 'POST', '/api/v1/bans', {
    token: ACT,
    body: { network: 7 },
    headers: { 'accept-language': 'de' },
  })
  t.match(wrong.body, {
    error: /^der Body ist nicht wie erwartet: network: Ungültige Eingabe: erwartet string/,
  })
})

t.test('U-21: why there is no control socket is said in the language of the log', async t => {
  // The path of a socket must be short.
  const folder = mkdtempSync(join(tmpdir(), 'socket-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'file'), '')
  const refused = await listenAt(createServer(), join(folder, 'file')).catch(error => error)
  t.ok(refused instanceof SocketPathError)
  const fault = cannotControl('/run/x', refused.text)
  t.match(fault.message, /this path exists and is not a socket/)
  t.match(fault.messageIn('de'), /diesen Pfad gibt es schon, und er ist kein Socket/)
})
