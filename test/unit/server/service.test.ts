import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { Time } from '../../../src/base/time.ts'
import type { AllocateOptions } from '../../../src/client/allocate-options.ts'
import { TurnClient } from '../../../src/client/turn-client.ts'
import type { TurnEvent } from '../../../src/client/turn-event.ts'
import { load } from '../../../src/config/load.ts'
import { Log } from '../../../src/log/log.ts'
import { Service } from '../../../src/process/service.ts'
import { random } from '../../../src/relay/relay-config.ts'
import { credential } from '../../support/credentials.ts'
import { freePort } from '../../support/ports.ts'
import { rewrite, SECRET, writeConfig } from '../../support/settings.ts'
import { ask, bindingRequest, mappedPort } from '../../support/stun.ts'

const OTHER_SECRET = `Zx8${SECRET}`

t.test('readiness tells the truth from before the bind to after the stop [OPS-20]', async t => {
  const relay = await prepare(t)

  t.match(relay.service.health.notReady(), [/listeners are not bound/])
  t.equal(await relay.page('/readyz'), undefined, 'there is not even a page yet')
  await relay.service.start()
  t.equal(await relay.page('/readyz'), '200 {"ready":true,"reasons":[]}\n')
  t.ok(mappedPort((await ask(relay.port, bindingRequest(), 5000))!))

  relay.service.shutdown.stop('test')
  t.equal(await relay.service.finished, 0)
  t.match(relay.service.health.notReady(), ['The relay is stopping.'])
  t.equal(await relay.page('/readyz'), undefined)
})

t.test('an address in use is an error, and nothing stays bound', async t => {
  const first = await prepare(t)
  await first.service.start()
  const second = await prepare(t, { listen: [`udp://127.0.0.1:${first.port}`] })

  await t.rejects(second.service.start(), { name: 'StartError', exitCode: 3, message: /in use/ })

  t.equal(await second.page('/healthz'), undefined, 'the metrics page is gone too')
})

t.test(
  'while draining new allocations are refused, live ones go on, and the last one ends the relay',
  async t => {
    const relay = await prepare(t)
    await relay.service.start()
    const alice = relay.client(t, SECRET, '@alice:example.org')
    const bob = relay.client(t, SECRET, '@bob:example.org')
    t.match(await alice.allocate(), { kind: 'allocated' })

    relay.service.shutdown.drain()

    t.match(await relay.page('/readyz'), /^503 \{"ready":false,"reasons":\["The relay is draining/)
    t.match(await bob.allocate(), { kind: 'rejected', code: 508 })
    t.match(await alice.refresh(600), { kind: 'refreshed', lifetime: 600 })
    t.match(await alice.refresh(0), { kind: 'refreshed', lifetime: 0 })
    t.equal(await relay.service.finished, 0)
  },
)

t.test('a stop ends live allocations, and each is told with its reason', async t => {
  const relay = await prepare(t)
  await relay.service.start()
  await relay.client(t, SECRET, '@alice:example.org').allocate()

  relay.service.shutdown.stop('test')

  t.equal(await relay.service.finished, 0)
  const said = relay.lines().map(line => line.msg)
  t.same(said, ['opened', 'stopping', 'closed', 'stopped'])
  t.match(relay.lines()[2], { reason: 'stopped', homeserver: 'example.org' })
})

t.test('a broken file changes nothing, and the log says where it is broken', async t => {
  const relay = await prepare(t)
  await relay.service.start()
  const alice = relay.client(t, SECRET, '@alice:example.org')
  await alice.allocate()
  writeFileSync(relay.file, '{\n  "realm": "turn.example.org",\n  "listen": [ "udp://nowhere" ]\n}\n')

  relay.service.reload.request()
  const line = await relay.logged(/in use stays: .*nowhere/)

  t.match(line.msg, `${relay.file}:3:`)
  t.match(await relay.page('/metrics'), 'taciturn_config_last_reload_successful 0')
  t.match(await alice.refresh(600), { kind: 'refreshed' })
  t.match(await relay.client(t, SECRET, '@bob:example.org').allocate(), { kind: 'allocated' })
})

t.test('a secret can be changed under live allocations', async t => {
  const relay = await prepare(t)
  await relay.service.start()
  const alice = relay.client(t, SECRET, '@alice:example.org')
  await alice.allocate()
  relay.rewrite({ homeservers: [{ name: 'example.org', secrets: [OTHER_SECRET] }] })

  relay.service.reload.request()
  await relay.logged(/configuration reloaded/)

  t.match(await alice.refresh(600), { kind: 'refreshed' }, 'a call that runs is not cut')
  t.match(await relay.client(t, SECRET, '@bob:example.org').allocate(), { kind: 'rejected', code: 401 })
  t.match(await relay.client(t, OTHER_SECRET, '@bob:example.org').allocate(), { kind: 'allocated' })
  t.match(await relay.page('/metrics'), 'taciturn_auth_failures_total{reason="wrong-secret"} 1')
})

t.test('limits and log level apply at once, what needs a restart is named', async t => {
  const relay = await prepare(t)
  await relay.service.start()
  const alice = relay.client(t, SECRET, '@alice:example.org')
  await alice.allocate()
  relay.rewrite({
    limits: { allocationsPerUser: 1 },
    relay: { addresses: ['127.0.0.1'], ports: '50000-51000' },
    log: { level: 'warn' },
  })

  relay.service.reload.request()
  const line = await relay.logged(/need a restart/)

  t.same(line.keys, ['relay.ports'])
  t.match(await relay.client(t, SECRET, '@alice:example.org').allocate(), { kind: 'rejected', code: 486 })
  t.equal(relay.lines().at(-1), line, 'no line below warn since')
})

t.test('forced, it exits with 1 and closes everything all the same', async t => {
  const relay = await prepare(t, { stop: { deadline: '1h' } })
  await relay.service.start()
  await relay.client(t, SECRET, '@alice:example.org').allocate()

  relay.service.shutdown.stop('test')
  relay.service.shutdown.force()

  t.equal(await relay.service.finished, 1)
  t.equal(await ask(relay.port, bindingRequest(), 50), undefined)
})

/** A service on free loopback ports that has not started yet. */
async function prepare(t: Test, config: Readonly<Record<string, unknown>> = {}) {
  const port = await freePort()
  const metrics = await freePort()
  const own = { listen: [`udp://127.0.0.1:${port}`], metrics: `http://127.0.0.1:${metrics}`, ...config }
  const { file, folder } = writeConfig(own)
  const lines: Record<string, unknown>[] = []
  const waiting: { pattern: RegExp; found: (line: Record<string, unknown>) => void }[] = []
  const sink = {
    write: (text: string) => {
      const line = JSON.parse(text) as Record<string, unknown>
      lines.push(line)
      for (const { pattern, found } of waiting) if (pattern.test(String(line.msg))) found(line)
    },
  }
  const again = () => load({ path: file, env: {}, cwd: folder })
  const loaded = again()
  const log = new Log({ level: loaded.settings.log.level, format: 'json', sink })
  const service = new Service(loaded, { version: '0.0.0', log, load: again })
  t.teardown(() => service.shutdown.force())
  return {
    service,
    port,
    file,
    lines: () => lines,
    rewrite: (changes: Readonly<Record<string, unknown>>) => rewrite(file, { ...own, ...changes }),
    logged: (pattern: RegExp) =>
      new Promise<Record<string, unknown>>(found => {
        const line = lines.find(line => pattern.test(String(line.msg)))
        if (line) found(line)
        else waiting.push({ pattern, found })
      }),
    page: async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${metrics}${path}`).catch(() => undefined)
      return answer && `${answer.status} ${await answer.text()}`
    },
    client: (t: Test, secret: string, user: string) => connect(t, port, secret, user),
  }
}

/** A TURN client on a socket of its own; every request resolves with what became of it. */
function connect(t: Test, port: number, secret: string, user: string) {
  const client = new TurnClient({ ...credential(secret, user), random })
  const socket = createSocket('udp4')
  let settle: (event: TurnEvent) => void = () => {}
  const now = () => Date.now() as Time
  const flush = () => {
    for (const bytes of client.drain()) socket.send(bytes, port, '127.0.0.1')
  }
  socket.on('message', bytes => {
    for (const event of client.take(bytes, now())) settle(event)
    flush()
  })
  t.teardown(() => socket.close())
  const request = (start: () => void) =>
    new Promise<TurnEvent>(resolve => {
      settle = resolve
      start()
      flush()
    })
  return {
    allocate: (options: AllocateOptions = {}) => request(() => client.allocate(options, now())),
    refresh: (lifetime: number) => request(() => client.refresh({ lifetime }, now())),
  }
}
