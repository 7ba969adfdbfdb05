import t from 'tap'
import { Log } from '../../../src/log/log.ts'
import { LiveSettings } from '../../../src/operate/live-settings.ts'
import { merge } from '../../../src/operate/merge.ts'
import { Reload } from '../../../src/operate/reload.ts'
import { NO_SERVICE_MANAGER } from '../../../src/operate/service-manager.ts'
import type { Shutdown } from '../../../src/operate/shutdown.ts'
import { loaded, SECRET } from '../../support/settings.ts'

const running = loaded().settings

const DONE = { ok: true, problems: [], warnings: [], restart: [] }

t.test('secrets, users, policy, limits and log level are taken on', async t => {
  const next = loaded({
    homeservers: [{ name: 'example.org', secrets: [`new${SECRET}`, SECRET] }],
    users: [{ name: 'guest', password: 'a long enough password' }],
    peers: { deny: ['recommended', '198.51.100.0/24'] },
    limits: { allocationsPerUser: 3 },
    log: { level: 'debug', privacy: 'none' },
  }).settings

  const { settings, restart } = merge(running, next)

  t.same(restart, [])
  t.same(settings.homeservers, next.homeservers)
  t.same(settings.users, next.users)
  t.same(settings.peers, next.peers)
  t.equal(settings.limits.allocationsPerUser, 3)
  t.match(settings.log, { level: 'debug', privacy: 'none' })
})

t.test('what sockets were made from stays, and is named', async t => {
  const next = loaded({
    realm: 'other.example.org',
    listen: ['udp://127.0.0.1:3479'],
    relay: { addresses: ['127.0.0.1', '::1'], ports: '50000-60000', defaultFamily: 'listener' },
    metrics: 'http://127.0.0.1:9999',
    workers: 1,
    udp: 'auto',
    log: { format: 'json' },
    state: '/elsewhere',
  }).settings

  const { settings, restart } = merge(running, next)

  t.same(restart, [
    'realm',
    'listen',
    'relay.addresses',
    'relay.ports',
    'metrics',
    'workers',
    'udp',
    'log.format',
    'state',
  ])
  t.same(settings, { ...running, relay: { ...running.relay, defaultFamily: 'listener' } })
})

t.test('the same settings again ask for no restart', async t => {
  const { settings, restart } = merge(running, { ...running })

  t.same(restart, [])
  t.same(settings, running)
})

t.test('a storm of requests is one reload, and the next request another', async t => {
  const later: (() => void)[] = []
  let runs = 0
  const reload = new Reload({
    settings: {
      reload: async () => ({ ...DONE, ok: ++runs > 0 }),
      lastReload: { ok: true, at: 0, problems: [] },
    },
    shutdown: { state: 'none', status: 'serving' },
    serviceManager: NO_SERVICE_MANAGER,
    later: run => later.push(run),
  })

  for (let i = 0; i < 100; i++) reload.request()
  t.equal(later.length, 1)
  later.shift()!()
  t.equal(runs, 1)

  reload.request()
  later.shift()!()
  t.equal(runs, 2)
})

t.test('U-19: a relay that drains or stops reads nothing, and says which of the two it is', async t => {
  const shutdown: { state: Shutdown['state']; status: string } = { state: 'none', status: 'serving' }
  const said: string[] = []
  const reload = new Reload({
    settings: { reload: async () => DONE, lastReload: { ok: false, at: 0, problems: ['x'] } },
    shutdown,
    serviceManager: {
      ...NO_SERVICE_MANAGER,
      reloading: () => said.push('reloading'),
      ready: status => said.push(status),
    },
  })

  for (const state of ['draining', 'stopping'] as const) {
    shutdown.state = state
    t.same(await reload.now(), { ok: false, refused: state, problems: [], warnings: [], restart: [] })
  }
  t.same(said, [])

  shutdown.state = 'none'
  t.same(await reload.now(), DONE)
  t.same(said, ['reloading', 'serving; the last reload failed, so the configuration is the one before'])
})

t.test('of several reloads the last one says that it is over, and none in a relay that stops', async t => {
  const shutdown: { state: Shutdown['state']; status: string } = { state: 'none', status: 'serving' }
  const said: string[] = []
  const done: (() => void)[] = []
  const reload = new Reload({
    settings: {
      reload: () => new Promise(resolve => done.push(() => resolve(DONE))),
      lastReload: { ok: true, at: 0, problems: [] },
    },
    shutdown,
    serviceManager: {
      ...NO_SERVICE_MANAGER,
      reloading: () => said.push('reloading'),
      ready: status => said.push(status),
    },
  })
  const both = [reload.now(), reload.now()]
  done.shift()!()
  await both[0]
  t.same(said, ['reloading', 'reloading'])
  done.shift()!()
  await both[1]
  t.same(said, ['reloading', 'reloading', 'serving'])

  const last = reload.now()
  shutdown.state = 'stopping'
  done.shift()!()
  await last
  t.same(said.slice(3), ['reloading'])
})

t.test('how credentials are handed out changes under way, but not where', async t => {
  const homeservers = [{ name: 'example.org', secrets: [SECRET], openid: ['friends.example'] }]
  const issuing = (issue: Record<string, unknown>) => loaded({ homeservers, issue }).settings
  const now = issuing({ listen: 'http://127.0.0.1:8088', lifetime: '2h' })

  const next = merge(now, issuing({ listen: 'http://127.0.0.1:8089', lifetime: '3h' }))
  t.same(next.restart, ['issue.listen'])
  t.match(next.settings.issue, { listen: { port: 8088 }, lifetime: 10_800 })

  const off = merge(now, running)
  t.same(off.restart, ['issue.listen'])
  t.same(off.settings.issue, now.issue, 'the listener stays, with nobody to issue for')

  const on = merge(running, now)
  t.same(on.restart, ['issue.listen'])
  t.equal(on.settings.issue, undefined)
})

t.test('S-14: between the steps of a reload others have their turn', async t => {
  const turns: string[] = []
  const live = new LiveSettings(loaded(), {
    log: new Log({ level: 'info', format: 'json', sink: { write() {} } }),
    load: between => {
      turns.push('load')
      between()
      return loaded({ limits: { allocationsPerUser: 3 } })
    },
    testing: { secret: Buffer.alloc(32), lifetime: 1 } as never,
    between: () => turns.push('others'),
  })
  live.follow({ configure: () => turns.push('first') }, { configure: () => turns.push('second') })
  t.ok((await live.reload()).ok)
  t.same(turns, ['load', 'others', 'others', 'others', 'first', 'others', 'second', 'others'])
})

t.test('SEC-08: a reload is told when what was open has been judged, and not before', async t => {
  const said: string[] = []
  let judged = () => {}
  const live = new LiveSettings(loaded(), {
    log: new Log({ level: 'info', format: 'json', sink: { write: line => void said.push(String(line)) } }),
    load: () => loaded({ limits: { allocationsPerUser: 3 } }),
    testing: { secret: Buffer.alloc(32), lifetime: 1 } as never,
    judged: () => new Promise(resolve => (judged = resolve)),
  })
  let isDone = false
  const reloading = live.reload().then(({ ok }) => (isDone = ok))
  await new Promise(setImmediate)
  t.equal(live.current.limits.allocationsPerUser, 3, 'it is applied at once')
  t.same([isDone, said], [false, []])

  judged()
  await reloading
  t.equal(isDone, true)
  t.match(said.join(''), /configuration reloaded/)
})
