import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { load } from '../../../src/config/load.ts'
import { plain } from '../../../src/config/problem.ts'
import { errorOf, folderWith, HOMESERVER, problemsOf } from '../../support/loading.ts'

const COTURN = 'listening-port=3478\nuse-auth-secret\nstatic-auth-secret=north\nrealm=turn.example.org\n'

const FOREIGN: readonly (readonly [what: string, text: string, said: RegExp, fix: RegExp])[] = [
  ["coturn's format", COTURN, /coturn/, /taciturn import turnserver\.json$/],
  [
    "coturn's format with comments and blanks",
    `# Coturn TURN SERVER\n#\n\nrealm = a\n${COTURN}`,
    /coturn/,
    /taciturn import/,
  ],
  ['one line of coturn', 'listening-port=3478', /coturn/, /taciturn import/],
  [
    "eturnal's configuration",
    'eturnal:\n  secret: "x"\n  listen:\n    -\n      ip: "::"\n',
    /eturnal/,
    /taciturn import/,
  ],
  ['YAML', 'realm: turn.example.org\nlisten:\n  - udp://0.0.0.0:3478\n', /YAML/, /turnserver\.example\.json/],
  ['YAML with its first line', '---\nrealm: a\n', /YAML/, /JSON/],
  ['TOML', 'realm = "turn.example.org"\n[relay]\nports = "1-2"\n', /TOML/, /JSON/],
  ['nothing', '', /empty/, /taciturn init/],
  ['white space', ' \n\t\n', /empty/, /taciturn init/],
  ['comments alone', '// nothing yet\n/* or here */\n', /empty/, /taciturn init/],
  ['comments of a shell alone', '# nothing yet\n', /empty/, /taciturn init/],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n', /not JSON/, /\{ "key"/],
  ['a page', '<html><body>404</body></html>', /not JSON/, /taciturn init/],
  ['single quotes', "{ 'realm': 'turn.example.org',\n 'users': [] }", /single/, /"…"/],
  ['typographic quotes', '{ “realm”: “turn.example.org” }', /typographic/, /straight/],
  ['German quotes', '{ "realm": „turn.example.org“ }', /typographic/, /straight/],
  ['a typographic quote at the end', '{ "realm": "turn.example.org” }', /typographic/, /straight/],
  ["a shell's comment", `{\n  # who may\n  ${HOMESERVER}\n}`, /with \/\/ here, not with #/, /\/\//],
  ["a shell's comment above", `# ours, isn't it\n{ ${HOMESERVER} }`, /with \/\/ here, not with #/, /\/\//],
]

for (const [what, text, said, fix] of FOREIGN) {
  t.test(`U-14: ${what} is recognised in one problem`, async t => {
    const problems = problemsOf(t, text)

    t.equal(problems.length, 1)
    t.match(problems[0]?.what, said)
    t.match(problems[0]?.fix, fix)
  })
}

for (const [name, bytes] of [
  ['little-endian with its mark', Buffer.from('\ufeff{ "realm": "a" }', 'utf16le')],
  ['little-endian without', Buffer.from('{ "realm": "a" }', 'utf16le')],
  ['big-endian with its mark', Buffer.from('\ufeff{ "realm": "a" }', 'utf16le').swap16()],
] as const) {
  t.test(`U-14: UTF-16 is recognised in one problem: ${name}`, async t => {
    const folder = folderWith(t, {})
    writeFileSync(join(folder, 'turnserver.json'), bytes)
    const { problems } = errorOf(t, () => load({ cwd: folder, env: {} }))

    t.equal(problems.length, 1)
    t.match(plain(problems[0]!, 'en').what, /UTF-16/)
  })
}

for (const [name, bytes] of [
  ['a compressed file', Buffer.from([0x1f, 0x8b, 8, 0, 0, 9, 9, 9, 9, 9])],
  ['random octets', Buffer.from([0xf3, 0xe7, 0x12, 0xcc, 0xef, 0x6e, 0x87, 0x2f, 0x7a, 0xee])],
] as const) {
  t.test(`U-14: what is no text is not taken for UTF-16: ${name}`, async t => {
    const folder = folderWith(t, {})
    writeFileSync(join(folder, 'turnserver.json'), bytes)
    const { problems } = errorOf(t, () => load({ cwd: folder, env: {} }))

    t.equal(problems.length, 1)
    t.match(plain(problems[0]!, 'en').what, /not a text in UTF-8/)
  })
}

t.test('U-14: a list or a section in the place of a text is not to be put in quotes', async t => {
  for (const ports of ['[49152, 65535]', '{ "min": 49152 }']) {
    const problems = problemsOf(t, `{ ${HOMESERVER}, "relay": { "ports": ${ports} } }`)
    t.match(problems[0]?.fix, /^write one text, such as "\d+-\d+"$/)
  }
  t.match(problemsOf(t, `{ ${HOMESERVER}, "notify": [{}] }`)[0]?.fix, /^write a section in braces/)
})

t.test('U-14: a mistake in what is JSON otherwise is named as before', async t => {
  const [problem] = problemsOf(t, `{ ${HOMESERVER} "realm": "it's a # in “quotes”" }`)
  t.match(problem?.what, /comma is missing/)
})

const REALMS = [
  ['https://turn.example.org', 'turn.example.org'],
  ['https://user@turn.example.org/path?x', 'turn.example.org'],
  ['turn:turn.example.org:3478', 'turn.example.org'],
  ['turn.example.org:3478', 'turn.example.org'],
  ['turn.example.org/', 'turn.example.org'],
  [' turn.example.org', 'turn.example.org'],
  ['turn.example.org.', 'turn.example.org'],
  ['a..b', 'turn.example.org'],
  ['My Realm', 'turn.example.org'],
  ['türn.example.org', 'turn.example.org'],
  ['*.example.org', 'turn.example.org'],
  ['', 'turn.example.org'],
  ['a'.repeat(128), 'turn.example.org'],
] as const

for (const [realm, guess] of REALMS) {
  t.test(`U-15: the realm "${realm}" is refused`, async t => {
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, "realm": ${JSON.stringify(realm)} }`)
    t.match(problem, { path: 'realm', what: /is not a host name/, fix: `"${guess}"` })
  })
}
