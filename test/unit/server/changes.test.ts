import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { load } from '../../../src/config/load.ts'
import { Log } from '../../../src/log/log.ts'
import { Service } from '../../../src/process/service.ts'
import { callClient } from '../../support/call-client.ts'
import { ask } from '../../support/fake-control.ts'
import { freePort } from '../../support/ports.ts'
import { SECRET, writeConfig } from '../../support/settings.ts'
import { ALICE, needWorkers, startTwoWorkers } from '../../support/two-workers.ts'

t.setTimeout(120_000)

const MALLORY = '@mallory:example.org'

t.test('UW-13: a block ends the sessions of a user at once, and opens no more', async t => {
  const relay = await start(t)
  const mallory = await relay.client(MALLORY)
  t.match(await mallory.allocate(), { kind: 'allocated' })
  const alice = await relay.client(ALICE)
  t.match(await alice.allocate(), { kind: 'allocated' })

  const { status, body } = await relay.post('/changes', { kind: 'block', name: MALLORY, seconds: 3600 })

  t.equal(status, 200)
  t.match(body, { kind: 'block', who: 'socket', user: /^[0-9a-f]{16}$/ })
  t.equal(relay.service.allocations, 1, 'the session has ended')
  t.match(await (await relay.client(MALLORY)).allocate(), { kind: 'rejected', code: 403 })
  t.match(await mallory.refresh(600), { kind: 'rejected' })
  t.match(await alice.refresh(600), { kind: 'refreshed' }, 'nobody else is touched')
  t.equal((await relay.get('/status')).body.rejected.blocked, 1 + 1)

  t.match(await relay.post(`/changes/${body.id}/undo`), { status: 200 })
  t.match(await (await relay.client(MALLORY)).allocate(), { kind: 'allocated' })
})

t.test('UW-13: a user is blocked by pseudonym too, as one of one homeserver', async t => {
  const relay = await start(t)
  const mallory = await relay.client(MALLORY)
  await mallory.allocate()
  const { sessions } = (await relay.get('/sessions')).body
  const { user, homeserver } = sessions[0]

  t.match(await relay.post('/changes', { kind: 'block', user, homeserver }), {
    status: 200,
    body: { user, homeserver },
  })
  t.equal(relay.service.allocations, 0)
  t.match(await relay.post('/changes', { kind: 'block', user: 'ffffffffffffffff' }), { status: 404 })
  t.match((await relay.post('/names', { users: [user] })).body, { users: { [user]: MALLORY } })
})

t.test(
  'UW-13: changes outlive a restart and a reload, and say nothing in the access log of who it was',
  async t => {
    const state = t.testdir()
    const first = await start(t, { state })
    await first.post('/changes', { kind: 'block', name: MALLORY })
    await first.post('/changes', { kind: 'pause', homeserver: 'example.org', paused: true })
    await first.post('/changes', { kind: 'limit', key: 'allocationsPerUser', value: 3 })
    t.equal(statSync(join(state, 'changes.json')).mode & 0o777, 0o600, 'names stand in it')
    const lines = readFileSync(join(state, 'access.log'), 'utf8')
    t.match(lines, /"what":"change","on":"block user [0-9a-f]{16}"/)
    t.match(lines, /"on":"pause example\.org".*\n.*"on":"limit allocationsPerUser = 3"/)
    t.notMatch(lines, /mallory/)
    await first.stop()

    const second = await start(t, { state })
    const { changes, limits } = (await second.get('/changes')).body
    t.match(changes, [{ kind: 'block' }, { kind: 'pause', paused: true }, { kind: 'limit', value: 3 }])
    t.match(
      limits.find(({ key }: { key: string }) => key === 'allocationsPerUser'),
      { value: 3, file: 200 },
    )
    t.match(await (await second.client(ALICE)).allocate(), { kind: 'rejected', code: 403 })
    t.match((await second.post('/reload')).body, { ok: true })
    t.match((await second.get('/status')).body.homeservers, [{ name: 'example.org', paused: true }])
    t.match((await second.get('/configuration')).body.limits, { allocationsPerUser: 3 })
  },
)

t.test('UW-13: a second change of the same thing takes the place of the first', async t => {
  const relay = await start(t)
  for (const value of [3, 4, 5]) await relay.post('/changes', { kind: 'limit', key: 'allocations', value })
  await relay.post('/changes', { kind: 'limit', key: 'allocations', homeserver: 'example.org', value: 2 })
  const { changes } = (await relay.get('/changes')).body
  t.same(
    changes.map(({ value }: { value: number }) => value),
    [5, 2],
  )
})

t.test('UW-13: what cannot be done is refused with the reason, and changes nothing', async t => {
  const state = t.testdir()
  const relay = await start(t, { state })
  const refused = async (body: unknown) => {
    const answer = await relay.post('/changes', body)
    return [answer.status, answer.body.error]
  }
  t.match(await refused({ kind: 'limit', key: 'bitratePerUser', value: '500' }), [400, /unit/])
  t.match(await refused({ kind: 'limit', key: 'nothing', value: 1 }), [400, /nothing/])
  t.match(await refused({ kind: 'pause', homeserver: 'other.example', paused: true }), [
    404,
    /not configured/,
  ])
  t.match(await refused({ kind: 'block' }), [400, /user.*name/])
  t.match(await refused({ kind: 'block', user: 'aa', name: 'bb' }), [400, /user.*name/])
  t.match(await refused({ kind: 'block', name: MALLORY, seconds: 1 }), [400, /seconds/])
  t.match(await relay.post('/changes/00000000/undo'), { status: 404 })
  // In place of the draft stands what cannot be removed, as where the folder is read-only.
  mkdirSync(join(state, 'changes.json.new', 'full'), { recursive: true })
  t.match(await refused({ kind: 'block', name: MALLORY }), [507, /changes\.json cannot be written/])
  t.same((await relay.get('/changes')).body.changes, [])
  t.match(await (await relay.client(MALLORY)).allocate(), { kind: 'allocated' })
})

t.test('UW-13: a file of changes that cannot be read is said in the log, and not written over', async t => {
  const state = t.testdir({ 'changes.json': '{ broken' })
  const relay = await start(t, { state })
  t.match(relay.lines().join(''), /changes made by operators are not in force/)
  t.match(await relay.post('/changes', { kind: 'block', name: MALLORY }), { status: 507 })
  t.equal(readFileSync(join(state, 'changes.json'), 'utf8'), '{ broken')
  rmSync(join(state, 'changes.json'))
  await relay.post('/reload')
  t.match(await relay.post('/changes', { kind: 'block', name: MALLORY }), { status: 200 })
  writeFileSync(join(state, 'changes.json'), '')
  t.match((await relay.post('/reload')).body, { ok: true })
  t.match(await (await relay.client(MALLORY)).allocate(), { kind: 'rejected' }, 'those in force stay so')
})

t.test('UW-13: a block holds in every worker', needWorkers(), async t => {
  // The path of a socket has at most 107 octets, and the checkout may be anywhere.
  const state = mkdtempSync(join(tmpdir(), 'changes-test-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const control = join(state, 'c.sock')
  const relay = await startTwoWorkers(t, { state, control })
  const [one, two] = await relay.pair(t, MALLORY, MALLORY)
  t.not(one.shard, two.shard)

  const { status } = await ask({ socket: control }, 'POST', '/api/v1/changes', {
    body: { kind: 'block', name: MALLORY },
  })

  t.equal(status, 200)
  while (relay.held(0) + relay.held(1) > 0) await new Promise(setImmediate)
  const again = await Promise.all(
    Array.from({ length: 8 }, async () => (await relay.client(t, MALLORY)).allocate()),
  )
  t.ok(again.every(({ kind }) => kind === 'rejected'))
})

async function start(t: Test, config: Readonly<Record<string, unknown>> = {}) {
  const port = await freePort()
  const state = String(config.state ?? t.testdir())
  const own = { listen: [`udp://127.0.0.1:${port}`], state, control: 'c.sock' }
  const { file, folder } = writeConfig({ ...own, ...config })
  const control = join(folder, 'c.sock')
  const again = () => load({ path: file, env: {}, cwd: folder })
  const lines: string[] = []
  const log = new Log({ level: 'info', format: 'json', sink: { write: text => void lines.push(text) } })
  const service = new Service(again(), { version: '0.0.0', log, load: again })
  const stop = async () => {
    service.shutdown.force()
    await service.finished
  }
  t.teardown(stop)
  await service.start()
  const api = (method: string, path: string, body?: unknown) =>
    ask({ socket: control }, method, `/api/v1${path}`, { body })
  return {
    service,
    stop,
    lines: () => lines,
    get: (path: string) => api('GET', path),
    post: (path: string, body: unknown = {}) => api('POST', path, body),
    client: async (user: string) => {
      const client = await callClient(port, SECRET, user, 'udp')
      t.teardown(() => client.close())
      return client
    },
  }
}
