import t from 'tap'
import { ENDPOINTS } from '../../../src/control/endpoints.ts'
import { ACT, ask, type FakePlane, fakePlane, READ } from '../../support/fake-control.ts'

/** Every act there is, what is sent for it, and how its line names what it was about. */
const ACTS = [
  { path: '/sessions/1/disconnect', what: 'disconnect', on: 'session 1', subject: '1' },
  { path: '/users/user2/disconnect', what: 'disconnect', on: 'user user2', subject: 'user2' },
  { path: '/users/find', what: 'find', on: 'user user1', body: { name: '@alice:example.org' } },
  { path: '/names', what: 'names', on: 'session 1', body: { sessions: ['1'] } },
  {
    path: '/changes',
    what: 'change',
    on: 'block user user1 until 1970-01-01T00:01:00.000Z',
    body: { kind: 'block', name: '@alice:example.org', seconds: 60 },
  },
  { path: '/changes/1/undo', what: 'undo', on: 'limit allocations = 100', subject: '1' },
  { path: '/sign-ins/ID/revoke', what: 'revoke' },
  { path: '/drain', what: 'drain' },
  { path: '/drain/cancel', what: 'cancel-drain' },
  { path: '/reload', what: 'reload' },
  { path: '/upgrade', what: 'upgrade' },
  { path: '/notifications/test', what: 'notify-test' },
  { path: '/bans', what: 'ban', on: 'for 86400 s', body: { network: '203.0.113.7' } },
  { path: '/bans/lift', what: 'unban', body: { network: '203.0.113.8' } },
  { path: '/usage/users/find', what: 'usage-find', on: 'user user1', body: { name: 'alice' } },
  { path: '/usage/users/export', what: 'usage-export', on: 'user user1', body: { name: 'alice' } },
  { path: '/usage/users/forget', what: 'usage-forget', on: 'user user1', body: { name: 'alice' } },
  { path: '/usage/key/rotate', what: 'usage-rotate', body: {} },
  { path: '/links', what: 'link', on: 'test, 1', body: { kind: 'test' } },
] as const

const DOORS = [
  { name: 'the socket', who: 'socket', from: 'socket', may: true },
  { name: 'a token with the right to act', token: ACT, who: 'alice', from: 'http', may: true },
  { name: 'a token with the right to read', token: READ, who: 'wall', from: 'http', may: false },
  { name: 'an empty token', token: '', who: 'nobody', from: 'http', may: false },
  { name: 'a wrong token', token: 'not a token of anybody', who: 'nobody', from: 'http', may: false },
  { name: 'no token', who: 'nobody', from: 'http', may: false },
] as const

function doorOf(plane: FakePlane, door: (typeof DOORS)[number]) {
  return door.from === 'socket' ? { socket: plane.socket } : { port: plane.port }
}

for (const door of DOORS) {
  for (const act of ACTS) {
    const title = `${act.path} by ${door.name} is ${door.may ? 'done' : 'refused'}, and a line says so [SEC-24]`
    t.test(title, async t => {
      const plane = await fakePlane(t)
      plane.tokens.link('read', 60)
      const path = act.path.replace('ID', plane.tokens.signIns()[0]!.id)
      const reply = await ask(doorOf(plane, door), 'POST', `/api/v1${path}`, {
        ...('token' in door && { token: door.token }),
        ...('body' in act && { body: act.body }),
      })

      if (door.may) t.equal(reply.status, 200)
      else t.equal(reply.status, door.who === 'nobody' ? 401 : 403)
      t.match(plane.lines(), [
        { who: door.who, from: door.from, what: act.what, outcome: door.may ? 'done' : 'refused' },
      ])
      t.equal(plane.lines().length, 1)
      if (door.may && 'on' in act) t.equal(plane.lines()[0]!.on, act.on)
      if (!door.may) t.same(plane.control.asked, [], 'the relay hears nothing of it')
      else if (!['link', 'revoke', 'usage-find'].includes(act.what)) t.equal(plane.control.asked.length, 1)
    })
  }
}

t.test('every act of the API is in this table', async t => {
  const acts = ENDPOINTS.filter(({ needs, method }) => needs === 'act' && method === 'POST').map(({ path }) =>
    path.replace('sign-ins/{id}', 'sign-ins/ID').replace('{id}', '1').replace('{pseudonym}', 'user2'),
  )
  t.same(acts.toSorted(), ACTS.map(({ path }) => path).toSorted())
})

t.test(
  'OW-08: bans name addresses, so a look at them needs the right to act, and is written down',
  async t => {
    const plane = await fakePlane(t)
    t.equal((await ask(plane, 'GET', '/api/v1/bans', { token: READ })).status, 403)
    t.equal((await ask(plane, 'GET', '/api/v1/bans', { token: ACT })).status, 200)
    t.match(plane.lines(), [
      { what: 'bans', outcome: 'refused' },
      { who: 'alice', what: 'bans', outcome: 'done' },
    ])
  },
)

t.test('whatever needs a token is closed to those without one [SEC-24]', async t => {
  const plane = await fakePlane(t)
  for (const { method, path, needs } of ENDPOINTS.filter(({ needs }) => needs !== 'nobody').slice(0, 9)) {
    const at = `/api/v1${path.replaceAll(/\{\w+\}/g, '1')}`
    t.equal((await ask(plane, method, at)).status, 401, `${method} ${path} (${needs})`)
  }
  t.same(plane.control.asked, [])
})

t.test('the right to read sees figures and sessions, and no name', async t => {
  const plane = await fakePlane(t)
  for (const path of ['/status', '/sessions', '/sessions/1', '/history', '/configuration', '/access-log']) {
    const { status, body } = await ask(plane, 'GET', `/api/v1${path}`, { token: READ })
    t.equal(status, 200, path)
    t.notMatch(JSON.stringify(body), /alice/, path)
  }
})

t.test('a link into the console is made by the socket only, and lets in for as long as it says', async t => {
  const plane = await fakePlane(t)
  const asked = { kind: 'console', rights: 'read', ttl: 60 }
  t.equal((await ask(plane, 'POST', '/api/v1/links', { token: ACT, body: asked })).status, 403)
  const { body } = await ask({ socket: plane.socket }, 'POST', '/api/v1/links', { body: asked })
  const token = body.url.match(/\/#token=([\w-]{32})$/)?.[1]
  t.ok(token, 'the token stands behind #, which browsers do not send')

  t.equal((await ask(plane, 'GET', '/api/v1/status', { token })).status, 200)
  t.equal((await ask(plane, 'POST', '/api/v1/drain', { token })).status, 403)
  t.match(plane.lines(), [
    { who: 'alice', what: 'link', outcome: 'refused' },
    { who: 'socket', what: 'link', outcome: 'done' },
    { who: /^link-/, from: 'console', what: 'drain', outcome: 'refused' },
  ])
  t.notMatch(JSON.stringify(plane.lines()), new RegExp(token!), 'and in no line')
})

t.test(
  'who shows wrong tokens again and again is no longer listened to, nor written down [SEC-38]',
  async t => {
    const plane = await fakePlane(t)
    for (let i = 0; i < 10; i++) {
      t.equal((await ask(plane, 'GET', '/api/v1/status', { token: `wrong ${i} wrong` })).status, 401)
    }
    t.equal((await ask(plane, 'GET', '/api/v1/status', { token: 'another wrong one' })).status, 429)
    t.equal(plane.lines().length, 10)
    t.equal(
      (await ask(plane, 'GET', '/api/v1/status', { token: READ })).status,
      429,
      'S-09: nor is a right one tried',
    )
  },
)

t.test(
  'S-09: guesses of a neighbour do not lock out an operator whose token was right from there',
  async t => {
    const plane = await fakePlane(t)
    t.equal((await ask(plane, 'GET', '/api/v1/status', { token: READ })).status, 200)
    for (let i = 0; i < 30; i++) await ask(plane, 'GET', '/api/v1/status', { token: `wrong ${i} wrong` })

    t.equal((await ask(plane, 'GET', '/api/v1/status', { token: READ })).status, 200)
    t.equal((await ask(plane, 'GET', '/api/v1/status', { token: ACT })).status, 429)
  },
)

t.test('a name that cannot be written down is not told; a drain goes on [SEC-24]', async t => {
  let broken = 0
  const plane = await fakePlane(t, { log: '/dev/full', broken: () => broken++ })
  const names = await ask(plane, 'POST', '/api/v1/names', { token: ACT, body: { users: ['user1'] } })
  t.equal(names.status, 503)
  t.notMatch(JSON.stringify(names.body), /@alice/)
  t.equal((await ask(plane, 'POST', '/api/v1/drain', { token: ACT })).status, 200)
  t.match(plane.control.asked, ['reveal', 'drain'])
  t.equal(broken, 1, 'and the log says it once')
})
