import t from 'tap'
import { age, bits, sessionLines } from '../../../src/cli/control-format.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { run } from '../../support/captured.ts'
import { fakePlane, session } from '../../support/fake-control.ts'

t.test('status says how the relay is, in both languages and as JSON', async t => {
  const { socket } = await fakePlane(t)
  const english = await run('/', ['status', '--socket', socket, '--lang', 'en'])
  t.match(english, { code: 0, stdout: /^state +serving\n/, stderr: '' })
  t.match(english.stdout, /sessions +2 of 10\n/)
  t.match((await run('/', ['status', '--socket', socket, '--lang', 'de'])).stdout, /^Zustand +in Betrieb\n/)
  t.match(JSON.parse((await run('/', ['status', '--socket', socket, '--json'])).stdout), { state: 'serving' })
})

t.test('sessions are shown by pseudonym, and by name when asked', async t => {
  const { socket, lines } = await fakePlane(t)
  const plain = await run('/', ['sessions', '--socket', socket])
  t.match(plain.stdout, /user1.*client1/)
  t.notMatch(plain.stdout, /@alice/)
  const named = await run('/', ['sessions', '--names', '--socket', socket])
  t.match(named.stdout, /@alice:example\.org +203\.0\.113\.9:4242/)
  t.equal(lines().length, 2, 'each name is a line of the access log')
  const json = JSON.parse(
    (await run('/', ['sessions', '--json', '--user', 'user2', '--socket', socket])).stdout,
  )
  t.match(json, { sessions: [{ id: '2' }], more: 0 })
})

t.test('acts are carried out, and say what they did', async t => {
  const { socket, control } = await fakePlane(t)
  const say = async (...args: string[]) => run('/', [...args, '--socket', socket])
  t.match(await say('disconnect', '1'), { code: 0, stdout: 'ended 1 session\n' })
  t.match(await say('disconnect', '--user', 'user2'), { code: 0, stdout: 'ended 1 session\n' })
  t.match(await say('disconnect', '../drain'), { code: 1, stderr: /nothing here/ })
  t.match(await say('drain'), { code: 0, stdout: /the last of 2 sessions/ })
  t.match(await say('drain', '--cancel'), { code: 0, stdout: /accepts new sessions again/ })
  t.match(await say('reload'), { code: 0, stderr: /need a restart: listen/ })
  t.match(await say('console', '--ttl', '10m', '--rights', 'read'), {
    code: 0,
    stdout: /#token=/,
    stderr: /valid until .*; anyone with this link can use it/,
  })
  t.match(await say('test-link', '--uses', '3'), { code: 0, stdout: /\/test#/ })
  t.match(await say('test-link', '--uses', '0'), { code: 1, stderr: /uses/ })
  t.match(await say('test-result', 'KIWI-1234'), { code: 1, stderr: /kept for a day/ })
  control.draining = false
  t.match(await say('drain', '--cancel'), { code: 1, stderr: /not draining, so there is nothing/ }, 'U-10')
  control.refused = 'draining'
  t.match(await say('reload'), { code: 1, stderr: /draining and does not reload/ }, 'U-19')
  t.notMatch(await say('reload'), { stderr: /broken/ }, 'U-19')
  t.same(control.asked.slice(0, 5), [
    'disconnect 1',
    'disconnect user user2',
    'drain',
    'cancel drain',
    'reload',
  ])
})

t.test('a broken configuration is exit code 3, with what is wrong', async t => {
  const { socket, control } = await fakePlane(t)
  control.reload = () => ({ ok: false, problems: ['line 3: oh'], warnings: [], restart: [] as string[] })
  const { code, stderr, stdout } = await run('/', ['reload', '--socket', socket])
  t.same({ code, stdout }, { code: 3, stdout: '' })
  t.match(stderr, /line 3: oh\n[\s\S]*the previous one stays in force/)
})

t.test('a relay that does not answer is exit code 4, and who says too little is told', async t => {
  t.match(await run('/', ['status', '--socket', '/nowhere/x.sock']), { code: 4, stderr: /is it running/ })
  t.match(await run('/', ['disconnect']), { code: 2, stderr: /give a session or a user/ })
  t.match(await run('/', ['disconnect', '1', '--user', 'a']), { code: 2 })
  t.match(await run('/', ['console', '--ttl', '5']), { code: 2, stderr: /--ttl/ })
  t.match(await run('/', ['console', '--rights', 'all']), { code: 2 })
})

t.test('a table fits the terminal', async t => {
  const lines = sessionLines(
    [session('1'), session('1234567')],
    100_000,
    cliWords('en'),
    (_, text) => text,
    60,
  )
  for (const line of lines) t.ok(line.length <= 60, line)
  t.match(lines[1], /^1 {8}/)
})

t.test('figures are written as people do', async t => {
  t.equal(bits(125_000, 'en'), '1 Mbit/s')
  t.equal(bits(12_345, 'de'), '98,8 kbit/s')
  t.equal(bits(0, 'en'), '0 bit/s')
  t.same([4_000, 723_000, 11_100_000, 187_200_000].map(age), ['4s', '12m 03s', '3h 05m', '2d 04h'])
})
