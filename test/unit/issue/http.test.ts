import { once } from 'node:events'
import { request as send } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t, { type Test } from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { knownRange } from '../../../src/base/range.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import type { Homeserver, Issue } from '../../../src/config/settings.ts'
import { Issuing, type Policy } from '../../../src/issue/issuing.ts'
import type { IssueNote } from '../../../src/issue/note.ts'
import { says, startWeb } from '../../support/web.ts'

const KEY = 'f3a9c27d5b8e4160a7d2c9e1b40f6d38'
const TOKEN = 'syt_secret_token'
const PATH = '/_matrix/client/v3/voip/turnServer'
const URIS = ['turn:turn.example.org:3478?transport=udp']

function homeserver(more: Partial<Homeserver> = {}): Homeserver {
  const secrets = [{ value: 's3cret-for-turn', algorithm: 'sha1' as const }]
  return { name: 'hs.test', secrets, paused: false, backends: [], openid: [], ...more }
}

const BACKEND = homeserver({ backends: [{ name: 'website', apiKey: KEY }] })
const standIn = (url: string, more: Partial<Homeserver> = {}, guests = false, host = 'hs.test') =>
  homeserver({ standIn: { url, hosts: [host], guests }, ...more })

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Starts the listener; `ask` sends a request and reads the answer. */
async function start(t: Test, homeservers: readonly Homeserver[], how: Partial<Issue> = {}) {
  const policy = (homeservers: readonly Homeserver[], how: Partial<Issue>): Policy => ({
    issue: {
      listen: { family: 4, ip: parseIp('127.0.0.1')!, port: 0, key: 0 },
      lifetime: 86_400 as Seconds,
      relays: [],
      relaysPerUser: 1,
      trustedProxies: [knownRange('127.0.0.0/8')],
      origins: ['*'],
      requestsPerMinute: 60,
      reachable: [],
      ...how,
    },
    homeservers,
    ownUris: URIS,
    isBlocked: (_, user) => user === '@spammer:hs.test',
    mayConnect: ip => ip[0] !== 127,
  })
  const notes: IssueNote[] = []
  let now = 1_795_221_077_000
  const issuing = new Issuing(policy(homeservers, how), {
    names: { addresses: async () => [parseIp('127.0.0.1')!], services: async () => [] },
    now: () => now as Time,
    wall: () => now as Time,
    note: note => void notes.push(note),
    fault: error => t.fail(String(error)),
  })
  issuing.server.listen(0, '127.0.0.1')
  await once(issuing.server, 'listening')
  t.teardown(() => issuing.close())
  const { port } = issuing.server.address() as AddressInfo
  const ask = async (path: string, { method = 'GET', headers = {}, body }: Asked = {}) => {
    const request = send({ host: '127.0.0.1', port, path, method, headers, agent: false })
    request.end(body)
    const [response] = await once(request, 'response')
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    const json = text === '' ? undefined : JSON.parse(text)
    return { status: response.statusCode, headers: response.headers, json }
  }
  return {
    ask,
    port,
    notes,
    pass: (seconds: number) => {
      now += seconds * 1000
    },
    configure: (homeservers: readonly Homeserver[], how: Partial<Issue> = {}) =>
      issuing.configure(policy(homeservers, how)),
  }
}

const bearer = { authorization: `Bearer ${TOKEN}` }
const alice = says(200, { user_id: '@1:hs.test' })

t.test('TURN REST: a backend with its key gets a credential for any user', async t => {
  const { ask, notes } = await start(t, [BACKEND])
  const { status, headers, json } = await ask(`/turn?service=turn&username=@1:hs.test&key=${KEY}`)
  t.equal(status, 200)
  t.same(json, {
    username: '1795307477:@1:hs.test',
    password: 'dx/q1tDqvu3NT4QF+LaYW38Za40=',
    ttl: 86_400,
    uris: URIS,
  })
  t.match(headers, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  t.equal(headers['access-control-allow-origin'], undefined, 'no page of a browser may know the key')
  t.same(notes, [
    { way: 'rest', outcome: 'issued', homeserver: 'hs.test', backend: 'website', user: '@1:hs.test' },
  ])
})

t.test('TURN REST: the key may stand in a header, where proxies do not log it', async t => {
  const { ask } = await start(t, [BACKEND])
  const { status, json } = await ask('/turn', { headers: { authorization: `Bearer ${KEY}` } })
  t.equal(status, 200)
  t.equal(json.username, '1795307477')
})

for (const [what, path, status, error] of [
  ['no key', '/turn?service=turn&username=a', 401, 'the key is missing or wrong'],
  ['an empty key', '/turn?key=', 401, 'the key is missing or wrong'],
  ['a wrong key', `/turn?key=${KEY}x`, 401, 'the key is missing or wrong'],
  ['another service', `/turn?service=stun&key=${KEY}`, 400, 'the only service is "turn"'],
  ['a user with a line break', `/turn?username=a%0ab&key=${KEY}`, 400, 'this cannot be a username'],
  [
    'a user that is too long',
    `/turn?username=${'a'.repeat(497)}&key=${KEY}`,
    400,
    'this cannot be a username',
  ],
] as const) {
  t.test(`TURN REST: ${what} is answered ${status}`, async t => {
    const { ask, notes } = await start(t, [BACKEND])
    const answer = await ask(path)
    t.match(answer, { status, json: { error } })
    t.notMatch(JSON.stringify(notes), KEY)
  })
}

t.test('TURN REST: each backend issues for its own homeserver', async t => {
  const other = homeserver({
    name: 'other',
    secrets: [{ value: 'another secret', algorithm: 'sha1' }],
    backends: [{ name: 'b', apiKey: `other ${KEY}` }],
  })
  const { ask, notes } = await start(t, [BACKEND, other])
  await ask(`/turn?key=${KEY}`)
  await ask(`/turn?key=other%20${KEY}`)
  t.match(notes, [{ homeserver: 'hs.test' }, { homeserver: 'other', backend: 'b' }])
})

t.test('TURN REST: a known backend is not limited, a stranger is', async t => {
  const { ask } = await start(t, [BACKEND], { requestsPerMinute: 2 })
  for (let i = 0; i < 5; i++) t.equal((await ask(`/turn?key=${KEY}`)).status, 200)
  for (const status of [401, 401, 429]) t.equal((await ask('/turn?key=wrong')).status, status)
})

for (const prefix of ['v3', 'r0', 'api/v1', 'unstable']) {
  t.test(`in the homeserver's place: its user gets a credential by the ${prefix} path`, async t => {
    const web = await startWeb(t, alice)
    const { ask, notes } = await start(t, [standIn(web.url)])
    const { status, headers, json } = await ask(`/_matrix/client/${prefix}/voip/turnServer`, {
      headers: bearer,
    })
    t.equal(status, 200)
    t.same(json, {
      username: '1795307477:@1:hs.test',
      password: 'dx/q1tDqvu3NT4QF+LaYW38Za40=',
      ttl: 86_400,
      uris: URIS,
    })
    t.equal(headers['access-control-allow-origin'], '*')
    t.same(notes, [{ way: 'stand-in', outcome: 'issued', homeserver: 'hs.test', user: '@1:hs.test' }])
  })
}

t.test('in the homeserver’s place: an access token in the query does as well', async t => {
  const web = await startWeb(t, alice)
  const { ask } = await start(t, [standIn(web.url)])
  t.equal((await ask(`${PATH}?access_token=${TOKEN}`)).status, 200)
  t.equal(web.headers[0]?.authorization, `Bearer ${TOKEN}`)
  t.notMatch(web.asked[0], TOKEN, 'and goes on in the header')
})

t.test('in the homeserver’s place: without a token nobody is asked', async t => {
  const web = await startWeb(t, alice)
  const { ask } = await start(t, [standIn(web.url)])
  for (const headers of [{}, { authorization: 'Basic abc' }, { authorization: 'Bearer ' }]) {
    t.match(await ask(PATH, { headers }), { status: 401, json: { errcode: 'M_MISSING_TOKEN' } })
  }
  t.same(web.asked, [])
})

t.test('in the homeserver’s place: what the homeserver says of a token reaches the client', async t => {
  const web = await startWeb(t, says(401, { errcode: 'M_UNKNOWN_TOKEN', error: 'x', soft_logout: true }))
  const { ask } = await start(t, [standIn(web.url)])
  const { status, json } = await ask(PATH, { headers: bearer })
  t.equal(status, 401)
  t.match(json, { errcode: 'M_UNKNOWN_TOKEN', soft_logout: true })
})

t.test('in the homeserver’s place: a homeserver in trouble logs nobody out', async t => {
  const web = await startWeb(t, says(503, 'down'))
  const { ask, notes } = await start(t, [standIn(web.url)])
  t.match(await ask(PATH, { headers: bearer }), { status: 502, json: { errcode: 'M_UNKNOWN' } })
  t.match(notes, [{ outcome: 'failed', why: /it answered 503$/ }])
  t.notMatch(JSON.stringify(notes), TOKEN)
})

t.test('in the homeserver’s place: its limit is passed on', async t => {
  const web = await startWeb(t, says(429, { retry_after_ms: 3000 }))
  const { ask } = await start(t, [standIn(web.url)])
  const { status, headers, json } = await ask(PATH, { headers: bearer })
  t.match({ status, json }, { status: 429, json: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 3000 } })
  t.equal(headers['retry-after'], '3')
})

t.test('in the homeserver’s place: guests only where the operator wants it', async t => {
  const web = await startWeb(t, says(200, { user_id: '@1:hs.test', is_guest: true }))
  const closed = await start(t, [standIn(web.url)])
  t.match(await closed.ask(PATH, { headers: bearer }), {
    status: 403,
    json: { errcode: 'M_GUEST_ACCESS_FORBIDDEN' },
  })
  const open = await start(t, [standIn(web.url, {}, true)])
  t.equal((await open.ask(PATH, { headers: bearer })).status, 200)
})

t.test('in the homeserver’s place: nothing to give is a 404, after which clients ask again', async t => {
  const web = await startWeb(t, alice)
  for (const more of [{ paused: true }, { secrets: [] }]) {
    const { ask, notes } = await start(t, [standIn(web.url, more)])
    t.match(await ask(PATH, { headers: bearer }), { status: 404, json: { errcode: 'M_NOT_FOUND' } })
    t.match(notes, [{ outcome: 'nothing' }])
  }
})

t.test('OW-08: a blocked user gets no credential by any way, and is told why', async t => {
  const why = 'the user is blocked'
  const rest = await start(t, [BACKEND])
  const asked = `/turn?service=turn&username=@spammer:hs.test&key=${KEY}`
  t.match(await rest.ask(asked), { status: 403, json: { error: why } })
  t.match(rest.notes, [{ way: 'rest', outcome: 'nothing', user: '@spammer:hs.test', why }])
  const web = await startWeb(t, says(200, { user_id: '@spammer:hs.test' }))
  const inPlace = await start(t, [standIn(web.url)])
  t.match(await inPlace.ask(PATH, { headers: bearer }), {
    status: 404,
    json: { errcode: 'M_NOT_FOUND', error: /the user is blocked/ },
  })
  t.match(inPlace.notes, [{ way: 'stand-in', outcome: 'nothing', why }])
})

t.test('in the homeserver’s place: of several the host decides, a proxy’s word for it too', async t => {
  const [a, b] = [await startWeb(t, alice), await startWeb(t, alice)]
  const { ask, configure } = await start(t, [
    standIn(a.url, { name: 'a' }, false, 'a.example'),
    standIn(b.url, { name: 'b' }, false, 'b.example'),
  ])
  const status = async (headers: Record<string, string>) =>
    (await ask(PATH, { headers: { ...bearer, ...headers } })).status
  t.equal(await status({ host: 'A.example:443' }), 200)
  t.same([a.asked.length, b.asked.length], [1, 0])
  t.equal(await status({ 'x-forwarded-host': 'b.example' }), 200)
  t.same([a.asked.length, b.asked.length], [1, 1])
  t.equal(await status({ host: 'c.example' }), 404)
  configure([standIn(a.url, { name: 'a' }, false, 'a.example')])
  t.equal(await status({ host: 'c.example' }), 200, 'the only one needs no name')
})

t.test('in the homeserver’s place: a host that a stranger forwards is not believed', async t => {
  const web = await startWeb(t, alice)
  const { ask } = await start(
    t,
    [
      standIn(web.url, { name: 'a' }, false, 'a.example'),
      standIn(web.url, { name: 'b' }, false, 'b.example'),
    ],
    { trustedProxies: [] },
  )
  t.equal((await ask(PATH, { headers: { ...bearer, 'x-forwarded-host': 'a.example' } })).status, 404)
})

const OPENID = homeserver({ openid: ['friends.example:443', '127.0.0.1', '*.example.net'] })
const post = (body: unknown): Asked => ({
  method: 'POST',
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

t.test('OpenID: servers that are on no list are not asked', async t => {
  const { ask, notes } = await start(t, [OPENID])
  const answer = await ask('/credentials', post({ access_token: TOKEN, matrix_server_name: 'evil.example' }))
  t.match(answer, { status: 403, json: { errcode: 'M_FORBIDDEN' } })
  t.match(notes, [{ outcome: 'refused', why: 'evil.example is on no list' }])
})

for (const name of ['friends.example:443', '127.0.0.1', 'lan.example.net']) {
  t.test(`OpenID: ${name} is on the list but private, so it is not asked either`, async t => {
    const { ask, notes } = await start(t, [OPENID])
    const answer = await ask('/credentials', post({ access_token: TOKEN, matrix_server_name: name }))
    t.match(answer, { status: 502, json: { errcode: 'M_UNKNOWN', error: /leads to a private address$/ } })
    t.notMatch(JSON.stringify([answer.json, notes]), TOKEN)
  })
}

for (const [body, errcode] of [
  ['', 'M_NOT_JSON'],
  ['[]', 'M_NOT_JSON'],
  ['{', 'M_NOT_JSON'],
  [{}, 'M_BAD_JSON'],
  [{ access_token: TOKEN }, 'M_BAD_JSON'],
  [{ access_token: 5, matrix_server_name: 'friends.example' }, 'M_BAD_JSON'],
  [{ access_token: 'a\r\nb', matrix_server_name: 'friends.example' }, 'M_BAD_JSON'],
  [{ access_token: TOKEN, matrix_server_name: 'https://friends.example' }, 'M_BAD_JSON'],
  [{ access_token: TOKEN, matrix_server_name: { toString: 'x' } }, 'M_BAD_JSON'],
] as const) {
  t.test(`OpenID: ${JSON.stringify(body)} is answered 400 ${errcode}`, async t => {
    const { ask } = await start(t, [OPENID])
    t.match(await ask('/credentials', post(body)), { status: 400, json: { errcode } })
  })
}

t.test('OpenID: nobody is asked while the homeserver is paused', async t => {
  const { ask } = await start(t, [{ ...OPENID, paused: true }])
  const body = { access_token: TOKEN, matrix_server_name: '127.0.0.1' }
  t.match(await ask('/credentials', post(body)), { status: 404, json: { errcode: 'M_NOT_FOUND' } })
})

t.test('a way that no homeserver wants is not there', async t => {
  const { ask } = await start(t, [homeserver()])
  for (const path of [
    '/turn',
    PATH,
    '/',
    '/credentials',
    '/metrics',
    '//evil.example/turn',
    '/_matrix/client/v4/voip/turnServer',
  ]) {
    t.match(await ask(path), { status: 404, json: { errcode: 'M_UNRECOGNIZED' } }, path)
  }
})

t.test('other methods are answered 405', async t => {
  const { ask } = await start(t, [BACKEND, OPENID])
  for (const [method, path] of [
    ['POST', '/turn'],
    ['OPTIONS', '/turn'],
    ['GET', '/credentials'],
    ['PUT', '/credentials'],
  ] as const) {
    const { status, headers } = await ask(path, { method })
    t.equal(status, 405, `${method} ${path}`)
    t.ok(headers.allow)
  }
})

t.test('HEAD is answered without a body', async t => {
  const { ask } = await start(t, [BACKEND])
  t.match(await ask(`/turn?key=${KEY}`, { method: 'HEAD' }), { status: 200, json: undefined })
})

t.test('a browser is told that it may ask', async t => {
  const { ask } = await start(t, [OPENID])
  const { status, headers } = await ask('/credentials', {
    method: 'OPTIONS',
    headers: { origin: 'https://a.example' },
  })
  t.equal(status, 204)
  t.match(headers, {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': /POST/,
    'access-control-allow-headers': /Authorization/,
  })
})

t.test('only the origins of the operator may ask where there are some', async t => {
  const { ask } = await start(t, [OPENID], { origins: ['https://a.example'] })
  const allowed = async (origin?: string) => {
    const { headers } = await ask('/credentials', { ...post({}), headers: origin ? { origin } : {} })
    t.equal(headers.vary, 'Origin')
    return headers['access-control-allow-origin']
  }
  t.equal(await allowed('https://a.example'), 'https://a.example')
  t.equal(await allowed('https://b.example'), undefined)
  t.equal(await allowed(), undefined)
})

t.test('one client that asks too often is told when to come back, and others are served', async t => {
  const { ask, pass, notes } = await start(t, [OPENID], { requestsPerMinute: 2 })
  const from = async (client: string) => {
    const asked = { ...post({}), headers: { 'x-forwarded-for': client } }
    return ask('/credentials', asked)
  }
  for (const status of [400, 400, 429]) t.equal((await from('192.0.2.1')).status, status)
  t.match((await from('192.0.2.1')).headers, { 'retry-after': '30' })
  t.match((await from('10.9.8.7, 192.0.2.1')).status, 429, 'whatever it writes in front')
  t.equal((await from('192.0.2.2')).status, 400)
  pass(30)
  t.equal((await from('192.0.2.1')).status, 400)
  t.ok(notes.some(note => note.outcome === 'limited' && note.why === 'too many requests'))
})

t.test('a proxy that names no clients is pointed out', async t => {
  const { ask, notes } = await start(t, [OPENID], { requestsPerMinute: 1 })
  for (const status of [400, 429]) t.equal((await ask('/credentials', post({}))).status, status)
  t.match(notes.at(-1), { outcome: 'limited', why: /sends no X-Forwarded-For/ })
})

t.test('a body that is too large is not read', async t => {
  const { ask } = await start(t, [OPENID, BACKEND])
  t.match(await ask('/credentials', post('x'.repeat(9000))), {
    status: 413,
    json: { errcode: 'M_TOO_LARGE' },
  })
  t.equal((await ask('/turn', { body: 'x', headers: { 'content-length': '1' } })).status, 413)
})

t.test('a body of chunks that never ends is cut off', async t => {
  const { port } = await start(t, [OPENID])
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('POST /credentials HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (let i = 0; i < 20; i++) socket.write(`400\r\n${'x'.repeat(1024)}\r\n`)
  let text = ''
  socket.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  await once(socket, 'close')
  t.match(text, /^HTTP\/1.1 413 /)
})

t.test('what is no HTTP is hung up on', async t => {
  const { port, ask } = await start(t, [BACKEND])
  for (const bytes of [
    '\x16\x03\x01\x02\x00',
    'GET\r\n\r\n',
    `GET /turn HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  ]) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume().write(bytes)
    await once(socket, 'close')
  }
  t.equal((await ask(`/turn?key=${KEY}`)).status, 200)
})

t.test('a new configuration holds for the next request', async t => {
  const { ask, configure } = await start(t, [BACKEND])
  configure([{ ...BACKEND, paused: true }])
  t.match(await ask(`/turn?key=${KEY}`), { status: 404, json: { error: 'the homeserver is paused' } })
  configure([{ ...BACKEND, backends: [{ name: 'website', apiKey: `new ${KEY}` }] }], {
    lifetime: 1200 as Seconds,
  })
  t.equal((await ask(`/turn?key=${KEY}`)).status, 401, 'the old key is out at once')
  t.match((await ask(`/turn?key=new%20${KEY}`)).json, { ttl: 1200 })
})

t.test('several relays are shared out', async t => {
  const relays = ['a', 'b', 'c'].map(name => ({ uris: [`turn:${name}.example.org`], weight: 1 }))
  const { ask } = await start(t, [BACKEND], { relays, relaysPerUser: 2 })
  const { json } = await ask(`/turn?username=alice&key=${KEY}`)
  t.equal(json.uris.length, 2)
  t.same((await ask(`/turn?username=alice&key=${KEY}`)).json.uris, json.uris)
})
