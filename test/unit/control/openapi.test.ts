import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ENDPOINTS } from '../../../src/control/endpoints.ts'
import { openApi } from '../../../src/control/openapi.ts'
import { errorShape } from '../../../src/control/shapes.ts'
import { ACT, ask, fakePlane, READ } from '../../support/fake-control.ts'
import { MEASURED } from '../../support/measured.ts'

const FILE = join(import.meta.dirname, '..', '..', '..', 'docs', 'openapi.json')

t.test('docs/openapi.json is what the endpoints say now', async t => {
  const now = JSON.parse(JSON.stringify(openApi(ENDPOINTS)))
  t.same(JSON.parse(readFileSync(FILE, 'utf8')), now, 'run: npm run openapi')
})

t.test(
  'the description names every endpoint, with its rights, its parameters and both kinds of answer',
  async t => {
    const { paths } = openApi(ENDPOINTS) as {
      // biome-ignore lint/suspicious/noExplicitAny: it is what is looked at
      paths: Record<string, Record<string, any>>
    }
    for (const { method, path, query = {}, body } of ENDPOINTS) {
      const operation = paths[path]?.[method.toLowerCase()]
      t.ok(operation?.summary, `${method} ${path}`)
      t.ok(operation.responses['200'] && operation.responses.default)
      t.equal(operation.requestBody !== undefined, body !== undefined)
      const named = (operation.parameters ?? []).map(({ name }: { name: string }) => name)
      const wanted = [...[...path.matchAll(/\{(\w+)\}/g)].map(match => match[1]), ...Object.keys(query)]
      t.same(named, wanted)
    }
  },
)

t.test('C-07: every field that is asked for or answered has a description', async t => {
  let fields = 0
  const walk = (value: unknown, path: string): void => {
    if (value === null || typeof value !== 'object') return
    const { properties } = value as { properties?: Record<string, { description?: string }> }
    for (const [name, field] of Object.entries(properties ?? {})) {
      fields++
      t.ok(field.description, `${path} ${name}`)
    }
    for (const [key, inner] of Object.entries(value)) walk(inner, `${path}/${key}`)
  }
  walk(JSON.parse(readFileSync(FILE, 'utf8')), '')
  t.ok(fields > 100, `${fields} fields`)
})

t.test('every endpoint answers what the description says', async t => {
  const plane = await fakePlane(t, { served: true })
  const link = { kind: 'usage', name: '@alice:example.org' }
  const made = await ask(plane, 'POST', '/api/v1/links', { token: ACT, body: link })
  const token = new URL(made.body.url).hash.slice(1)
  const { code } = plane.tests.link(60, 3)
  const { handle } = plane.tests.start(code, '127.0.0.1')!
  const finished = plane.tests.finish(handle, MEASURED, () => undefined)!
  const values: Record<string, string> = { id: '1', pseudonym: 'user2', handle, code: finished.code }
  plane.tokens.link('read', 60)
  const bodies: Record<string, unknown> = {
    '/usage/users/find': { name: 'alice' },
    '/usage/users/export': { name: 'alice' },
    '/usage/users/forget': { name: 'alice' },
    '/usage/key/rotate': {},
    '/names': { users: ['user1'], sessions: ['1'] },
    '/changes': { kind: 'pause', homeserver: 'example.org', paused: true },
    '/links': { kind: 'test' },
    '/users/find': { name: '@alice:example.org' },
    '/bans': { network: '203.0.113.7' },
    '/bans/lift': { network: '203.0.113.8' },
    '/own-usage': { token },
    '/own-usage/limit': { token, month: 1e9 },
    '/test/start': { code },
    '/test/link': { code },
    '/test/{handle}/result': MEASURED,
  }
  for (const { method, path, answers } of ENDPOINTS) {
    if (path.startsWith('/sign-ins/{')) values.id = plane.tokens.signIns()[0]!.id
    else values.id = '1'
    const at = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name]!)
    const { status, body } = await ask(plane, method, `/api/v1${at}`, { token: ACT, body: bodies[path] })
    t.equal(status, 200, `${method} ${path}`)
    const result = answers.safeParse(body)
    t.ok(result.success, String(result.error))
  }
})

t.test('every refusal is said in one form', async t => {
  const plane = await fakePlane(t)
  const asked = [
    ['GET', '/nothing', READ],
    ['GET', '/sessions/99', READ],
    ['GET', '/sessions?limit=x', READ],
    ['DELETE', '/status', READ],
    ['POST', '/drain', READ],
    ['GET', '/status', 'wrong'],
    ['GET', '/test/nobody-knows-it', READ],
    ['GET', '/test-results/KIWI-1234', READ],
  ] as const
  for (const [method, path, token] of asked) {
    const { status, body } = await ask(plane, method, `/api/v1${path}`, { token })
    t.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`)
    t.ok(errorShape.safeParse(body).success)
  }
})
