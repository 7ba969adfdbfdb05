import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { SetupDoor } from '../../../src/control/setup/setup-door.ts'
import type { SetupAnswers, SetupFacts } from '../../../src/control/setup/setup-shapes.ts'

const FACTS: SetupFacts = {
  name: 'turn.example.org',
  homeserver: 'example.org',
  place: 'public',
  addresses: ['198.51.100.7'],
  file: '/etc/taciturn/turnserver.json',
  starts: true,
}
const ANSWERS = { language: 'en', name: 'turn.example.org', homeserver: 'example.org', place: 'public' }

t.test('UW-14: the link opens the set-up page once, and what it gives opens the rest', async t => {
  const { ask, door } = await start(t)
  t.equal((await ask('GET', '/setup/state')).status, 401)
  t.equal(
    (await ask('POST', '/setup/write', door.token, ANSWERS)).status,
    401,
    'the link alone writes nothing',
  )
  t.equal((await ask('POST', '/setup/begin', 'wrong')).status, 401)
  const { status, body } = await ask('POST', '/setup/begin', door.token)
  t.equal(status, 200)
  t.same(body.facts, FACTS)
  t.equal((await ask('POST', '/setup/begin', door.token)).status, 401, 'a second time')
  t.equal((await ask('GET', '/setup/state', body.session)).status, 200)
})

t.test('UW-14: answers are written once, and the page is told how it ended', async t => {
  const { ask, door, written, told } = await start(t)
  const { session } = (await ask('POST', '/setup/begin', door.token)).body
  for (const wrong of [{}, { ...ANSWERS, name: '' }, { ...ANSWERS, more: 1 }, { ...ANSWERS, place: 'moon' }])
    t.equal((await ask('POST', '/setup/write', session, wrong)).status, 400)
  t.match((await ask('POST', '/setup/write', session, { ...ANSWERS, name: 'bad' })).body, { ok: false })
  t.match((await ask('GET', '/setup/state', session)).body, { state: 'asking' }, 'it may be tried again')
  t.match((await ask('POST', '/setup/write', session, ANSWERS)).body, { ok: true, lines: 'turn_uris:' })
  t.match(written, [
    { name: 'bad' },
    { name: 'turn.example.org', outside: '', mapsPorts: false, acme: false, certificate: '', key: '' },
  ])
  t.equal((await ask('POST', '/setup/write', session, ANSWERS)).status, 409)
  t.match((await ask('GET', '/setup/state', session)).body, { state: 'starting' })
  t.equal(told(), 0)
  door.state = { state: 'failed', why: 'the port is taken' }
  t.match((await ask('GET', '/setup/state', session)).body, { state: 'failed', why: 'the port is taken' })
  while (told() === 0) await new Promise(setImmediate)
})

t.test('UW-14: no page of another name or origin gets an answer [SEC-24]', async t => {
  const { ask, door } = await start(t)
  for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }])
    t.equal((await ask('POST', '/setup/begin', door.token, undefined, headers)).status, 403)
  t.equal((await ask('POST', '/setup/begin', door.token)).status, 200)
})

async function start(t: Test) {
  const written: SetupAnswers[] = []
  let shown = 0
  const door = new SetupDoor({
    facts: FACTS,
    pages: '/nowhere',
    write: answers => {
      written.push(answers)
      return answers.name === 'bad'
        ? { ok: false, problems: [{ field: 'name', text: 'bad' }] }
        : { ok: true, lines: 'turn_uris:', file: FACTS.file, warnings: [] }
    },
    told: () => {
      shown++
    },
    fault: error => t.fail(String(error)),
  })
  await new Promise<void>(resolve => door.server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    door.server.closeAllConnections()
    door.server.close()
  })
  const { port } = door.server.address() as AddressInfo
  const ask = (
    method: string,
    path: string,
    token = '',
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) =>
    // biome-ignore lint/suspicious/noExplicitAny: what a test reads of it, it checks
    new Promise<{ status: number; body: any }>((resolve, reject) => {
      const authorization = `Bearer ${token}`
      const asked = request(
        { host: '127.0.0.1', port, method, path, headers: { authorization, ...headers } },
        response => {
          const chunks: Buffer[] = []
          response.on('data', chunk => chunks.push(chunk))
          response.on('end', () => {
            resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) })
          })
        },
      )
      asked.on('error', reject)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
  return { ask, door, written, told: () => shown }
}
