import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { need } from '../support/need.ts'
import { MAIN, startRelay } from '../support/relay.ts'
import { ask, bindingRequest, mappedPort } from '../support/stun.ts'
import { uclient } from '../support/turnutils.ts'
import { connect, type Transport, tell } from '../support/werift.ts'

const DEFAULT_PORT = 3478

t.setTimeout(300_000)

t.test('a relay without a configuration serves the homeserver lines that it prints', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'start-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const relay = await startBare(t, folder)
  const secret = relay.stdout.match(/^turn_shared_secret: "(.+)"$/m)?.[1]
  const uris = [...relay.stdout.matchAll(/^ {2}- "turn:(.+):(\d+)\?transport=(udp|tcp)"$/gm)]

  t.ok(secret && secret.length >= 32, 'a secret was made')
  t.notMatch(relay.output, /\.node\b|prebuilds/, 'U-37: nothing of the addon that it found')
  t.equal(statSync(join(folder, 'state', 'secret')).mode & 0o777, 0o600, 'and is kept from others')
  t.same(uris.map(([, , , transport]) => transport).sort(), ['tcp', 'udp'])
  for (const [uri, host, port, transport] of uris) {
    const address = [host!, Number(port)] as const
    const alice = await connect(t, address, credential(secret!, '@alice:example.org'), transport as Transport)
    const bob = await connect(t, address, credential(secret!, '@bob:example.org'), transport as Transport)
    t.equal(await tell(alice, bob, 'pasted'), 'pasted', `a call can be relayed over ${uri.trim()}`)
    // A werift client would connect anew when the relay goes.
    await Promise.all([alice.close(), bob.close()])
  }

  relay.signal('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null }, 'SIGTERM ends it in order')

  const again = await startBare(t, folder)
  t.ok(again.stdout.includes(`turn_shared_secret: "${secret}"`), 'the next start keeps the secret')
  await again.stop()
})

t.test('U-13: a second start says that the relay is running already, and since when', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const second = new Child(process.execPath, [MAIN, 'serve', '--config', relay.config!], {
    cwd: relay.folder,
    env: { TACITURN_STATE: relay.folder },
  })
  t.teardown(() => second.stop())

  t.match(await second.exited, { code: 1 })
  const says = `taciturn is already running here \\(pid ${relay.child.pid}, since [^)]* UTC\\): taciturn status`
  t.match(second.output, new RegExp(says))
  t.ok(mappedPort((await ask(relay.port, bindingRequest(), 5000))!), 'and the first one goes on')
})

t.test('SIGHUP changes the secret, and a call goes on', need('turnutils_uclient'), async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const address = ['127.0.0.1', relay.port] as const
  const alice = await connect(t, address, credential(relay.secret, '@alice:example.org'))
  const bob = await connect(t, address, credential(relay.secret, '@bob:example.org'), 'tcp')
  t.equal(await tell(alice, bob, 'before'), 'before')

  const file = relay.config!
  const settings = JSON.parse(readFileSync(file, 'utf8'))
  settings.homeservers[0].secrets = ['quite another secret, for the test']
  settings.protocol = { legacyChannelNumbers: true }
  writeFileSync(file, JSON.stringify(settings))
  relay.child.signal('SIGHUP')
  await relay.child.says(/configuration reloaded/)

  t.equal(await tell(alice, bob, 'afterwards'), 'afterwards', 'the call goes on')
  const load = ['-m', '1', '-n', '2', '-y', '-p', `${relay.port}`, '127.0.0.1']
  const withNew = await uclient(['-u', 'carol', '-W', 'quite another secret, for the test', ...load])
  t.equal(withNew.lost, 0, 'the new secret is good')
  await t.rejects(uclient(['-u', 'carol', '-W', relay.secret, ...load]), 'the old one is not')
})

t.test('SIGHUP with a broken file changes nothing', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const address = ['127.0.0.1', relay.port] as const
  const alice = await connect(t, address, credential(relay.secret, '@alice:example.org'))

  writeFileSync(relay.config!, '{ "realm": "turn.example.org", "listen": [ }')
  relay.child.signal('SIGHUP')
  const [said] = await relay.child.says(/the configuration in use stays[^"]*/)

  t.match(said, /turnserver\.json:1:\d+/, 'it says where the fault is')
  const bob = await connect(t, address, credential(relay.secret, '@bob:example.org'))
  t.equal(await tell(alice, bob, 'still here'), 'still here')
  t.equal(relay.child.exit, undefined)
})

t.test('SIGTERM during a call ends the relay with code 0', async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const address = ['127.0.0.1', relay.port] as const
  const alice = await connect(t, address, credential(relay.secret, '@alice:example.org'))
  const bob = await connect(t, address, credential(relay.secret, '@bob:example.org'))
  t.equal(await tell(alice, bob, 'a call'), 'a call')

  relay.child.signal('SIGTERM')

  t.same(await relay.child.exited, { code: 0, signal: null })
})

t.test('a faulty configuration is refused with code 3, before anything is bound', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'start-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'turnserver.json')
  writeFileSync(file, '{\n  "listen": ["udp://127.0.0.1:3478"],\n  "lisen": true\n}\n', { mode: 0o600 })

  const child = new Child(process.execPath, [MAIN, 'serve', '--config', file])

  t.same(await child.exited, { code: 3, signal: null })
  t.match(child.stderr, /turnserver\.json:3:\d+/, 'it says where')
  t.notMatch(child.output, /listens on|ready/)
})

/** Starts the relay as `npm start` does on a fresh machine; resolves when it answers STUN. */
async function startBare(t: Test, folder: string): Promise<Child> {
  if (await ask(DEFAULT_PORT, bindingRequest(), 300))
    throw new Error(`something else serves port ${DEFAULT_PORT}`)
  const environment = { ...process.env, HOME: folder, STATE_DIRECTORY: join(folder, 'state') }
  const child = new Child(process.execPath, [MAIN, 'serve'], { cwd: folder, env: environment })
  t.teardown(() => child.stop())
  await child.says(/turn_allow_guests/)
  const answer = await ask(DEFAULT_PORT, bindingRequest(), 20_000)
  t.ok(answer && mappedPort(answer), 'it answers STUN')
  return child
}
