import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../support/captured.ts'
import { folderWith, HOMESERVER, SECRET } from '../../support/loading.ts'

t.test('a valid file is called valid', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER} }` })
  const { code, stdout, stderr } = await run(folder, ['validate'])

  t.equal(code, 0)
  t.match(stdout, /turnserver\.json is valid/)
  t.equal(stderr, '')
})

t.test('without a file the defaults are valid, and nothing is written', async t => {
  const folder = t.testdir({})
  const { code, stdout } = await run(folder, ['validate'])

  t.equal(code, 0)
  t.match(stdout, /built-in defaults are valid/)
  t.notOk(existsSync(join(folder, 'state')))
})

t.test('a file that is not there is an error', async t => {
  const { code, stderr } = await run(t.testdir({}), ['validate', '--config', 'nowhere.json'])

  t.equal(code, 3)
  t.match(stderr, /nowhere\.json does not exist/)
})

t.test('warnings are said on stderr and are no failure', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER}, "peers": { "deny": [] } }` })
  const { code, stdout, stderr } = await run(folder, ['validate'])

  t.equal(code, 0)
  t.match(stdout, /is valid/)
  t.match(stderr, /^warning: turnserver\.json:1:\d+: peers\.deny: users of the relay can reach private/)
})

t.test('--effective prints the settings in force and the peer policy, without secrets [REST-08]', async t => {
  const folder = folderWith(t, {
    'turnserver.json': `{
      ${HOMESERVER},
      "users": [{ "name": "guest", "password": "only-guests-know" }],
      "peers": { "deny": ["recommended", "198.51.100.7"], "allow": ["192.168.1.0/24"] },
    }`,
  })
  const { code, stdout } = await run(folder, ['validate', '--effective'])
  const { settings, peerPolicy } = JSON.parse(stdout)

  t.equal(code, 0)
  t.notMatch(stdout, SECRET)
  t.notMatch(stdout, /only-guests-know/)
  t.match(settings, { limits: { lifetime: '1h', bitrate: 'unlimited' }, relay: { ports: '49152-65535' } })
  t.match(settings.homeservers, [{ name: 'example.org', secrets: [{ value: '(redacted)' }] }])
  t.match(peerPolicy, {
    denied: ['198.51.100.7'],
    allowed: ['192.168.1.0/24'],
    ownAddresses: 'denied',
    others: 'allowed',
  })
  for (const range of ['10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', 'fe80::/10', 'ff00::/8']) {
    t.ok(peerPolicy.deniedUnlessAllowed.includes(range), range)
  }
})

t.test('--effective says what an allow-list means', async t => {
  const folder = folderWith(t, {
    'turnserver.json': `{ ${HOMESERVER}, "peers": { "deny": [], "only": ["203.0.113.0/24"] } }`,
  })
  const { stdout } = await run(folder, ['validate', '--effective'])

  t.match(JSON.parse(stdout).peerPolicy, {
    allowed: ['203.0.113.0/24'],
    deniedUnlessAllowed: [],
    ownAddresses: 'denied',
    others: 'denied',
  })
})

t.test('--json tells every mistake with its place', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER},\n"udp": "fast",\n"lisen": [] }` })
  const { code, stdout, stderr } = await run(folder, ['validate', '--json'])

  t.equal(code, 3)
  t.equal(stderr, '')
  t.match(JSON.parse(stdout), {
    valid: false,
    file: 'turnserver.json',
    errors: [
      { file: 'turnserver.json', line: 2, column: 8, path: 'udp', what: /not one of/, fix: /write "auto"/ },
      { line: 3, column: 1, path: 'lisen', what: /not a key/, fix: /"listen"/ },
    ],
    warnings: [],
  })
})

t.test('--json of a valid file has the same keys', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER}, "peers": { "deny": [] } }` })
  const { code, stdout, stderr } = await run(folder, ['validate', '--json', '--effective'])
  const answer = JSON.parse(stdout)

  t.equal(code, 0)
  t.equal(stderr, '')
  t.match(answer, { valid: true, file: join(folder, 'turnserver.json'), errors: [] })
  t.equal(answer.warnings.length, 1)
  t.equal(answer.settings.realm.length > 0, true)
})

t.test('errors are German where German is asked for', async t => {
  const folder = folderWith(t, { 'turnserver.json': '{ "peers": { "deny": ["10.0.0.5/8"] } }' })
  const { stderr } = await run(folder, ['validate', '--lang', 'de'])

  t.match(stderr, /„10\.0\.0\.5\/8“ ist nicht der Anfang eines Netzes dieser Größe/)
})

t.test('U-41: validate does not say that nothing was started, since it starts nothing', async t => {
  for (const broken of ['{ "realm": 5 }', '{ "realms": "example.org" }', 'not JSON']) {
    const { code, stdout, stderr } = await run(folderWith(t, { 'turnserver.json': broken }), ['validate'])
    t.equal(code, 3, broken)
    t.match(stderr, /problem|JSON/, broken)
    t.notMatch(stdout + stderr, /start/, broken)
  }
})
