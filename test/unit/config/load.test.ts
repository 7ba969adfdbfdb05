import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { formatRange } from '../../../src/base/range.ts'
import { load } from '../../../src/config/load.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import {
  errorOf,
  folderWith,
  HOMESERVER,
  loadText,
  problemsOf,
  SECRET,
  shownFor,
} from '../../support/loading.ts'

t.test('a file with a homeserver gets the documented defaults [TURN-GEN-13, TURN-ALLOC-24]', async t => {
  const { settings, warnings, defaults } = loadText(t, `{ ${HOMESERVER} }`)

  t.same(settings.listen.map(formatListener), [
    'udp://0.0.0.0:3478',
    'udp://[::]:3478',
    'tcp://0.0.0.0:3478',
    'tcp://[::]:3478',
  ])
  t.same(settings.homeservers, [
    {
      name: 'example.org',
      secrets: [{ value: SECRET, algorithm: 'sha1' }],
      paused: false,
      backends: [],
      openid: [],
    },
  ])
  t.same(settings.relay, {
    addresses: ['auto'],
    ports: { from: 49152, to: 65535 },
    portMapping: 'off',
    defaultFamily: 'ipv4',
  })
  t.same(settings.limits, {
    allocationsPerUser: 200,
    allocationsPerAddress: 400,
    allocations: 16384,
    allocationsPerUserPerMinute: 600,
    peersPerUserPerMinute: 600,
    requestsPerUserPerSecond: 200,
    unverifiedAnswersPerNetwork: 100,
    unverifiedAnswers: 10_000,
    bitratePerUser: Number.POSITIVE_INFINITY,
    bitrate: Number.POSITIVE_INFINITY,
    lifetime: 3600,
    permissionsPerAllocation: 256,
    channelsPerAllocation: 256,
    permissionsPerUser: 8192,
    channelsPerUser: 8192,
    permissions: 262_144,
    channels: 262_144,
    connections: 4096,
    connectionsPerAddress: 256,
  })
  t.same(settings.credentials, {
    grace: 60,
    strictExpiry: false,
    backOff: true,
    maxLifetime: Number.POSITIVE_INFINITY,
  })
  t.same(settings.peers, { deny: ['recommended'], allow: [], only: [] })
  t.match(settings.metrics, { listen: { port: 9641 }, coturnNames: false })
  t.same(settings.log, { level: 'info', format: 'auto', privacy: 'pseudonym', offenders: false })
  t.equal(settings.realm, hostname())
  t.same(defaults, { realm: true, listen: true, secret: false })
  t.same(warnings, [])
})

t.test('every key is read as it is written', async t => {
  const { settings, defaults } = loadText(
    t,
    `{
      "$schema": "./turnserver.schema.json",
      "realm": "turn.example.org",
      "listen": ["udp://127.0.0.1:3478"],
      "relay": { "addresses": ["10.0.0.5=203.0.113.7"], "ports": "50000-50999", "defaultFamily": "listener" },
      "homeservers": [{
        "name": "example.org",
        "secrets": ["${SECRET}", { "value": "another secret of good length", "algorithm": "sha256" }],
        "paused": true,
        "uris": ["turn:turn.example.org:3478?transport=udp"],
        "limits": { "allocations": 100, "bitrate": "8 Mbit/s" },
      }],
      "users": [
        { "name": "guest", "password": "a long enough one" },
        { "name": "camera", "keys": { "md5": "${'0f'.repeat(16)}", "sha256": "${'0f'.repeat(32)}" } },
      ],
      "peers": { "deny": ["recommended", "198.51.100.0/24"], "allow": ["127.0.0.0/8"], "only": ["::1"] },
      "limits": {
        "allocationsPerUser": 1, "allocationsPerAddress": 2, "allocations": 3, "bitratePerUser": "2 Mbit/s",
        "bitrate": "1 Gbit/s", "lifetime": "10m", "permissionsPerAllocation": 4, "channelsPerAllocation": 5,
        "connections": 6, "connectionsPerAddress": 7, "allocationsPerUserPerMinute": 8, "peersPerUserPerMinute": 9,
        "unverifiedAnswersPerNetwork": 10, "unverifiedAnswers": "unlimited",
      },
      "credentials": { "grace": "5m", "strictExpiry": true, "backOff": false, "maxLifetime": "7d" },
      "protocol": {
        "sha256": false, "software": "relay", "reasonPhrases": true, "mappedAddress": true, "classicStun": true,
        "legacyChannelNumbers": true,
      },
      "alternate": { "servers": ["203.0.113.8:3478"], "domain": "turn2.example.org" },
      "metrics": { "listen": "http://[::1]:9000", "coturnNames": true },
      "workers": 2,
      "udp": "native",
      "log": { "level": "debug", "format": "json", "privacy": "none" },
      "stop": { "deadline": "5m" },
      "state": "elsewhere",
    }`,
    {},
    { TACITURN_STATE: '' },
  )

  t.match(settings, {
    realm: 'turn.example.org',
    relay: { ports: { from: 50000, to: 50999 }, defaultFamily: 'listener' },
    homeservers: [
      {
        secrets: [{ algorithm: 'sha1' }, { value: 'another secret of good length', algorithm: 'sha256' }],
        paused: true,
        uris: ['turn:turn.example.org:3478?transport=udp'],
        limits: { allocations: 100, bitrate: 1_000_000 },
      },
    ],
    users: [{ name: 'guest' }, { name: 'camera', keys: { md5: '0f'.repeat(16), sha256: '0f'.repeat(32) } }],
    limits: {
      bitratePerUser: 250_000,
      bitrate: 125_000_000,
      lifetime: 600,
      connections: 6,
      allocationsPerUserPerMinute: 8,
      peersPerUserPerMinute: 9,
      unverifiedAnswersPerNetwork: 10,
    },
    credentials: { grace: 300, strictExpiry: true, backOff: false, maxLifetime: 604_800 },
    protocol: { sha256: false, software: 'relay', classicStun: true, legacyChannelNumbers: true },
    alternate: { servers: [{ family: 4, port: 3478 }], domain: 'turn2.example.org' },
    metrics: { listen: { family: 6, port: 9000 }, coturnNames: true },
    workers: 2,
    udp: 'native',
    log: { level: 'debug', format: 'json', privacy: 'none' },
    stop: { deadline: 300 },
  })
  t.same(settings.peers.allow.map(formatRange), ['127.0.0.0/8'])
  t.match(settings.state, /\/elsewhere$/)
  t.same(defaults, { realm: false, listen: false, secret: false })
})

t.test('port 0 may stand there twice, since it means any free one', async t => {
  const { settings } = loadText(t, `{ ${HOMESERVER}, "listen": ["udp://127.0.0.1:0", "udp://127.0.0.1:0"] }`)

  t.equal(settings.listen.length, 2)
})

t.test('settings are plain data, so that a worker can be handed them', async t => {
  const { settings } = loadText(t, `{ ${HOMESERVER}, "relay": { "addresses": ["10.0.0.5=203.0.113.7"] } }`)

  t.same(structuredClone(settings), settings)
})

/** One mistake each: a configuration, where the error is, and a word or two of what it says. */
const MISTAKES: readonly (readonly [string, string, path: string, what: RegExp, fix: RegExp])[] = [
  ['an unknown key', '"lisen": []', 'lisen', /not a key/, /did you mean "listen"/],
  [
    'an unknown key that is like no other',
    '"frobnicate": 1',
    'frobnicate',
    /not a key/,
    /turnserver\.example\.json/,
  ],
  [
    'an unknown key in a section',
    '"limits": { "lifetme": "1h" }',
    'limits.lifetme',
    /not a key/,
    /"lifetime"/,
  ],
  ['a key named __proto__', '"__proto__": {}', '__proto__', /not a key/, /remove it/],
  [
    'a key that stands twice',
    '"workers": 1, "workers": 2',
    'workers',
    /twice, first on line 1/,
    /remove one of them/,
  ],
  [
    'a duration without unit',
    '"stop": { "deadline": 60 }',
    'stop.deadline',
    /expected a duration, found 60/,
    /"90s"/,
  ],
  ['a duration of text without unit', '"stop": { "deadline": "60" }', 'stop.deadline', /no unit/, /"60s"/],
  [
    'a lifetime out of bounds',
    '"limits": { "lifetime": "48h" }',
    'limits.lifetime',
    /too long/,
    /"1d" or less/,
  ],
  [
    'a rate without unit',
    '"limits": { "bitrate": 5 }',
    'limits.bitrate',
    /expected a bit rate/,
    /"2 Mbit\/s"/,
  ],
  [
    'a number in quotes',
    '"limits": { "allocations": "5" }',
    'limits.allocations',
    /whole number/,
    /without quotes/,
  ],
  ['a fraction', '"limits": { "allocations": 1.5 }', 'limits.allocations', /whole number/, /digits/],
  ['a number too small', '"limits": { "allocations": 0 }', 'limits.allocations', /too small/, /1 or more/],
  [
    'a number too large',
    '"limits": { "channelsPerAllocation": 5000 }',
    'limits.channelsPerAllocation',
    /too large/,
    /4096/,
  ],
  [
    'a bound that is neither a number nor unlimited',
    '"limits": { "unverifiedAnswers": "none" }',
    'limits.unverifiedAnswers',
    /expected a number/,
    /"unlimited"/,
  ],
  ['a section that is a text', '"limits": "none"', 'limits', /expected a section/, /braces/],
  ['a list that is a text', '"listen": "udp://0.0.0.0"', 'listen', /expected a list/, /brackets/],
  ['an empty list of listeners', '"listen": []', 'listen', /empty/, /default/],
  [
    'a word that is not one of several',
    '"udp": "nativ"',
    'udp',
    /"nativ" is not one of: auto, native, dgram/,
    /"native"/,
  ],
  [
    'yes instead of true',
    '"credentials": { "strictExpiry": "yes" }',
    'credentials.strictExpiry',
    /true or false/,
    /without quotes/,
  ],
  ['a realm with spaces', '"realm": "my realm"', 'realm', /not a host name/, /DNS name/],
  [
    'a listener by name',
    '"listen": ["udp://turn.example.org"]',
    'listen[0]',
    /not an IP address/,
    /address itself/,
  ],
  [
    'a tls listener without certificate',
    '"listen": ["tls://0.0.0.0"]',
    'listen[0]',
    /needs a certificate/,
    /"tls"/,
  ],
  [
    'listeners that overlap',
    '"listen": ["udp://0.0.0.0", "udp://192.0.2.1"]',
    'listen[1]',
    /same port/,
    /another port/,
  ],
  [
    'metrics on the port of a listener',
    '"metrics": "http://127.0.0.1:3478"',
    'metrics',
    /already listens there/,
    /9641/,
  ],
  ['metrics over https', '"metrics": "https://127.0.0.1"', 'metrics', /metrics page/, /http:\/\//],
  ['metrics: true', '"metrics": true', 'metrics', /address or false/, /9641/],
  [
    'a relay address with a port',
    '"relay": { "addresses": ["203.0.113.7:1"] }',
    'relay.addresses[0]',
    /relay from/,
    /local=public/,
  ],
  [
    'a relay address twice',
    '"relay": { "addresses": ["203.0.113.7", "203.0.113.7=192.0.2.1"] }',
    'relay.addresses[1]',
    /twice/,
    /remove one of them/,
  ],
  ['ports backwards', '"relay": { "ports": "60000-50000" }', 'relay.ports', /backwards/, /"50000-60000"/],
  [
    'ports of the system',
    '"relay": { "ports": "1000-50000" }',
    'relay.ports',
    /reserved for the system/,
    /1024/,
  ],
  ['one port', '"relay": { "ports": "50000-50000" }', 'relay.ports', /range of one port/, /wider range/],
  [
    'host bits',
    '"peers": { "deny": ["10.0.0.5/8"] }',
    'peers.deny[0]',
    /not the start of a network/,
    /"10\.0\.0\.0\/8" for the network/,
  ],
  [
    'a shared relay port that clients talk to as well',
    '"listen": ["udp://0.0.0.0:3478", "tcp://0.0.0.0:3479"], "relay": { "ports": "3478, 3479" }',
    'relay.ports',
    /3478 is to be shared by all sessions, but udp:\/\/0\.0\.0\.0:3478 listens there/,
    /"3480"/,
  ],
  [
    'a shared relay port of several workers',
    '"workers": 2, "relay": { "ports": "3480" }',
    'workers',
    /2 workers cannot share/,
    /"auto" or 1/,
  ],
  ['zero workers', '"workers": 0', 'workers', /too small/, /1 or more/],
  ['workers that cannot share', '"workers": 2, "udp": "dgram"', 'workers', /native/, /"auto"/],
  [
    'an alternate without servers',
    '"alternate": { "domain": "a.b" }',
    'alternate.servers',
    /missing/,
    /add it/,
  ],
  ['software: true', '"protocol": { "software": true }', 'protocol.software', /text or false/, /127/],
  ['a user without password', '"users": [{ "name": "a" }]', 'users[0]', /no password/, /"keys"/],
  [
    'a user with password and keys',
    `"users": [{ "name": "a", "password": "long enough, I hope", "keys": { "md5": "${'0'.repeat(32)}" } }]`,
    'users[0].keys',
    /password and keys/,
    /remove one of them/,
  ],
  [
    'a guessable password',
    '"users": [{ "name": "a", "password": "changeme" }]',
    'users[0].password',
    /first that anyone/,
    /openssl/,
  ],
  [
    'two users of one name',
    '"users": [{ "name": "a", "password": "long enough 12" }, { "name": "a", "password": "long enough 13" }]',
    'users[1].name',
    /users\[0\] is also called/,
    /remove one of them/,
  ],
  [
    'a user that looks time-limited',
    '"users": [{ "name": "1:a", "password": "long enough 12" }]',
    'users[0].name',
    /time-limited/,
    /letter/,
  ],
  [
    'keys that are none',
    '"users": [{ "name": "a", "keys": { "md5": "zz" } }]',
    'users[0].keys.md5',
    /32 hexadecimal/,
    /md5sum/,
  ],
]

for (const [mistake, text, path, what, fix] of MISTAKES) {
  t.test(`${mistake} is refused with the way to fix it`, async t => {
    const problems = problemsOf(t, `{ ${HOMESERVER}, ${text} }`)

    t.equal(problems.length, 1)
    t.match(problems[0], { file: 'turnserver.json', line: 1, path, what, fix })
  })
}

/** The same for homeservers, where the whole list is given. */
const HOMESERVER_MISTAKES: readonly (readonly [string, string, path: string, what: RegExp, fix: RegExp])[] = [
  [
    'a homeserver without name',
    `{ "secrets": ["${SECRET}"] }`,
    'homeservers[0].name',
    /"name" is missing/,
    /add it/,
  ],
  ['a homeserver without secret', '{ "name": "a" }', 'homeservers[0]', /no secret/, /openssl rand/],
  [
    'a short secret',
    '{ "name": "a", "secrets": ["hunter2"] }',
    'homeservers[0].secrets[0]',
    /7 characters/,
    /16 or more/,
  ],
  [
    'an example secret',
    '{ "name": "a", "secrets": ["north"] }',
    'homeservers[0].secrets[0]',
    /which everybody knows/,
    /your own/,
  ],
  [
    'a secret with white space around it',
    `{ "name": "a", "secrets": [" ${SECRET}"] }`,
    'homeservers[0].secrets[0]',
    /white space/,
    /remove/,
  ],
  [
    'a secret that is a number',
    '{ "name": "a", "secrets": [12345678901234567890] }',
    'homeservers[0].secrets[0]',
    /expected a secret/,
    /quotes/,
  ],
  [
    'a secret with value and file',
    `{ "name": "a", "secrets": [{ "value": "${SECRET}", "file": "x" }] }`,
    'homeservers[0].secrets[0]',
    /either directly or in a file/,
    /exactly one/,
  ],
  [
    'an unknown algorithm',
    `{ "name": "a", "secrets": [{ "value": "${SECRET}", "algorithm": "md5" }] }`,
    'homeservers[0].secrets[0].algorithm',
    /sha1, sha256/,
    /"sha1"/,
  ],
  [
    'two homeservers of one name',
    `{ "name": "a", "secrets": ["${SECRET}"] }, { "name": "a", "secrets": ["x${SECRET}"] }`,
    'homeservers[1].name',
    /homeservers\[0\] is also called/,
    /own/,
  ],
  [
    'two homeservers with one secret',
    `{ "name": "a", "secrets": ["${SECRET}"] }, { "name": "b", "secrets": ["${SECRET}"] }`,
    'homeservers[1].secrets[0]',
    /told apart/,
    /own/,
  ],
  [
    'a STUN URI',
    `{ "name": "a", "secrets": ["${SECRET}"], "uris": ["stun:a.b"] }`,
    'homeservers[0].uris[0]',
    /STUN URI/,
    /"turn:"/,
  ],
  [
    'a secret file that is not there',
    '{ "name": "a", "secretFile": "nowhere" }',
    'homeservers[0].secretFile',
    /does not exist/,
    /correct the path/,
  ],
]

for (const [mistake, homeservers, path, what, fix] of HOMESERVER_MISTAKES) {
  t.test(`${mistake} is refused with the way to fix it`, async t => {
    const problems = problemsOf(t, `{ "homeservers": [${homeservers}] }`)

    t.equal(problems.length, 1)
    t.match(problems[0], { path, what, fix })
  })
}

for (const [mistake, text, what] of [
  ['a list', '[]', /expected a section/],
  ['a missing comma', '{ "workers": 1 "udp": "auto" }', /comma is missing/],
  ['a missing colon', '{ "workers" 1 }', /colon is missing/],
  ['a missing brace', '{ "workers": 1', /brace/],
  ['single quotes', "{ 'workers': 1 }", /not in single ones/],
  ['an unquoted word', '{ "udp": auto }', /unquoted text/],
  ['a text without end', '{ "udp": "auto }', /no closing quote/],
  ['a comment without end', '{ /* "udp": "auto" }', /comment does not end/],
  ['something behind the end', '{} {}', /text after the end/],
] as const) {
  t.test(`${mistake} is a syntax error with its place`, async t => {
    const problems = problemsOf(t, text)

    t.match(problems[0], { what, line: 1 })
  })
}

t.test('comments, trailing commas and a byte order mark are no mistake', async t => {
  const { settings } = loadText(t, `\ufeff// head\n{ /* here */ "workers": 1, ${HOMESERVER}, }\n`)

  t.equal(settings.workers, 1)
})

t.test('all mistakes of a file are told at once, in its order [OPS-21]', async t => {
  const problems = problemsOf(
    t,
    `{
  "relm": "x",
  "udp": "fast",
  "homeservers": [{ "name": "a", "secrets": ["short"] }],
  "peers": { "allow": ["10.0.0.0/33"] },
}`,
  )

  t.same(
    problems.map(({ line, column, path }) => [line, column, path]),
    [
      [2, 3, 'relm'],
      [3, 10, 'udp'],
      [4, 46, 'homeservers[0].secrets[0]'],
      [5, 24, 'peers.allow[0]'],
    ],
  )
})

t.test('an error shows its line with a caret under the value', async t => {
  const shown = shownFor(t, `{\n  ${HOMESERVER},\n  "peers": { "deny": ["10.0.0.5/8"] }\n}`)

  t.equal(
    shown,
    [
      'turnserver.json:3:23: peers.deny[0]: "10.0.0.5/8" is not the start of a network of that size',
      '    3 |   "peers": { "deny": ["10.0.0.5/8"] }',
      '      |                       ^^^^^^^^^^^^',
      '      → write "10.0.0.0/8" for the network, or "10.0.0.5" for the single address',
    ].join('\n'),
  )
})

t.test('a malformed entry of a peer list always refuses the start and names itself [SEC-13]', async t => {
  const entries = [
    '10.0.0.0/33',
    '10.0.0.5/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0',
    '10',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.0-',
    '-10.0.0.1',
    '10.0.0.9-10.0.0.1',
    '10.0.0.1-::1',
    '::/129',
    'fe80::1%eth0',
    '2001:db8:::1',
    '[::1]',
    '*',
    'localhost',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0 /8',
    '0x0a000000',
    '10.0.0.0\\8',
    'recomended',
    '',
  ]
  for (const list of ['deny', 'allow', 'only']) {
    const problems = problemsOf(t, `{ ${HOMESERVER}, "peers": { "${list}": ${JSON.stringify(entries)} } }`)

    t.same(
      problems.map(({ path }) => path),
      entries.map((_, i) => `peers.${list}[${i}]`),
    )
    for (const [i, { what }] of problems.entries()) t.ok(what.includes(`"${entries[i]}"`), what)
  }
})

t.test(
  'a configuration that nobody could use is refused, so none is ever open to all [TURN-SEC-01]',
  async t => {
    t.match(problemsOf(t, '{}'), [{ what: /nobody can use/, fix: /taciturn init/ }])
    t.match(problemsOf(t, '{ "homeservers": [], "users": [] }'), [{ what: /nobody can use/ }])
  },
)

t.test('secrets are not shown by any error [REST-08, OPS-25, SEC-38]', async t => {
  const shown = [
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": ["hunter2"] }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secret": "hunter2" }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": "hunter2" }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": [{ "value": "hunter2" }, "hunter2"] }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": [{ "algorithm": "sha1" }, "hunter2"] }] }'),
    shownFor(t, '{ "users": [{ "name": "a", "password": "hunter2", "keys": { "md5": "hunter2" } }] }'),
    shownFor(t, '{ "users": [{ "name": "a", "password": "hunter2", "x": 1 }] }'),
    shownFor(
      t,
      '{ "users": [{ "name": "secret", "password": "secret" }], "lisen": 1 /* hunter2 */ } // hunter2',
    ),
    shownFor(t, '{ "secert": "hunter2", "homeservers": [] }'),
    shownFor(t, '{ "homeservers": [{ "secrets": ["hunter2" "hunter2"] }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets: ["hunter2"] }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": [hunter2] }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": [\n"hunter2\n] }] }'),
    shownFor(t, '{ "homeservers": [{ "name": "a", "secrets": ["x"], "uris": [7] }], "x": 1 }'),
  ].join('\n')

  t.notMatch(shown, /hunter2/)
  t.match(shown, /"…"/)
})

t.test('a text from the file cannot move the cursor of a terminal', async t => {
  const shown = shownFor(t, `{ ${HOMESERVER}, "realm": "a\\u001b[2Jb", "udp": "\\u0007" }`)

  t.ok([...shown].every(character => character >= ' ' || character === '\n'))
})

t.test('an error far to the right is shown with its surroundings only', async t => {
  const shown = shownFor(t, `{ ${HOMESERVER}, "listen": [${'"udp://127.0.0.1:1000",'.repeat(20)} 7] }`)

  for (const line of shown.split('\n')) {
    if (line.includes(' | ')) t.ok(line.length < 120, line)
  }
})

t.test('without any file the relay has a secret of its own, kept for its owner only', async t => {
  const folder = t.testdir({})
  const env = { TACITURN_STATE: join(folder, 'state') }
  const { settings, source, defaults, files } = load({ cwd: folder, env })
  const again = load({ cwd: folder, env })

  const file = join(folder, 'state', 'secret')
  t.equal(source, null)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'state')).mode & 0o777, 0o700)
  t.equal(settings.homeservers[0]!.secrets[0]!.value, readFileSync(file, 'utf8').trim())
  t.match(settings.homeservers[0]!.secrets[0]!.value, /^[0-9a-f]{64}$/)
  t.same(again.settings.homeservers, settings.homeservers)
  t.same(defaults, { realm: true, listen: true, secret: true })
  t.same(files, [file])
})

t.test('two relays without a file never share a secret [OPS-24]', async t => {
  const secrets = ['a', 'b'].map(name => {
    const folder = t.testdir({})
    return load({ cwd: folder, env: { TACITURN_STATE: join(folder, name) } }).settings.homeservers[0]!
      .secrets[0]!.value
  })

  t.not(secrets[0], secrets[1])
})

t.test('a check of the defaults writes nothing', async t => {
  const folder = t.testdir({})
  load({ cwd: folder, env: { TACITURN_STATE: join(folder, 'state') }, mayWrite: false })

  t.notOk(existsSync(join(folder, 'state')))
})

t.test('a kept secret that everybody can read is refused', async t => {
  const folder = folderWith(t, { secret: `${SECRET}\n` }, { secret: 0o644 })
  const error = errorOf(t, () => load({ cwd: folder, env: { TACITURN_STATE: folder } }))

  t.match(error.message, /everyone on this machine can read .*secret; chmod 600/)
})

t.test(
  'the file is the one asked for, else that of TACITURN_CONFIG, else turnserver.json beside us',
  async t => {
    const folder = folderWith(t, {
      'turnserver.json': `{ ${HOMESERVER}, "realm": "beside" }`,
      'other.json': `{ ${HOMESERVER}, "realm": "other" }`,
      'asked.json': `{ ${HOMESERVER}, "realm": "asked" }`,
    })
    const realm = (path: string | undefined, env: Record<string, string>) =>
      load({ ...(path !== undefined && { path }), cwd: folder, env }).settings.realm

    t.equal(realm(undefined, {}), 'beside')
    t.equal(realm(undefined, { TACITURN_CONFIG: 'other.json' }), 'other')
    t.equal(realm('asked.json', { TACITURN_CONFIG: 'other.json' }), 'asked')
  },
)

t.test('a file that was asked for and is not there is an error, not a reason for defaults', async t => {
  const error = errorOf(t, () => load({ path: 'nowhere.json', cwd: t.testdir({}), env: {} }))

  t.match(error.message, /nowhere\.json does not exist/)
})

t.test('the state folder is what the environment, systemd or the file says', async t => {
  const folder = folderWith(t, {
    'turnserver.json': `{ ${HOMESERVER}, "state": "kept" }`,
    'auto.json': `{ ${HOMESERVER} }`,
  })
  const state = (path: string, env: Record<string, string>) => load({ path, cwd: folder, env }).settings.state

  t.equal(state('turnserver.json', {}), join(folder, 'kept'))
  t.equal(state('turnserver.json', { TACITURN_STATE: '/elsewhere' }), '/elsewhere')
  t.equal(
    state('auto.json', { STATE_DIRECTORY: '/var/lib/private/a:/var/lib/private/b' }),
    '/var/lib/private/a',
  )
})

t.test('a state folder that begins with a variable is refused', async t => {
  const problems = problemsOf(t, `{ ${HOMESERVER}, "state": "$HOME/x" }`, {}, { TACITURN_STATE: '' })

  t.match(problems, [{ path: 'state', what: /starts with a variable/, fix: /CREDENTIALS_DIRECTORY/ }])
})

t.test('a secret comes from a file, without the white space around it [REST-08]', async t => {
  const { settings, files } = loadText(
    t,
    '{ "homeservers": [{ "name": "a", "secretFile": "turn", "secrets": [{ "file": "old", "algorithm": "sha256" }] }] }',
    { turn: `\n${SECRET} \r\n`, old: `x${SECRET}` },
  )

  t.same(settings.homeservers[0]!.secrets, [
    { value: SECRET, algorithm: 'sha1' },
    { value: `x${SECRET}`, algorithm: 'sha256' },
  ])
  t.same(
    files.map(file => file.split('/').at(-1)),
    ['turnserver.json', 'turn', 'old'],
  )
})

t.test('a secret comes from the credential store of systemd [REST-08]', async t => {
  const store = t.testdir({})
  mkdirSync(join(store, 'credentials'))
  writeFileSync(join(store, 'credentials', 'turn'), SECRET, { mode: 0o400 })
  const text = '{ "homeservers": [{ "name": "a", "secretFile": "$CREDENTIALS_DIRECTORY/turn" }] }'
  writeFileSync(join(store, 'turnserver.json'), text, { mode: 0o600 })
  const env = { CREDENTIALS_DIRECTORY: join(store, 'credentials') }
  const read = (env: Record<string, string>) => load({ path: 'turnserver.json', cwd: store, env })

  t.equal(read(env).settings.homeservers[0]!.secrets[0]!.value, SECRET)
  t.match(errorOf(t, () => read({})).message, /CREDENTIALS_DIRECTORY is not set.*LoadCredential=turn:/)
})

for (const [mistake, content, mode, what] of [
  ['is open to everybody', SECRET, 0o604, /everyone on this machine can read .*turn/],
  ['is empty', ' \n', 0o600, /is empty/],
  ['has several lines', `${SECRET}\n${SECRET}`, 0o600, /several lines/],
  ['holds a short secret', 'hunter2\n', 0o600, /7 characters/],
] as const) {
  t.test(`a secret file that ${mistake} is refused [REST-08]`, async t => {
    const text = '{ "homeservers": [{ "name": "a", "secretFile": "turn" }] }'
    const folder = folderWith(t, { 'turnserver.json': text, turn: content }, { turn: mode })
    const error = errorOf(t, () => load({ path: 'turnserver.json', cwd: folder, env: {} }))

    t.match(error.message, what)
    t.match(error.message, /homeservers\[0\]\.secretFile/)
    t.notMatch(error.message, /hunter2|5f0c1ad3/)
  })
}

t.test('a secret file that is a folder is refused', async t => {
  t.match(problemsOf(t, '{ "homeservers": [{ "name": "a", "secretFile": "." }] }'), [{ what: /is a folder/ }])
})

for (const [doubt, text, warning] of [
  ['a short password', '"users": [{ "name": "a", "password": "seven77" }]', /users\[0\]\.password: .*short/],
  [
    'private addresses that are open',
    '"peers": { "deny": [] }',
    /peers\.deny: users of the relay can reach private/,
  ],
  ['few ports', '"relay": { "ports": "50000-50009" }', /relay\.ports: there are only 10 ports/],
  ['metrics for everybody', '"metrics": "http://0.0.0.0:9641"', /metrics: anyone who can reach/],
  [
    'a range that changes nothing',
    '"peers": { "deny": ["recommended", "::ffff:0:0/96"] }',
    /peers\.deny\[1\]: .*has no effect/,
  ],
  [
    'two alternates of a family',
    '"alternate": { "servers": ["192.0.2.1", "192.0.2.2"] }',
    /several alternate servers for IPv4/,
  ],
] as const) {
  t.test(`${doubt} deserve a warning, no more`, async t => {
    const { warnings } = loadText(t, `{ ${HOMESERVER}, ${text} }`)

    t.equal(warnings.length, 1)
    t.match(warnings[0], warning)
  })
}

t.test('a file with secrets that everybody can read deserves a warning', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER} }` }, { 'turnserver.json': 0o644 })
  const { warnings } = load({ cwd: folder, env: {} })

  t.match(warnings, [/everyone on this machine can read the secrets in .*; chmod 600/])
})

t.test('a secret that stands twice in one homeserver deserves a warning', async t => {
  const { warnings } = loadText(
    t,
    `{ "homeservers": [{ "name": "a", "secrets": ["${SECRET}", "${SECRET}"] }] }`,
  )

  t.match(warnings, [/secrets\[1\]: this secret is given twice/])
})

t.test('warnings speak the language asked for', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER}, "peers": { "deny": [] } }` })

  t.match(load({ cwd: folder, env: {}, language: 'de' }).warnings, [/Benutzer des Relays erreichen private/])
})
