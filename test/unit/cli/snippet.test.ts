import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseJsonc } from 'jsonc-parser'
import t from 'tap'
import { FRONT_SNIPPETS } from '../../../src/homeserver/front-snippets.ts'
import { MORE_SNIPPETS } from '../../../src/homeserver/more-snippets.ts'
import { SNIPPETS, type SnippetInput } from '../../../src/homeserver/snippets.ts'
import { USER_SNIPPETS } from '../../../src/homeserver/user-snippets.ts'
import { WEB_SNIPPETS } from '../../../src/homeserver/web-snippets.ts'
import { run } from '../../support/captured.ts'
import { folderWith, HOMESERVER, SECRET } from '../../support/loading.ts'

const CONFIG = `{ ${HOMESERVER}, "realm": "turn.example.org" }`
const INPUT: SnippetInput = {
  host: 'turn.example.org',
  ports: { udp: 3478, tcp: 3478, tls: 5349 },
  uris: [
    'turn:turn.example.org:3478?transport=udp',
    'turn:turn.example.org:3478?transport=tcp',
    'turns:turn.example.org:5349?transport=tcp',
  ],
  secret: { value: SECRET },
}
const lines = (name: string, input = INPUT) => SNIPPETS.find(snippet => snippet.name === name)!.lines(input)

/** What each program must be told, as its own manual names it. */
const NEEDS: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  synapse: [
    'turn_uris:',
    `turn_shared_secret: "${SECRET}"`,
    'turn_user_lifetime: 24h',
    'turn_allow_guests: false',
  ],
  dendrite: [
    /^client_api:\n {2}turn:\n/,
    'turn_user_lifetime: "24h"',
    `turn_shared_secret: "${SECRET}"`,
    '    turn_uris:',
  ],
  conduit: ['[global.turn]', 'uris = ["turn:', `secret = "${SECRET}"`, 'ttl = 86400'],
  tuwunel: ['turn_uris = ["turn:', `turn_secret = "${SECRET}"`, 'turn_ttl = 86400'],
  continuwuity: ['turn_uris = ["turn:', `turn_secret = "${SECRET}"`, 'turn_ttl = 86400'],
  conduwuit: ['turn_uris = ["turn:', `turn_secret = "${SECRET}"`, 'turn_ttl = 86400'],
  palpo: ['[turn]', 'uris = ["turn:', `secret = "${SECRET}"`, 'ttl = 86400'],
  livekit: [
    /^rtc:\n {2}turn_servers:\n/,
    'host: "turn.example.org"',
    'protocol: udp',
    'protocol: tls',
    `secret: "${SECRET}"`,
  ],
  prosody: [
    'turn_external_host = "turn.example.org"',
    'turn_external_port = 3478',
    `turn_external_secret = "${SECRET}"`,
    'turn_external_ttl = 86400',
    'turn_external_tcp = true',
    `external_service_secret = "${SECRET}"`,
    '{ type = "turns", host = "turn.example.org", port = 5349, transport = "tcp", secret = true, ttl = 86400, algorithm = "turn" }',
  ],
  ejabberd: [
    'mod_stun_disco:',
    `secret: "${SECRET}"`,
    'offer_local_services: false',
    'type: turns',
    'restricted: true',
  ],
  'nextcloud-talk': [
    `occ talk:turn:add turn turn.example.org:3478 udp,tcp --secret=${SECRET}`,
    `occ talk:turn:add turns turn.example.org:5349 tcp --secret=${SECRET}`,
  ],
  jitsi: [`external_service_secret = "${SECRET}";`, 'type = "turn"', 'type = "turns"', 'algorithm = "turn"'],
  'jitsi-docker': [
    `TURN_CREDENTIALS=${SECRET}`,
    'TURN_HOST=turn.example.org',
    'TURN_PORT=3478',
    'TURNS_PORT=5349',
  ],
  galene: ['"credentialType": "hmac-sha1"', `"credential": "${SECRET}"`, '"username": "galene"'],
  bigbluebutton: [
    'services.turn.TurnServer',
    `<constructor-arg index="0" value="${SECRET}"/>`,
    '<ref bean="turn2"/>',
  ],
  mattermost: [
    '"com.mattermost.calls"',
    `"turnstaticauthsecret": "${SECRET}"`,
    '"turncredentialsexpirationminutes": 240',
  ],
}

t.test('there are expectations for every program', async t => {
  t.same(SNIPPETS.map(({ name }) => name).toSorted(), Object.keys(NEEDS).toSorted())
})

for (const [name, needs] of Object.entries(NEEDS)) {
  t.test(`the lines for ${name} say what it needs`, async t => {
    const text = lines(name)

    for (const need of needs) t.match(text, need)
    t.ok(text.endsWith('\n'))
    t.notMatch(text, /undefined|null|\[object/)
  })
}

for (const name of [
  'synapse',
  'dendrite',
  'conduit',
  'tuwunel',
  'continuwuity',
  'conduwuit',
  'palpo',
  'galene',
  'bigbluebutton',
]) {
  t.test(`the lines for ${name} have every URI`, async t => {
    for (const uri of INPUT.uris) t.match(lines(name), uri)
  })
}

for (const [name, line] of [
  ['synapse', 'turn_shared_secret_path: "/etc/turn secret"'],
  ['tuwunel', 'turn_secret_file = "/etc/turn secret"'],
  ['continuwuity', 'turn_secret_file = "/etc/turn secret"'],
  ['conduwuit', 'turn_secret_file = "/etc/turn secret"'],
  ['livekit', 'secret_file: "/etc/turn secret"'],
] as const) {
  t.test(`${name} can read the secret from a file, and then the lines hold none`, async t => {
    const text = lines(name, { ...INPUT, secret: { file: '/etc/turn secret' } })

    t.match(text, line)
    t.notMatch(text, SECRET)
  })
}

t.test('only programs that read a file are given one', async t => {
  const reads = SNIPPETS.filter(({ readsFile }) => readsFile).map(({ name }) => name)

  t.same(reads, ['synapse', 'tuwunel', 'continuwuity', 'conduwuit', 'livekit'])
  for (const { readsFile, lines } of SNIPPETS) {
    if (!readsFile) t.throws(() => lines({ ...INPUT, secret: { file: '/x' } }))
  }
})

t.test('a secret with quotes does not break out of its own', async t => {
  const value = `a"b'c\\d<e>&$(f) – sixteen`
  const odd = { ...INPUT, secret: { value } }

  t.equal(parseJsonc(lines('galene', odd))[0].credential, value)
  t.match(lines('synapse', odd), String.raw`turn_shared_secret: "a\"b'c\\d<e>&$(f) – sixteen"`)
  t.match(lines('bigbluebutton', odd), `value="a&quot;b'c\\d&lt;e>&amp;$(f) – sixteen"`)
  t.match(lines('nextcloud-talk', odd), String.raw`--secret='a"b'\''c\d<e>&$(f) – sixteen'`)
})

t.test('without TLS the lines do not name it', async t => {
  const plain = { ...INPUT, ports: { udp: 3478, tcp: 3478 }, uris: INPUT.uris.slice(0, 2) }

  for (const { name } of SNIPPETS)
    t.notMatch(lines(name, plain), /turns:|"turns"|: turns|TURNS_|\btls\b|5349/, name)
})

t.test('ports that differ are named one by one', async t => {
  const apart = { ...INPUT, ports: { udp: 3478, tcp: 80 } }

  t.match(lines('nextcloud-talk', apart), /:3478 udp [\s\S]*:80 tcp /)
  t.match(lines('prosody', apart), /turn_external_tcp = false/)
  t.match(lines('jitsi-docker', { ...INPUT, ports: { tcp: 80 } }), /TURN_PORT=80\nTURN_TRANSPORT=tcp/)
})

t.test('snippet prints the lines to stdout and where they go to stderr', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  const { code, stdout, stderr } = await run(folder, ['snippet', 'synapse'])

  t.equal(code, 0)
  t.equal(
    stdout,
    `turn_uris:
  - "turn:turn.example.org:3478?transport=udp"
  - "turn:turn.example.org:3478?transport=tcp"
turn_shared_secret: "${SECRET}"
turn_user_lifetime: 24h
turn_allow_guests: false
`,
  )
  t.match(stderr, /for Synapse: paste into homeserver\.yaml/)
  t.notMatch(stderr, SECRET)
})

t.test('snippet without a name lists every program', async t => {
  const { code, stdout } = await run(t.testdir({}), ['snippet'])

  t.equal(code, 0)
  t.same(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(' ')[0]),
    [
      ...[...SNIPPETS, ...MORE_SNIPPETS, ...USER_SNIPPETS, ...WEB_SNIPPETS, ...FRONT_SNIPPETS].map(
        ({ name }) => name,
      ),
      'certbot',
    ],
  )
})

for (const [name, needs] of [
  ['caddy', /^turn\.example\.org \{\n\treverse_proxy 127\.0\.0\.1:9642\n\}\n$/],
  ['nginx', /server_name turn\.example\.org;[\s\S]*proxy_pass http:\/\/127\.0\.0\.1:9642;[\s\S]*Upgrade/],
  ['haproxy', /option forwardfor[\s\S]*server relay 127\.0\.0\.1:9642/],
] as const) {
  t.test(`U-07: the lines for ${name} lead to the console, and hold no secret`, async t => {
    const folder = folderWith(t, { 'turnserver.json': CONFIG })
    const { code, stdout, stderr } = await run(folder, ['snippet', name])
    t.equal(code, 0, stderr)
    t.match(stdout, needs)
    t.notMatch(stdout, SECRET)
    t.match(stderr, /"console": \{ "publicUrl": "https:\/\/turn\.example\.org" \}/)
  })
}

for (const [name, needs] of [
  ['nginx-stream', /turn\.example\.org relay;[\s\S]*server 127\.0\.0\.1:5349;[\s\S]*proxy_protocol on;/],
  ['haproxy-tcp', /req\.ssl_sni -i turn\.example\.org[\s\S]*server relay 127\.0\.0\.1:5349 send-proxy-v2/],
] as const) {
  t.test(
    `OW-02: the lines for ${name} share port 443, and what the relay needs for them is said`,
    async t => {
      const folder = folderWith(t, { 'turnserver.json': CONFIG })
      const { code, stdout, stderr } = await run(folder, ['snippet', name])
      t.equal(code, 0, stderr)
      t.match(stdout, needs)
      t.notMatch(stdout, SECRET)
      t.match(stderr, /"tls:\/\/127\.0\.0\.1:5349\?proxy"\], and "proxy": \{ "from": \["127\.0\.0\.1"\] \}/)
      t.match(stderr, /127\.0\.0\.1:8443/)
    },
  )
}

t.test('OW-02: the document on proxies has the lines that are printed', async t => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/proxies.md'), 'utf8')
  for (const { name, lines } of FRONT_SNIPPETS)
    t.ok(text.includes(lines({ host: 'turn.example.org', relay: '127.0.0.1:5349' })), name)
})

t.test('a program that is not known is a mistake of usage, with what was meant', async t => {
  const { code, stderr } = await run(t.testdir({}), ['snippet', 'synaps'])

  t.equal(code, 2)
  t.match(stderr, /did you mean synapse/)
})

t.test('--secret-file keeps the secret off the screen', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  const { stdout } = await run(folder, ['snippet', 'synapse', '--secret-file', 'turn-secret'])
  const refused = await run(folder, ['snippet', 'dendrite', '--secret-file', 'turn-secret'])

  t.match(stdout, `turn_shared_secret_path: "${join(folder, 'turn-secret')}"`)
  t.notMatch(stdout, SECRET)
  t.equal(refused.code, 2)
  t.match(refused.stderr, /Dendrite cannot read/)
})

t.test('before the first start snippet makes the secret that the relay will have', async t => {
  const folder = t.testdir({})
  const first = await run(folder, ['snippet', 'synapse', '--host', 'turn.example.org'])
  const second = await run(folder, ['snippet', 'synapse', '--host', 'turn.example.org'])

  t.match(first.stdout, /turn_shared_secret: "[0-9a-f]{64}"/)
  t.equal(second.stdout, first.stdout)
})

t.test('a homeserver with SHA-256 secrets only has no lines for anybody', async t => {
  const text = `{ "realm": "x", "homeservers": [{ "name": "a", "secrets": [{ "value": "${SECRET}", "algorithm": "sha256" }] }] }`
  const { code, stderr } = await run(folderWith(t, { 'turnserver.json': text }), ['snippet', 'synapse'])

  t.equal(code, 1)
  t.match(stderr, /only has SHA-256 secrets/)
})

t.test('ejabberd is told by address; a name deserves a warning', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  const byName = await run(folder, ['snippet', 'ejabberd'])
  const byAddress = await run(folder, ['snippet', 'ejabberd', '--host', '203.0.113.7'])

  t.match(byName.stderr, /needs an IP address/)
  t.notMatch(byAddress.stderr, /needs an IP address/)
})

t.test('U-55: there is no certbot for an address, but a hint', async t => {
  const folder = folderWith(t, { 'turnserver.json': CONFIG })
  for (const host of ['203.0.113.7', '2001:db8::7']) {
    const { code, stdout, stderr } = await run(folder, ['snippet', 'certbot', '--host', host])
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, /is an address, and certbot gets certificates for names.*--host NAME/)
  }
})
