import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatRange } from '../../../src/base/range.ts'
import { effective } from '../../../src/config/effective.ts'
import { load } from '../../../src/config/load.ts'
import { folderWith, HOMESERVER, loadText, problemsOf, SECRET, shownFor } from '../../support/loading.ts'

const KEY = 'f3a9c27d5b8e4160a7d2c9e1b40f6d38'
const STAND_IN = '"standIn": { "url": "http://127.0.0.1:8008/" }'

t.test('without "issue" nothing is handed out', async t => {
  const { settings } = loadText(t, `{ ${HOMESERVER} }`)
  t.equal(settings.issue, undefined)
  t.match(settings.homeservers, [{ backends: [], openid: [] }])
})

t.test('an empty "issue" section has the documented defaults', async t => {
  const { settings, warnings } = loadText(
    t,
    `{ "homeservers": [{ "name": "example.org", "secrets": ["${SECRET}"], ${STAND_IN} }], "issue": {} }`,
  )
  const { issue } = settings
  t.match(issue, {
    listen: { family: 4, port: 8088 },
    lifetime: 86_400,
    relays: [],
    relaysPerUser: 1,
    origins: ['*'],
    requestsPerMinute: 60,
    reachable: [],
  })
  t.same(issue?.trustedProxies.map(formatRange), ['127.0.0.0/8', '::1'])
  t.same(settings.homeservers[0]?.standIn, {
    url: 'http://127.0.0.1:8008',
    hosts: ['example.org', '127.0.0.1'],
    guests: false,
  })
  t.same(warnings, [])
})

t.test('every way of issuing is read as it is written', async t => {
  const { settings } = loadText(
    t,
    `{
      "homeservers": [{
        "name": "Example.org:8448",
        "secretFile": "turn",
        "standIn": { "url": "https://matrix.example.org", "hosts": ["Matrix.Example.org"], "guests": true },
        "backends": [{ "name": "website", "apiKeyFile": "key" }, { "name": "app", "apiKey": "another ${KEY}" }],
        "openid": ["Friends.example", "*.example.net", "[2001:db8::1]:8448"],
      }],
      "issue": {
        "listen": "http://[::1]:9999", "lifetime": "2h", "relaysPerUser": 2, "origins": ["https://app.example.org"],
        "relays": [{ "uris": ["turn:a.example.org"], "weight": 3 }, { "uris": ["turn:b.example.org"] }],
        "trustedProxies": ["10.0.0.1"], "requestsPerMinute": 5, "reachable": ["127.0.0.0/8"],
      },
    }`,
    { turn: `${SECRET}\n`, key: `${KEY}\n` },
  )
  t.match(settings.homeservers, [
    {
      secrets: [{ value: SECRET }],
      standIn: { url: 'https://matrix.example.org', hosts: ['matrix.example.org'], guests: true },
      backends: [
        { name: 'website', apiKey: KEY },
        { name: 'app', apiKey: `another ${KEY}` },
      ],
      openid: ['friends.example', '*.example.net', '[2001:db8::1]:8448'],
    },
  ])
  t.match(settings.issue, {
    listen: { family: 6, port: 9999 },
    lifetime: 7200,
    relaysPerUser: 2,
    relays: [
      { uris: ['turn:a.example.org'], weight: 3 },
      { uris: ['turn:b.example.org'], weight: 1 },
    ],
    origins: ['https://app.example.org'],
    requestsPerMinute: 5,
  })
  const shown = JSON.stringify(effective(settings))
  t.notMatch(shown, new RegExp(`${KEY}|${SECRET}`), 'neither keys nor secrets are shown')
  t.match(shown, /"name":"website","apiKey":"\(redacted\)"/)
})

t.test('a homeserver that only we issue for gets a secret of our own, which is kept', async t => {
  const text = `{ "homeservers": [{ "name": "a/../b:1", ${STAND_IN} }], "issue": {} }`
  const folder = folderWith(t, { 'turnserver.json': text })
  const options = { path: 'turnserver.json', cwd: folder, env: { TACITURN_STATE: join(folder, 'state') } }

  t.same(load({ ...options, mayWrite: false }).settings.homeservers[0]?.secrets, [], 'not made by looking')
  const { settings, files } = load(options)
  const [homeserver] = settings.homeservers
  t.match(homeserver?.secrets, [{ value: /^[0-9a-f]{64}$/, algorithm: 'sha1' }])
  const file = homeserver!.secretFile!
  t.equal(join(file, '..'), join(folder, 'state'), 'in the state folder, whatever the name holds')
  t.equal(readFileSync(file, 'utf8').trim(), homeserver?.secrets[0]?.value)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.ok(files.includes(file), 'and followed')
  t.same(load(options).settings.homeservers, settings.homeservers, 'the next start has the same')
})

t.test('each homeserver without secrets gets one of its own', async t => {
  const { settings } = loadText(
    t,
    `{ "homeservers": [{ "name": "a:b", "openid": ["a"] }, { "name": "a_b", "openid": ["b"] }], "issue": {} }`,
  )
  const [a, b] = settings.homeservers
  t.not(a?.secrets[0]?.value, b?.secrets[0]?.value)
})

t.test('a secret that cannot be stored lasts for the process, and the operator is told', async t => {
  const text = `{ "homeservers": [{ "name": "memory.example", ${STAND_IN} }], "issue": {} }`
  const folder = folderWith(t, { 'turnserver.json': text, blocked: '' })
  const env = { TACITURN_STATE: join(folder, 'blocked', 'state') }
  const read = () => load({ path: 'turnserver.json', cwd: folder, env })
  // A file where a folder should be is in the way of everybody, root too.
  const first = read()
  t.match(first.warnings, [/secret of "memory\.example" cannot be stored/])
  t.match(first.settings.homeservers[0]?.secrets, [{ value: /^[0-9a-f]{64}$/ }])
  t.same(read().settings.homeservers[0]?.secrets, first.settings.homeservers[0]?.secrets)
})

t.test('a kept secret that everybody can read is refused', async t => {
  const text = `{ "homeservers": [{ "name": "example.org", ${STAND_IN} }], "issue": {}, "state": "state" }`
  const folder = folderWith(t, { 'turnserver.json': text })
  mkdirSync(join(folder, 'state'))
  const first = load({ path: 'turnserver.json', cwd: folder, env: {} })
  chmodSync(first.settings.homeservers[0]!.secretFile!, 0o644)
  t.throws(() => load({ path: 'turnserver.json', cwd: folder, env: {} }), { name: 'ConfigError' })
})

const ISSUED = (issue: string, homeserver = STAND_IN) =>
  `{ "homeservers": [{ "name": "example.org", "secrets": ["${SECRET}"], ${homeserver} }], "issue": ${issue} }`

for (const [what, text, message] of [
  ['a lifetime that clients cannot renew in time', ISSUED('{ "lifetime": "19m" }'), /every ten minutes/],
  [
    'a lifetime that the relay itself refuses',
    `{ ${ISSUED('{}').slice(1, -1)}, "credentials": { "maxLifetime": "1h" } }`,
    /maxLifetime rejects/,
  ],
  [
    'a homeserver to issue for without a listener',
    ISSUED('{}').replace(', "issue": {}', ''),
    /nothing listens/,
  ],
  [
    'a port that is taken',
    `{ ${ISSUED('{}').slice(1, -1)}, "listen": ["tcp://0.0.0.0:8088"] }`,
    /listens there/,
  ],
  ['the port of the metrics', ISSUED('{ "listen": "http://127.0.0.1:9641" }'), /listens there/],
  ['TLS, which we leave to the proxy', ISSUED('{ "listen": "https://127.0.0.1" }'), /reverse proxy adds TLS/],
  ['an OpenID list for everybody', ISSUED('{}', '"openid": ["*"]'), /let everyone in/],
  ['a name that is no server', ISSUED('{}', '"openid": ["https://example.org"]'), /not the name of a Matrix/],
  [
    'a URL that goes too far',
    ISSUED('{}', '"standIn": { "url": "http://a/_matrix" }'),
    /too long; leave out \/_matrix/,
  ],
  [
    'a URL that is none',
    ISSUED('{}', '"standIn": { "url": "matrix.example.org" }'),
    /base URL of a client API/,
  ],
  [
    'a host with its port',
    ISSUED('{}', '"standIn": { "url": "http://a", "hosts": ["a:1"] }'),
    /not a host name/,
  ],
  ['an origin with a path', ISSUED('{ "origins": ["https://a.example/"] }'), /not an origin/],
  ['a backend without a key', ISSUED('{}', '"backends": [{ "name": "a" }]'), /exactly one of "apiKey"/],
  ['a key that can be guessed', ISSUED('{}', '"backends": [{ "name": "a", "apiKey": "1234" }]'), /guessed/],
  [
    'backends that share a key',
    ISSUED('{}', `"backends": [{ "name": "a", "apiKey": "${KEY}" }, { "name": "b", "apiKey": "${KEY}" }]`),
    /another backend has the same key/,
  ],
  [
    'backends that share a name',
    ISSUED('{}', `"backends": [{ "name": "a", "apiKey": "${KEY}" }, { "name": "a", "apiKey": "${KEY}x" }]`),
    /two backends are called "a"/,
  ],
  [
    'one server for two homeservers',
    `{ "homeservers": [{ "name": "a", "openid": ["x"] }, { "name": "b", "openid": ["x"] }], "issue": {} }`,
    /already belongs to homeservers\[0\]/,
  ],
  [
    'one host for two homeservers',
    `{ "homeservers": [{ "name": "a", ${STAND_IN} }, { "name": "b", ${STAND_IN} }], "issue": {} }`,
    /"127.0.0.1" already belongs to homeservers\[0\]/,
  ],
] as const) {
  t.test(`refused with the reason: ${what}`, async t => {
    const problems = problemsOf(t, text)
    t.equal(problems.length, 1, JSON.stringify(problems))
    t.match(`${problems[0]?.what}; ${problems[0]?.fix}`, message)
  })
}

t.test('no error shows an API key or a password in a URL', async t => {
  const key = 'short-key'
  const text = ISSUED(
    '{}',
    `"backends": [{ "name": "a", "apiKey": "${key}" }], "standIn": { "url": "http://me:pass-word@a" }`,
  )
  const shown = shownFor(t, text.replaceAll('}, ', '},\n'))
  t.match(shown, /apiKey/)
  t.notMatch(shown, /short-key|pass-word/)
})

for (const [what, text, message] of [
  ['an issuer that nobody uses', `{ ${HOMESERVER}, "issue": {} }`, /nobody to issue credentials for/],
  [
    'a listener that is not on loopback',
    ISSUED('{ "listen": "http://0.0.0.0:8088" }'),
    /gets credentials, unencrypted/,
  ],
  [
    'tokens that cross the Internet unencrypted',
    ISSUED('{}', '"standIn": { "url": "http://matrix.example.org" }'),
    /access tokens are sent to the homeserver unencrypted/,
  ],
] as const) {
  t.test(`warned of: ${what}`, async t => {
    const { warnings } = loadText(t, text)
    t.equal(warnings.length, 1)
    t.match(warnings[0], message)
  })
}

t.test('an API key in a file is followed', async t => {
  const text = ISSUED('{}', '"backends": [{ "name": "a", "apiKeyFile": "key" }]')
  const folder = folderWith(t, { 'turnserver.json': text, key: KEY })
  const { files } = load({ path: 'turnserver.json', cwd: folder, env: {} })
  t.ok(files.includes(join(folder, 'key')))
  writeFileSync(join(folder, 'key'), '')
  t.throws(() => load({ path: 'turnserver.json', cwd: folder, env: {} }), /is empty/)
})
