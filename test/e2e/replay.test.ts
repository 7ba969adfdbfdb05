import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { MAIN, type RunningRelay, startRelay } from '../support/relay.ts'
import { openSession } from '../support/turn-session.ts'
import { needWorkers } from '../support/two-workers.ts'

t.setTimeout(300_000)

const ALICE = '@alice:example.org'
const MALLORY = '@mallory:elsewhere.example'
const PAYLOAD = 'what nobody else may read'

/** A call of two users, and somebody with a wrong password. Returns what must not be in a recording of it. */
async function call(relay: RunningRelay): Promise<string[]> {
  const target = { host: '127.0.0.1', port: relay.port } as const
  const good = credential(relay.secret, ALICE)
  const alice = await openSession(target, good)
  const bob = await openSession({ ...target, via: 'tcp' }, credential(relay.secret, '@bob:example.org'))
  const wrong = credential('quite another secret', MALLORY)
  const mallory = await openSession(target, wrong)
  const opened = await alice.allocate()
  const other = await bob.allocate()
  if (opened.kind !== 'allocated' || other.kind !== 'allocated') throw new Error('no allocation')
  const [here, there] = [opened.relayed[0]!, other.relayed[0]!]
  await bob.permit(here)
  await alice.permit(there)
  const heard = new Promise<string>(resolve => {
    bob.onData = bytes => resolve(bytes.toString())
  })
  alice.indicate(there, PAYLOAD)
  if ((await heard) !== PAYLOAD) throw new Error('the payload is lost')
  await mallory.allocate()
  await alice.permit(parseAddress('192.168.3.7:9')!)
  await alice.bind(0x4001, there)
  alice.send(0x4001, PAYLOAD)
  await alice.release()
  for (const session of [alice, bob, mallory]) session.close()
  return [
    good.username,
    wrong.username,
    good.password,
    relay.secret,
    relay.realm,
    ALICE,
    'alice',
    'mallory',
    PAYLOAD,
  ]
}

t.test('a recorded call replays to the same outputs, and names nobody', async t => {
  const relay = await startRelay({ against: 'taciturn', arguments: ['--record', 'call.recording'] })
  t.teardown(() => relay.stop())
  const file = join(relay.folder, 'call.recording')
  const secrets = await call(relay)
  relay.child.signal('SIGTERM')
  await relay.child.exited
  t.match(relay.child.output, /recording what the relay is told/, 'the log says that it records')

  const text = readFileSync(file, 'utf8')
  t.equal(statSync(file).mode & 0o777, 0o600, 'only its owner may read it')
  for (const secret of [...secrets, '127.0.0.1', '192.168.3.7']) {
    t.notOk(text.includes(secret), `it does not have ${secret}`)
    t.notOk(text.includes(Buffer.from(secret).toString('hex')), 'nor its octets')
    t.notOk(text.includes(Buffer.from(secret).toString('base64').slice(0, -3)), 'nor as base64')
  }
  t.notOk(/7f000001|c0a80307/.test(text), 'nor the octets of an address')

  const { code, stdout } = await replay(t, [file])
  t.equal(code, 0, stdout)
  t.match(stdout, /steps replayed\. Every output is as recorded\./)
  t.match(stdout, /Allocate request from 240\.0\.0\.\d+:\d+ over udp/)
  t.match(stdout, /reason: no credentials in the request \(first-401\)/)
  t.match(stdout, /reason: .*\(wrong-secret\)/)
  t.match(stdout, /answer to .*: CreatePermission error 403/)
  t.match(stdout, /event opened: .*owner name-\d+ name-\d+/)
  t.match(stdout, /relays \d+ octets to 240/, 'payload is there by its length')

  const errors = await replay(t, [file, '--errors', '--json'])
  const steps = errors.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const why = steps.flatMap(step => step.did ?? []).filter(done => done.kind === 'rejected')
  t.ok(why.some(done => done.why === 'wrong-secret' && done.code === 401))
  t.ok(why.some(done => done.why === 'denied-peer' && done.code === 403))
  const [mallory] = steps.filter(step =>
    step.did?.some((done: { why?: string }) => done.why === 'wrong-secret'),
  )
  const one = await replay(t, [file, '--client', mallory.came.from])
  t.match(one.stdout, /wrong-secret/)
  t.notMatch(one.stdout, /event opened/, 'a client has only its own steps')

  truncateSync(file, Math.floor(statSync(file).size / 2))
  const cut = await replay(t, [file])
  t.equal(cut.code, 1)
  t.match(cut.stdout, /Allocate success/, 'a cut file is played up to there')
  t.match(cut.stderr, /line \d+ is not JSON or is cut off/)
})

t.test('a relay that starts again goes on with its recording, and leaves other files alone', async t => {
  const folder = t.testdir({ other: 'the shopping list\n' })
  const file = join(folder, 'relay.recording')
  for (let start = 0; start < 2; start++) {
    const relay = await startRelay({ against: 'taciturn', arguments: ['--record', file] })
    await relay.stop()
  }
  const { code, stdout } = await replay(t, [file])
  t.equal(code, 0, stdout)
  t.equal(stdout.match(/Recorded by taciturn/g)?.length, 2)
  t.equal(stdout.match(/the relay was stopped/g)?.length, 2)

  await t.rejects(
    startRelay({ against: 'taciturn', arguments: ['--record', join(folder, 'other')] }),
    /something other than a recording/,
  )
  t.equal(readFileSync(join(folder, 'other'), 'utf8'), 'the shopping list\n')
})

t.test('each worker records to a file of its own', needWorkers(), async t => {
  const relay = await startRelay({
    against: 'taciturn',
    arguments: ['--record', 'two'],
    settings: { udp: 'native', workers: 2 },
  })
  t.teardown(() => relay.stop())
  await call(relay)
  relay.child.signal('SIGTERM')
  await relay.child.exited
  for (const [name, worker] of [
    ['two', 1],
    ['two.2', 2],
  ] as const) {
    const { code, stdout } = await replay(t, [join(relay.folder, name)])
    t.equal(code, 0, stdout)
    t.match(stdout, new RegExp(`Recorded by taciturn .*, worker ${worker}\n`))
  }
})

t.test('a file that is not a recording is refused with the line', async t => {
  const folder = t.testdir()
  for (const [text, problem] of [
    ['', 'has no recording in it'],
    ['nonsense\n', 'line 1 is not JSON'],
    ['{"kind":"step"}\n', 'line 1 is not part of a recording'],
    [
      '{"kind":"ending","why":"full"}\n{"kind":"step","at":1,"input":{"kind":"tick"},"asked":[],"did":[]}\n',
      'line 2 comes before',
    ],
    [`${'['.repeat(100)}${']'.repeat(100)}\n`, 'line 1 is nested too deeply'],
  ] as const) {
    const file = join(folder, 'file')
    writeFileSync(file, text)
    const { code, stderr } = await replay(t, [file])
    t.equal(code, 1)
    t.match(stderr, problem)
  }
  t.match((await replay(t, [join(folder, 'absent')])).stderr, 'there is no such file')
})

async function replay(
  t: Test,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = new Child(process.execPath, [MAIN, 'replay', ...args, '--lang', 'en'])
  t.teardown(() => child.stop())
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}
