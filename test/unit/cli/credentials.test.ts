import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { password } from '../../../src/auth/shared-secret.ts'
import { parseIp } from '../../../src/base/address.ts'
import { credentials } from '../../../src/cli/commands/credentials.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { load } from '../../../src/config/load.ts'
import { linesToPaste } from '../../../src/process/banner.ts'
import { run } from '../../support/captured.ts'
import { folderWith, HOMESERVER, SECRET } from '../../support/loading.ts'

const CONFIG = `{ ${HOMESERVER}, "realm": "turn.example.org" }`
const OTHER = 'the secret of the other homeserver'
const TWO = `{
  "realm": "turn.example.org",
  "listen": ["udp://0.0.0.0:3478", "udp://[::]:3478"],
  "homeservers": [
    { "name": "a.example", "secrets": ["${SECRET}"] },
    { "name": "b.example", "secrets": ["${OTHER}"], "uris": ["turns:b.example:443?transport=tcp"] },
  ],
}`

t.test('a credential has the shape of /voip/turnServer [REST-01]', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  const { code, stdout } = await run(folder, [
    'credentials',
    '--user',
    '@alice:example.org',
    '--ttl',
    '24h',
    '--json',
  ])
  const issued = JSON.parse(stdout)

  t.equal(code, 0)
  t.same(Object.keys(issued), ['username', 'password', 'ttl', 'uris'])
  t.match(issued.username, /^[0-9]{10}:@alice:example\.org$/)
  t.equal(issued.password, createHmac('sha1', SECRET).update(issued.username).digest('base64'))
  t.equal(issued.ttl, 86_400)
  t.same(issued.uris, [
    'turn:turn.example.org:3478?transport=udp',
    'turn:turn.example.org:3478?transport=tcp',
  ])
})

t.test('the expiry is the ttl from now', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  let stdout = ''
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: () => true },
    env: {},
    cwd: folder,
  }
  const options = { user: '@alice:example.org', ttl: '1h', json: true }
  await credentials(options, { io, language: 'en', words: cliWords('en') }, 1_893_452_400_999)

  t.equal(JSON.parse(stdout).username, '1893456000:@alice:example.org')
})

t.test('the password is the one of the published vector [VEC-07]', async t => {
  const made = password(Buffer.from('example-shared-secret'), '1893456000:@alice:example.org', 'sha1')

  t.equal(made, '868P44qXY/zXi7sspqFbpuQ5p7g=')
})

t.test('without --json there is a line for each part, and the rest goes to stderr', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  const { stdout, stderr } = await run(folder, ['credentials', '--user', '@alice:example.org'])

  t.match(stdout, /^username {2}[0-9]{10}:@alice:example\.org\npassword {2}\S{28}\nttl {7}3600\nuri {7}turn:/)
  t.match(stderr, /^valid until \d+ \w+ 20\d\d, [\d:]+ \S+\n$/)
  t.notMatch(stdout + stderr, SECRET)
})

t.test('of several homeservers one must be named', async t => {
  const folder = folderWith(t, { 'turnserver.json': TWO })
  const argv = ['credentials', '--user', '@a:b.example', '--json']
  const unnamed = await run(folder, argv)
  const unknown = await run(folder, [...argv, '--homeserver', 'c.example'])
  const named = await run(folder, [...argv, '--homeserver', 'b.example'])
  const issued = JSON.parse(named.stdout)

  t.equal(unnamed.code, 2)
  t.match(unnamed.stderr, /--homeserver: a\.example, b\.example/)
  t.equal(unknown.code, 2)
  t.match(unknown.stderr, /no homeserver "c\.example"/)
  t.equal(issued.password, createHmac('sha1', OTHER).update(issued.username).digest('base64'))
  t.same(issued.uris, ['turns:b.example:443?transport=tcp'])
})

t.test('addresses of both families make one URI', async t => {
  const folder = folderWith(t, { 'turnserver.json': TWO })
  const { stdout } = await run(folder, ['credentials', '--user', 'x', '--homeserver', 'a.example', '--json'])

  t.same(JSON.parse(stdout).uris, ['turn:turn.example.org:3478?transport=udp'])
})

t.test('the host can be another, also an IPv6 address', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  const { stdout } = await run(folder, ['credentials', '--user', 'x', '--host', '2001:db8::7', '--json'])

  t.equal(JSON.parse(stdout).uris[0], 'turn:[2001:db8::7]:3478?transport=udp')
})

t.test('a realm that nobody chose is a guess, and said to be one', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER} }` })
  const { stderr } = await run(folder, ['credentials', '--user', 'x', '--json'])

  t.match(stderr, /no realm is configured, so the lines name \S+; if clients use another name, give --host/)
})

for (const [mistake, argv, says] of [
  ['a ttl without unit', ['--user', 'x', '--ttl', '3600'], /--ttl: "3600" has no unit; write "3600s"/],
  ['an empty user', ['--user', ''], /user is empty/],
  ['a user with control characters', ['--user', 'a\u0000b'], /control characters/],
  ['a user that is too long', ['--user', 'x'.repeat(600)], /too long/],
  ['a host with a port', ['--user', 'x', '--host', 'a.b:3478'], /not a host/],
] as const) {
  t.test(`${mistake} is a mistake of usage`, async t => {
    const folder = folderWith(t, { 'turnserver.json': CONFIG })
    const { code, stdout, stderr } = await run(folder, ['credentials', ...argv])

    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, says)
  })
}

t.test('a lifetime that the relay would refuse is not issued [REST-07]', async t => {
  const text = `{ ${HOMESERVER}, "credentials": { "maxLifetime": "1h" } }`
  const folder = folderWith(t, { 'turnserver.json': text })
  const { code, stderr } = await run(folder, ['credentials', '--user', 'x', '--ttl', '2h'])

  t.equal(code, 2)
  t.match(stderr, /at most 1h/)
})

t.test('a paused homeserver deserves a warning', async t => {
  const text = `{ "homeservers": [{ "name": "a", "secrets": ["${SECRET}"], "paused": true }], "realm": "x" }`
  const folder = folderWith(t, { 'turnserver.json': text })
  const { code, stderr } = await run(folder, ['credentials', '--user', 'x', '--json'])

  t.equal(code, 0)
  t.match(stderr, /"a" is paused/)
})

t.test('a relay with fixed users only issues nothing', async t => {
  const text = '{ "users": [{ "name": "guest", "password": "only-guests-know" }] }'
  const folder = folderWith(t, { 'turnserver.json': text })
  const { code, stderr } = await run(folder, ['credentials', '--user', 'x'])

  t.equal(code, 2)
  t.match(stderr, /only users with fixed passwords/)
})

t.test('a relay that never ran has no secret to issue with', async t => {
  const { code, stderr } = await run(t.testdir({}), ['credentials', '--user', 'x'])

  t.equal(code, 1)
  t.match(stderr, /no secret yet/)
})

t.test('U-12: without a realm, credentials, snippet and the banner name the same host', async t => {
  const folder = folderWith(t, {
    'turnserver.json': `{ ${HOMESERVER}, "relay": { "addresses": ["192.0.2.9=203.0.113.7"], "ports": "49152-65535" } }`,
  })
  const { stdout } = await run(folder, ['credentials', '--user', 'x', '--json'])
  t.match(JSON.parse(stdout).uris[0], /^turn:203\.0\.113\.7:3478/)
  t.match((await run(folder, ['snippet', 'synapse'])).stdout, /"turn:203\.0\.113\.7:3478\?transport=udp"/)
  const loaded = load({
    path: join(folder, 'turnserver.json'),
    env: {},
    cwd: folder,
    language: 'en',
    mayWrite: false,
  })
  const relays = [{ local: parseIp('192.0.2.9')!, public: parseIp('203.0.113.7')! }]
  const own = { ...loaded, defaults: { ...loaded.defaults, secret: true } }
  t.match(linesToPaste(own, { relays, listening: [], udp: 'dgram', workers: 1 }), /"turn:203\.0\.113\.7:3478/)
})
