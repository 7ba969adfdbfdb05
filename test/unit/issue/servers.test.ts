import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createTls } from 'node:https'
import { createServer as createTcp } from 'node:net'
import t, { type Test } from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import type { Time } from '../../../src/base/time.ts'
import { parseServerName } from '../../../src/homeserver/matrix-id.ts'
import { exchange } from '../../../src/http/exchange.ts'
import type { Get, NameResolver } from '../../../src/issue/discovery.ts'
import { getOverTls, OpenId } from '../../../src/issue/openid.ts'
import { Whoami } from '../../../src/issue/whoami.ts'
import { selfSigned } from '../../support/certificate.ts'
import { need } from '../../support/need.ts'
import { says, startWeb, type Web } from '../../support/web.ts'

const TOKEN = 'syt_secret_token'

/** Deadlines in these tests: long enough for loopback, short enough to wait for. */
const SHORT = 300

async function whoami(t: Test, answer: Parameters<typeof startWeb>[1], deadline?: number) {
  let now = 0
  const web = await startWeb(t, answer)
  const asking = new Whoami(() => now as Time, deadline)
  t.teardown(() => asking.close())
  return {
    web,
    ask: (token = TOKEN) => asking.ask(web.url, token),
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

t.test('the homeserver says whose access token it is, and is asked once a minute', async t => {
  const { web, ask, pass } = await whoami(t, says(200, { user_id: '@alice:example.org', is_guest: false }))
  const alice = { kind: 'user', user: '@alice:example.org', guest: false }
  t.same(await ask(), alice)
  t.same(await ask(), alice)
  t.same(web.asked, ['/_matrix/client/v3/account/whoami'])
  t.equal(web.headers[0]?.authorization, `Bearer ${TOKEN}`)
  pass(61)
  t.same(await ask(), alice)
  t.equal(web.asked.length, 2)
})

t.test('the same question asked twice at once goes out once', async t => {
  const { web, ask } = await whoami(t, says(200, { user_id: '@alice:example.org' }))
  await Promise.all([ask(), ask(), ask()])
  t.equal(web.asked.length, 1)
})

t.test('when too many questions are open, the next is told so', async t => {
  const { ask } = await whoami(t, () => {}, SHORT)
  const answers = await Promise.all(Array.from({ length: 70 }, (_, i) => ask(`token${i}`)))
  const whys = answers.map(answer => (answer.kind === 'failed' ? answer.why : ''))
  t.equal(whys.filter(why => why === 'too many requests wait for the homeserver').length, 6)
  t.equal(whys.filter(why => why === 'it did not answer in time').length, 64)
})

t.test('a guest is known as one', async t => {
  const { ask } = await whoami(t, says(200, { user_id: '@1:example.org', is_guest: true }))
  t.match(await ask(), { guest: true })
})

t.test('a token that the homeserver does not take is remembered for a moment', async t => {
  const { web, ask, pass } = await whoami(t, says(401, { errcode: 'M_UNKNOWN_TOKEN', soft_logout: true }))
  const unknown = { kind: 'unknown', errcode: 'M_UNKNOWN_TOKEN', softLogout: true }
  t.same(await ask(), unknown)
  t.same(await ask(), unknown)
  t.equal(web.asked.length, 1)
  pass(16)
  await ask()
  t.equal(web.asked.length, 2)
})

t.test('a homeserver that wants fewer questions is believed', async t => {
  const bodily = await whoami(t, says(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 2500 }))
  t.same(await bodily.ask(), { kind: 'limited', seconds: 2.5 })
  const header = await whoami(t, says(429, {}, { 'retry-after': '7' }))
  t.same(await header.ask(), { kind: 'limited', seconds: 7 })
  const silly = await whoami(t, says(429, {}, { 'retry-after': '99999999' }))
  t.same(await silly.ask(), { kind: 'limited', seconds: 300 })
})

/** Servers in trouble, and what is said of them. None of them may make a client log out. */
const TROUBLE: readonly (readonly [what: string, answer: Parameters<typeof startWeb>[1], why: string])[] = [
  ['is down behind its proxy', says(502, 'bad gateway'), 'it answered 502'],
  ['is a firewall', says(403, '<html>forbidden</html>'), 'it answered 403 without Matrix'],
  ['wants a password of the web', says(401, ''), 'it answered 401 without Matrix'],
  ['says nothing of a user', says(200, {}), 'its answer names no user'],
  ['is no homeserver', says(200, '<html>welcome</html>'), 'its answer names no user'],
  ['answers with a list', says(200, '[]'), 'its answer names no user'],
  [
    'names something that is no user',
    says(200, { user_id: 'alice', sub: 'alice' }),
    'its answer names no user',
  ],
  ['redirects to loopback', says(302, '', { location: 'http://127.0.0.1:1/' }), 'it sends us elsewhere'],
  ['sends a huge body', says(200, ' '.repeat(100_000)), 'its answer is too large'],
  [
    'never stops',
    (_request, response) => {
      response.writeHead(200)
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(10_000)));
      }
      response.on('drain', more)
      more()
    },
    'its answer is too large',
  ],
  ['never answers', () => {}, 'it did not answer in time'],
  [
    'stops in the middle',
    (_request, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('{"user_id"')
    },
    'it did not answer in time',
  ],
  [
    'breaks off',
    (_request, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('{"user_id"', () => response.destroy())
    },
    'the connection failed (ECONNRESET)',
  ],
  ['hangs up', (_request, response) => void response.destroy(), 'the connection failed (ECONNRESET)'],
  [
    'sends endless headers',
    (_request, response) => {
      for (let i = 0; i < 40; i++) response.setHeader(`x-${i}`, 'x'.repeat(1000))
      response.end()
    },
    'the connection failed (HPE_HEADER_OVERFLOW)',
  ],
]

for (const [what, answer, why] of TROUBLE) {
  t.test(`a homeserver that ${what} fails with a sentence, and nothing leaks`, async t => {
    const { ask } = await whoami(t, answer, SHORT)
    const said = await ask()
    t.same(said, { kind: 'failed', why })
    t.notMatch(JSON.stringify(said), TOKEN)
  })
}

t.test('a homeserver that is down fails with a sentence', async t => {
  const server = createTcp().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const asking = new Whoami(() => 0 as Time)
  t.teardown(() => asking.close())
  t.same(await asking.ask(`http://127.0.0.1:${port}`, TOKEN), {
    kind: 'failed',
    why: 'nothing listens there',
  })
})

const EXAMPLE = parseServerName('example.org:443')!

/** Asks a server for the owner of an OpenID token, over plain HTTP in place of TLS. */
async function openId(t: Test, answer: Parameters<typeof startWeb>[1], deadline = SHORT) {
  const web = await startWeb(t, answer)
  const names: NameResolver = { addresses: async () => [parseIp('192.0.2.1')!], services: async () => [] }
  const verifying = new OpenId({
    names,
    get: plain(web),
    mayConnect: () => true,
    now: () => 0 as Time,
    deadline,
  })
  return { web, verify: () => verifying.verify(EXAMPLE, TOKEN) }
}

const plain =
  ({ port }: Web): Get =>
  (target, path, signal) =>
    exchange({
      url: new URL(`http://${target.host}${path}`),
      headers: { host: target.host },
      connect: { ip: '127.0.0.1', port },
      deadline: 10_000,
      signal,
    })

t.test('the server of the user says whose OpenID token it is, and is asked once a minute', async t => {
  const { web, verify } = await openId(t, says(200, { sub: '@alice:example.org:443' }))
  t.same(await verify(), { kind: 'user', user: '@alice:example.org:443' })
  t.same(await verify(), { kind: 'user', user: '@alice:example.org:443' })
  t.same(web.asked, [`/_matrix/federation/v1/openid/userinfo?access_token=${TOKEN}`])
  t.equal(web.headers[0]?.host, 'example.org:443')
})

t.test('a server is believed about its own users only', async t => {
  for (const sub of ['@alice:example.org', '@alice:evil.example', '@alice:example.org:4433']) {
    const { verify } = await openId(t, says(200, { sub }))
    t.same(await verify(), { kind: 'failed', why: 'it names a user of another server' }, sub)
  }
})

t.test('a token that the server does not know is refused', async t => {
  const { verify } = await openId(t, says(401, { errcode: 'M_UNKNOWN_TOKEN' }))
  t.same(await verify(), { kind: 'unknown' })
})

for (const [what, answer, why] of TROUBLE) {
  if (what === 'is a firewall' || what === 'wants a password of the web') continue
  t.test(`a server of others that ${what} fails with a sentence, and nothing leaks`, async t => {
    const { web, verify } = await openId(t, answer)
    const said = await verify()
    t.same(said, { kind: 'failed', why })
    t.notMatch(JSON.stringify(said), TOKEN)
    t.equal(web.asked.length, 1, 'and no redirect is followed')
  })
}

t.test('a name server that never answers holds nobody up', async t => {
  const names: NameResolver = {
    addresses: () => new Promise(() => {}),
    services: () => new Promise(() => {}),
  }
  const verifying = new OpenId({ names, mayConnect: () => true, now: () => 0 as Time, deadline: SHORT })
  const said = await verifying.verify(EXAMPLE, TOKEN)
  t.same(said, { kind: 'failed', why: 'it did not answer in time' })
})

t.test('the next address is tried when one does not answer', async t => {
  const web = await startWeb(t, says(200, { sub: '@alice:example.org:443' }))
  const names: NameResolver = {
    addresses: async () => [parseIp('192.0.2.1')!, parseIp('192.0.2.2')!],
    services: async () => [],
  }
  const get: Get = async (target, path, signal) =>
    target.ip[3] === 1
      ? { kind: 'failed', why: { key: 'exchange.nothingListens' }, unreached: true }
      : plain(web)(target, path, signal)
  const verifying = new OpenId({ names, get, mayConnect: () => true, now: () => 0 as Time })
  t.match(await verifying.verify(EXAMPLE, TOKEN), { kind: 'user' })
})

t.test('no address that was not checked is connected to, whatever the name says later', async t => {
  const asked: string[] = []
  let looks = 0
  const names: NameResolver = {
    // A name that is public when it is checked and private when it is used.
    addresses: async () => [parseIp(looks++ === 0 ? '192.0.2.1' : '127.0.0.1')!],
    services: async () => [],
  }
  const get: Get = async target => {
    asked.push(target.ip.join('.'))
    return { kind: 'failed', why: { key: 'exchange.nothingListens' }, unreached: true }
  }
  const verifying = new OpenId({ names, get, mayConnect: ip => ip[0] !== 127, now: () => 0 as Time })
  await verifying.verify(EXAMPLE, TOKEN)
  t.same(asked, ['192.0.2.1'])
  t.equal(looks, 1)
})

t.test('a server that cannot prove its name never sees the token', need('openssl'), async t => {
  const files = selfSigned(t.testdir({}))
  const asked: string[] = []
  const server = createTls(
    { cert: readFileSync(files.certificate), key: readFileSync(files.key) },
    (request, response) => {
      asked.push(request.url ?? '')
      response.end()
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const target = { ip: parseIp('127.0.0.1')!, port, servername: 'example.org', host: 'example.org' }
  const said = await getOverTls(target, `/?access_token=${TOKEN}`, new AbortController().signal)
  t.match(said, { kind: 'failed', why: { key: 'exchange.untrusted' }, unreached: true })
  t.same(asked, [])
})

t.test('a server that speaks no TLS fails with a sentence', async t => {
  const server = createTcp(socket => socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\n\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const target = { ip: parseIp('127.0.0.1')!, port, servername: 'example.org', host: 'example.org' }
  const said = await getOverTls(target, '/', new AbortController().signal)
  t.match(said, { kind: 'failed', why: { key: 'exchange.failedWith' } })
})
