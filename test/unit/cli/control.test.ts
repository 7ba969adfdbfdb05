import t from 'tap'
import { linkReach } from '../../../src/cli/commands/link-reach.ts'
import type { CliContext } from '../../../src/cli/context.ts'
import { age, bits, sessionLines } from '../../../src/cli/control/control-format.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { run } from '../../support/captured.ts'
import { fakePlane, session } from '../../support/fake-control.ts'

t.test('status says how the relay is, in both languages and as JSON', async t => {
  const { socket } = await fakePlane(t)
  const english = await run('/', ['status', '--socket', socket, '--lang', 'en'])
  t.match(english, { code: 0, stdout: /^state +serving\n/, stderr: '' })
  t.match(english.stdout, /sessions +2 of 10\n/)
  t.match(english.stdout, /^proxies +10\.0\.0\.0\/8: 1,200 clients, 30 of their own, 4 refused$/m, 'OW-02')
  t.match(english.stdout, /^web server +127\.0\.0\.1:8443: 12 connections, 3\.?0? MB passed on$/m, 'OW-02')
  t.match((await run('/', ['status', '--socket', socket, '--lang', 'de'])).stdout, /^Zustand +in Betrieb\n/)
  t.match(JSON.parse((await run('/', ['status', '--socket', socket, '--json'])).stdout), { state: 'serving' })
})

t.test('OW-04: status --ready says by its exit code whether new calls may come', async t => {
  const { socket, control } = await fakePlane(t)
  t.equal((await run('/', ['status', '--ready', '--socket', socket])).code, 0)
  const serving = await control.status()
  control.status = async () => ({ ...serving, state: 'draining', notReady: ['draining'] })
  t.match(await run('/', ['status', '--ready', '--socket', socket]), { code: 1, stdout: /^state +draining/ })
  t.equal((await run('/', ['status', '--socket', socket])).code, 0, 'it answers all the same')
})

t.test('sessions are shown by pseudonym, and by name when asked', async t => {
  const { socket, lines } = await fakePlane(t)
  const plain = await run('/', ['sessions', '--socket', socket])
  t.match(plain.stdout, /user1.*client1/)
  t.notMatch(plain.stdout, /@alice/)
  const named = await run('/', ['sessions', '--names', '--socket', socket])
  t.match(named.stdout, /@alice:example\.org +203\.0\.113\.9:4242/)
  t.equal(lines().length, 1, 'U-34: a look is one line of the access log')
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
  t.match(await say('disconnect', '../drain'), { code: 1, stderr: /no session \.\.\/drain/ })
  t.match(await say('drain'), { code: 0, stdout: /the last of 2 sessions/ })
  t.match(await say('drain', '--cancel'), { code: 0, stdout: /accepts new sessions again/ })
  t.match(await say('reload'), { code: 0, stderr: /need a restart: listen/ })
  t.match(await say('console', '--ttl', '10m', '--rights', 'read'), {
    code: 0,
    stdout: /#token=/,
    stderr:
      /valid until .*; anyone with this link can use it\n.*only be opened on this machine.*\n {2}ssh -L 1:127\.0\.0\.1:1 \S+@\S+\n/,
  })
  t.match(await say('test-link', '--uses', '3'), { code: 0, stdout: /\/test#/ })
  t.match(await say('usage-link', '@alice:example.org', '--ttl', '7d'), { code: 0, stdout: /\/usage#\S+\n$/ })
  t.match(await say('usage-link', 'alice', '--homeserver', 'other.example'), { code: 0, stdout: /\/usage#/ })
  t.match(await say('usage-link', 'alice'), { code: 1, stderr: /which homeserver/ })
  t.match(await say('test-link', '--uses', '0'), { code: 2, stderr: /--uses must be a whole number/ })
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

t.test('notify --test says of each way whether a message got through, and why not', async t => {
  const { socket, control } = await fakePlane(t)
  const say = async (...args: string[]) => run('/', ['notify', ...args, '--socket', socket])
  t.match(await say('--test'), { code: 0, stdout: 'email: sent\n' })
  control.notified = [{ way: 'email' }, { way: 'matrix', why: 'the account may not join: invite it' }]
  t.match(await say('--test'), {
    code: 1,
    stdout: 'email: sent\nmatrix: not sent; the account may not join: invite it\n',
  })
  t.match(await say('--test', '--lang', 'de'), { stdout: /^email: gesendet\nmatrix: nicht gesendet; / })
  t.match(JSON.parse((await say('--test', '--json')).stdout), { sent: [{ way: 'email' }, { way: 'matrix' }] })
  control.notified = []
  t.match(await say('--test'), { code: 1, stderr: /has no "notify" in its configuration/ })
  t.match(await say(), { code: 2, stderr: /--test/ })
})

t.test('OW-08, A-10: bans are made, listed and lifted, and none is of everybody', async t => {
  const { socket } = await fakePlane(t)
  const say = async (...args: string[]) => run('/', [...args, '--socket', socket])
  t.match(await say('ban', '203.0.113.7', '--for', '1h'), {
    code: 0,
    stdout: /^203\.0\.113\.7 is banned until .*1970/,
  })
  t.match(await say('ban', '::ffff:203.0.113.7'), { stdout: /^203\.0\.113\.7 is banned/ }, 'one spelling')
  t.match(await say('ban', '--session', '1'), { stdout: /^203\.0\.113\.9 is banned .*; ended 1 session\n/ })
  t.match(await say('ban', '--session', '9'), { code: 1, stderr: /no such session/ })
  t.match(await say('ban', '203.0.113.7/24'), { code: 1, stderr: /did you mean 203\.0\.113\.0\/24\?/ })
  t.match(await say('ban', 'example.org'), { code: 1, stderr: /not an address or a network/ })
  t.match(
    await say('ban', '0.0.0.0/0'),
    { code: 1, stderr: /too wide.*clients\.deny/ },
    'nobody bans everybody',
  )
  for (const mapped of ['::ffff:0:0/96', '::ffff:0.0.0.0-::ffff:255.255.255.255', '::/16', '::ffff:0:0/95'])
    t.match(await say('ban', mapped), { code: 1, stderr: /too wide|did you mean/ }, `A-10: ${mapped}`)
  t.match(await say('ban', '::ffff:203.0.113.0/120'), { stdout: /^203\.0\.113\.0\/24 is banned/ })
  t.match(await say('ban', '2001::/15'), { code: 1, stderr: /did you mean|too wide/ })
  t.match(await say('ban', '203.0.113.7', '--for', '5s'), { code: 2, stderr: /--for/ })
  t.match(await say('ban', '203.0.113.7', '--for', '-1s'), { code: 2 })
  t.match(await say('ban'), { code: 2, stderr: /give an address or a network, or a session/ })
  t.match(await say('bans'), { code: 0, stdout: /^203\.0\.113\.8 {2}until 14 May 2030.* by alice: scans\n$/ })
  t.match(await say('unban', '203.0.113.8'), { code: 0, stdout: '203.0.113.8 is no longer banned\n' })
  t.match(await say('unban', '203.0.113.9'), {
    code: 1,
    stderr: /not banned; banned is 203\.0\.113\.0\/24; lift that/,
  })
  const german = async (...args: string[]) => (await say(...args, '--lang', 'de')).stderr
  t.match(await german('ban', 'example.org'), /„example\.org“ ist keine Adresse und kein Netz/, 'U-21')
  t.match(await german('ban', '203.0.113.7/24'), /war 203\.0\.113\.0\/24 gemeint\?/)
  t.match(await german('unban', '203.0.113.9'), /ist nicht gesperrt; gesperrt ist 203\.0\.113\.0\/24/)
  t.match(await say('bans', '--lang', 'de'), { stdout: /bis 14\. Mai 2030.*, von alice/ })
})

t.test('a broken configuration is exit code 3, with what is wrong', async t => {
  const { socket, control } = await fakePlane(t)
  control.reload = async () => ({
    ok: false,
    problems: ['line 3: oh'],
    warnings: [],
    restart: [] as string[],
  })
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

/** Words that mean something to programs only. */
const API_WORDS = /GET |openapi|body|Too small|nothing here/

t.test('S-30, U-20: what is not there, or not allowed, is told in sentences about the option', async t => {
  const { socket } = await fakePlane(t)
  for (const [argv, code, says] of [
    [['test-link', '--uses', '0'], 2, /--uses must be a whole number from 1 to 100/],
    [['test-link', '--uses', 'x'], 2, /--uses must be a whole number/],
    [['test-link', '--uses', '101'], 2, /--uses must be a whole number/],
    [['sessions', '--limit', 'x'], 2, /--limit must be a whole number from 1 to 20000/],
    [['sessions', '--limit', '20001'], 2, /--limit must be a whole number/],
    [['disconnect', '999'], 1, /no session 999; it may have ended/],
    [['disconnect', 'abc/../1'], 1, /no session abc/],
    [['disconnect', '--user', '@mid:example.org'], 1, /"@mid:example\.org" has no session/],
    [['disconnect', '--user', '../../drain'], 1, /has no session/],
    [['disconnect', '--user', '0123456789abcdef'], 1, /"0123456789abcdef" has no session/],
    [['disconnect', '--user', ''], 1, /has no session/],
    [['disconnect', '--user', 'user'], 2, /"user" is the beginning of several pseudonyms: user1, user2/],
    [['test-result', 'echo', '1725'], 1, /no result with the code ECHO-1725; results are kept for a day/],
    [['test-result', 'echo 1725'], 1, /the code ECHO-1725/],
    [['test-result', 'ECHO1725'], 1, /the code ECHO-1725/],
    [['test-result', '../status'], 2, /"\.\.\/status" is not a code; codes look like KIWI-4821/],
  ] as const) {
    const outcome = await run('/', [...argv, '--socket', socket])
    t.match(outcome, { code, stdout: '', stderr: says }, argv.join(' '))
    t.notMatch(outcome.stderr, API_WORDS, argv.join(' '))
  }
})

t.test('U-17: a person is named by the beginning of the pseudonym, or by Matrix ID', async t => {
  const { socket, control, lines } = await fakePlane(t)
  control.sessions = [session('1', { user: '5a933e80aaaaaaaa' }), session('2', { user: '77777777bbbbbbbb' })]
  control.pseudonymOf = async name => (name === '@alice:example.org' ? '5a933e80aaaaaaaa' : undefined)
  for (const given of ['5a933e80', '5A93', '5a933e80aaaaaaaa', '@alice:example.org']) {
    const list = await run('/', ['sessions', '--json', '--user', given, '--socket', socket])
    t.same(
      JSON.parse(list.stdout).sessions.map(({ id }: { id: string }) => id),
      ['1'],
      given,
    )
    const ended = await run('/', ['disconnect', '--user', given, '--socket', socket])
    t.match(ended, { code: 0, stdout: 'ended 1 session\n' }, given)
  }
  t.same(
    lines()
      .filter(({ what }) => what === 'find')
      .map(({ on }) => on),
    ['user 5a933e80aaaaaaaa', 'user 5a933e80aaaaaaaa'],
    'only a name is a line of the access log, and one line',
  )
  const nobody = await run('/', ['sessions', '--user', '@eve:example.org', '--socket', socket])
  t.match(nobody, { code: 0, stdout: /"@eve:example\.org" has no session/ })
})

t.test('U-07: a test link that leads to this machine only is said to be of no use to others', async t => {
  const { socket } = await fakePlane(t)
  const { stdout, stderr } = await run('/', ['test-link', '--socket', socket])
  t.match(stdout, /^http:\/\/127\.0\.0\.1:1\/test#/)
  t.match(stderr, /nobody else can open this link[\s\S]*console\.publicUrl: taciturn snippet caddy\n$/)
})

t.test('U-07: a link by a public address needs no way in', async t => {
  const context = { io: { env: {} }, words: cliWords('en') } as CliContext
  t.equal(linkReach('https://turn.example.org/#token=x', 'console', context), undefined)
  t.equal(linkReach('https://turn.example.org/test#x', 'test', context), undefined)
  t.match(linkReach('http://[::1]:9642/#token=x', 'console', context), /ssh -L 9642:\[::1\]:9642 /)
})

t.test('U-31: what is repeated ends once nobody reads it, as in status --watch | head', async t => {
  const { socket } = await fakePlane(t)
  for (const command of ['status', 'sessions']) {
    const unread = new AbortController()
    let written = 0
    const write = () => {
      written++
      unread.abort()
    }
    const io = { stdout: { write }, unread: unread.signal }
    t.match(await run('/', [command, '--watch', '--socket', socket], io), { code: 0 }, command)
    t.equal(written, 1, command)
  }
})

t.test('U-20: a limit that does not exist is named, and where all of them are', async t => {
  const { socket } = await fakePlane(t)
  for (const more of [[], ['--homeserver', 'example.org']])
    t.match(await run('/', ['limit', 'foo', '3', '--socket', socket, ...more]), {
      code: 1,
      stderr: 'taciturn: there is no limit foo. All limits: taciturn limit\n',
    })
})

t.test('UW-13: a user is blocked, a homeserver paused and a limit changed, and each is undone', async t => {
  const plane = await fakePlane(t)
  const { socket } = plane
  const say = async (...args: string[]) => run('/', [...args, '--socket', socket, '--lang', 'en'])
  plane.control.made = []
  t.match(await say('block', '@alice:example.org', '--for', '1h'), {
    code: 0,
    stdout: /^user user1 is blocked until /,
    stderr: /across restarts.*taciturn undo 00000000/,
  })
  t.match(await say('pause', 'example.org'), { code: 0, stdout: 'example.org is paused\n' })
  t.match(await say('limit', 'limits.bitratePerUser', '4 Mbit/s'), {
    code: 0,
    stdout: 'limits.bitratePerUser is 4 Mbit/s\n',
  })
  t.match(await say('limit'), {
    stdout:
      'limits.allocations: 100 (the configuration file has 50)\nhomeservers[example.org].limits.bitrate: 2 Mbit/s (not in the configuration file)\n',
  })
  const listed = (await say('changes')).stdout.split('\n')
  t.match(listed, [
    /^00000000 {2}user user1 is blocked/,
    /^00000001 {2}example.org is paused \(by command on this machine, /,
    /4 Mbit/,
  ])
  t.match(await say('undo'), { code: 0, stdout: /undone: limits\.bitratePerUser/ }, 'the newest')
  t.match(await say('undo', '00000001'), { code: 0, stdout: 'undone: example.org is paused\n' })
  t.match(await say('unblock', '@alice:example.org'), { code: 0, stdout: /undone: user user1/ })
  t.match(await say('changes'), { code: 0, stdout: /nothing has been changed/ })
})

t.test('UW-13: what cannot be changed is said, with what to do', async t => {
  const { socket, control } = await fakePlane(t)
  const say = async (...args: string[]) => run('/', [...args, '--socket', socket, '--lang', 'en'])
  control.made = []
  t.match(await say('block', 'abcdef12'), { code: 1, stderr: /"abcdef12" has no session/ })
  t.match(await say('block', '@a:b', '--for', '1s'), { code: 2, stderr: /--for: / })
  t.match(await say('pause', 'unknown.example'), {
    code: 1,
    stderr: /"unknown.example" is not in the config/,
  })
  t.match(await say('limit', 'bitratePerUser', 'much'), { code: 1, stderr: /not a rate/ })
  t.match(await say('limit', 'nothing'), { code: 1, stderr: /no limit nothing/ })
  t.match(await say('undo'), { code: 1, stderr: /nothing has been changed/ })
  t.match(await say('undo', 'ffffffff'), { code: 1, stderr: /no change ffffffff/ })
  t.match(await say('unblock', '@bob:example.org'), { code: 1, stderr: /is not blocked/ })
  t.match(await say('resume', 'example.org'), { code: 0, stdout: 'example.org is not paused\n' })
})
