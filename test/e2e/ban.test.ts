import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { type CallClient, callClient } from '../support/call-client.ts'
import { MAIN, type RunningRelay, startRelay } from '../support/relay.ts'
import { reload } from '../support/reload.ts'
import { ask, bindingRequest } from '../support/stun.ts'

t.setTimeout(360_000)

/** Milliseconds after which an answer that does not come is taken for none. */
const PATIENCE = 1500
const FILTER = resolve(import.meta.dirname, '../../packaging/fail2ban/filter.d/taciturn.conf')

for (const workers of [1, 2]) {
  const title = workers === 1 ? 'with one thread' : 'with two workers'

  t.test(
    `OW-08, ${title}: who is banned loses the session, is not answered, and is served again later`,
    async t => {
      const relay = await start(t, { workers })
      const caller = await callClient(relay.port, relay.secret, '@alice:example.org')
      t.teardown(() => caller.close())
      t.match(await caller.allocate(), { kind: 'allocated' })
      const { sessions } = JSON.parse((await taciturn(relay, 'sessions', '--json')).stdout)

      const banned = await taciturn(
        relay,
        'ban',
        '--session',
        sessions[0].id,
        '--for',
        '1h',
        '--reason',
        'a test',
      )
      t.match(banned, { code: 0, stdout: /^127\.0\.0\.1 is banned until .*; ended 1 session/ })
      await relay.child.says(/"reason":"revoked"/)
      await until(async () => (await ask(relay.port, bindingRequest(), PATIENCE)) === undefined)
      t.equal(await greet(relay), 'closed', 'TCP')
      t.match((await taciturn(relay, 'status')).stdout, /denied-client/)
      t.match((await taciturn(relay, 'bans')).stdout, /^127\.0\.0\.1 .* by command on this machine: a test/)
      await until(async () => existsSync(join(relay.folder, 'bans.json')))

      t.match(await taciturn(relay, 'unban', '::ffff:127.0.0.1'), { code: 0 })
      await until(async () => (await ask(relay.port, bindingRequest(), PATIENCE)) !== undefined)
      t.equal(await greet(relay), 'open')
      t.notMatch(readFileSync(join(relay.folder, 'access.log'), 'utf8'), /127\.0\.0\.1/)
    },
  )

  t.test(
    `OW-11, ${title}: networks that the configuration denies are not served, from the next reload on`,
    async t => {
      const relay = await start(t, { workers })
      const caller: CallClient = await callClient(relay.port, relay.secret, '@alice:example.org')
      t.teardown(() => caller.close())
      t.match(await caller.allocate(), { kind: 'allocated' })
      await reload(relay, config => ({ ...config, clients: { deny: ['127.0.0.0/8'] } }))
      await relay.child.says(/"reason":"revoked"/)
      t.ok(await isIgnored(relay.port))
      await reload(relay, config => ({ ...config, clients: { deny: ['127.0.0.0/8'], allow: ['127.0.0.1'] } }))
      t.not(await ask(relay.port, bindingRequest(), 5000), undefined, 'the narrower range wins')
      await reload(relay, config => ({ ...config, clients: { allow: ['192.0.2.0/24'] } }))
      t.ok(await isIgnored(relay.port))
    },
  )
}

/** True once nothing is answered: workers hear of new rules a moment after the reload is told. */
async function isIgnored(port: number): Promise<boolean> {
  for (let i = 0; i < 20; i++) if ((await ask(port, bindingRequest(), PATIENCE)) === undefined) return true
  return false
}

t.test(
  'OW-08: fail2ban finds the addresses of those who try passwords, in either form of the log',
  async t => {
    for (const format of ['json', 'text']) {
      const relay = await start(t, { log: { level: 'info', format, privacy: 'pseudonym', offenders: true } })
      const thief = await callClient(relay.port, 'a secret that nobody has here', '@mallory:example.org')
      t.teardown(() => thief.close())
      t.notMatch(await thief.allocate(), { kind: 'allocated' })
      await relay.child.says(/suspicious client/)
      const log = join(relay.folder, 'log')
      const lines = relay.child.output.split('\n')
      // As journald hands the lines on, and as they stand in a file.
      const journal = lines
        .filter(line => line !== '')
        .map(line => `Nov 30 12:00:00 host taciturn[123]: ${line}`)
      for (const form of [journal, lines]) {
        writeFileSync(log, `${form.join('\n')}\n`)
        const found = execFileSync('fail2ban-regex', ['--print-all-matched', log, FILTER], {
          encoding: 'utf8',
        })
        t.match(found, /Lines: \d+ lines, 0 ignored, [1-9]\d* matched/, `${format}\n${found}`)
        t.match(found, /127\.0\.0\.1|suspicious client/)
      }
    }
  },
)

t.test('OW-08: without being asked, the log names no address', async t => {
  const relay = await start(t, { log: { level: 'info', format: 'json', privacy: 'pseudonym' } })
  const thief = await callClient(relay.port, 'a secret that nobody has here', '@mallory:example.org')
  t.teardown(() => thief.close())
  await thief.allocate()
  await relay.child.says(/wrong-secret/)
  t.notMatch(relay.child.output, /suspicious client/)
})

async function start(t: Test, settings: Readonly<Record<string, unknown>>): Promise<RunningRelay> {
  const relay = await startRelay({ settings })
  t.teardown(() => relay.stop())
  return relay
}

function taciturn(
  relay: RunningRelay,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [MAIN, ...args, '--config', relay.config!], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

/** Whether the relay keeps a TCP connection on which a Binding request comes. */
function greet(relay: RunningRelay): Promise<'open' | 'closed'> {
  return new Promise(resolve => {
    const socket = connect(relay.port, '127.0.0.1')
    const end = (how: 'open' | 'closed') => {
      socket.destroy()
      resolve(how)
    }
    socket.once('data', () => end('open'))
    socket.once('close', () => end('closed'))
    socket.on('error', () => {})
    socket.write(bindingRequest())
  })
}

/** What was decided reaches every thread within a moment. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 20; i++) {
    if (await holds()) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('it never held')
}
