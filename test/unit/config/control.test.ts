import { join } from 'node:path'
import t from 'tap'
import { effective } from '../../../src/config/effective.ts'
import { load } from '../../../src/config/load.ts'
import { controlPaths } from '../../../src/config/values/control-paths.ts'
import { errorOf, folderWith, HOMESERVER, loadText } from '../../support/loading.ts'

const TOKEN = 'b7f1c6c2a94e4d0f8a53d1e6'

t.test(
  'by default the socket is in the state folder and the console on loopback, and neither is insisted on',
  async t => {
    const { settings, warnings } = loadText(t, `{ ${HOMESERVER} }`)
    t.match(settings.control, { path: /\/state\/control\.sock$/, lenient: true })
    t.match(settings.console, { listen: { port: 9642, family: 4 }, lenient: true, tokens: [], origins: [] })
    t.same(warnings, [])
  },
)

t.test('the socket is in the runtime directory where the service manager gives one', async t => {
  const { settings } = loadText(t, `{ ${HOMESERVER} }`, {}, { RUNTIME_DIRECTORY: '/run/one:/run/two' })
  t.match(settings.control, { path: '/run/one/control.sock', lenient: true })
})

t.test('both can be chosen, and switched off', async t => {
  const off = loadText(t, `{ ${HOMESERVER}, "control": false, "console": false }`)
  t.equal(off.settings.control, false)
  t.equal(off.settings.console, false)
  const short = loadText(t, `{ ${HOMESERVER}, "control": "here.sock", "console": "http://[::1]:1234" }`)
  t.match(short.settings.control, { path: /\/here\.sock$/, lenient: false })
  t.match(short.settings.console, { listen: { port: 1234, family: 6 }, lenient: false })
})

t.test('tokens are read from the file or from files of their own, and shown nowhere', async t => {
  const text = `{ ${HOMESERVER}, "console": { "publicUrl": "https://turn.example.org/", "origins": ["https://a.example"],
    "tokens": [{ "name": "alice", "rights": "act", "tokenFile": "alice" }, { "name": "wall", "token": "${TOKEN}2" }] } }`
  const { settings, files } = loadText(t, text, { alice: `${TOKEN}1\n` })
  t.match(settings.console, {
    publicUrl: 'https://turn.example.org',
    origins: ['https://a.example'],
    tokens: [
      { name: 'alice', rights: 'act', token: `${TOKEN}1` },
      { name: 'wall', rights: 'read', token: `${TOKEN}2` },
    ],
  })
  t.ok(
    files.some(file => file.endsWith('/alice')),
    'and a token file that changes is read again',
  )
  t.notMatch(JSON.stringify(effective(settings)), new RegExp(TOKEN))
})

const token = (of: string) => `{ ${HOMESERVER}, "console": { "tokens": [${of}] } }`
const WRONG: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['a console for everybody', `{ ${HOMESERVER}, "console": "http://0.0.0.0:9642" }`, /"tokens"/],
  ['a console on the metrics port', `{ ${HOMESERVER}, "console": "http://127.0.0.1:9641" }`, /listens there/],
  [
    'a console on a port for clients',
    `{ ${HOMESERVER}, "console": "http://127.0.0.1:3478" }`,
    /listens there/,
  ],
  ['a name', `{ ${HOMESERVER}, "console": "http://localhost:9642" }`, /not an IP address/],
  ['a number', `{ ${HOMESERVER}, "console": 9642 }`, /address, a section or false/],
  ['a control of another kind', `{ ${HOMESERVER}, "control": 5 }`, /a path, "auto" or false/],
  [
    'a URL with a path',
    `{ ${HOMESERVER}, "console": { "publicUrl": "https://a.example/b" } }`,
    /without a path/,
  ],
  [
    'a URL that is none',
    `{ ${HOMESERVER}, "console": { "publicUrl": "turn.example.org" } }`,
    /can open the console/,
  ],
  ['no token', token('{ "name": "a" }'), /exactly one of "token"/],
  ['two tokens in one', token(`{ "name": "a", "token": "${TOKEN}", "tokenFile": "x" }`), /exactly one of/],
  ['a short token', token('{ "name": "a", "token": "short" }'), /characters/],
  [
    'two of one name',
    token(`{ "name": "a", "token": "${TOKEN}1" }, { "name": "a", "token": "${TOKEN}2" }`),
    /called/,
  ],
  [
    'one for two',
    token(`{ "name": "a", "token": "${TOKEN}" }, { "name": "b", "token": "${TOKEN}" }`),
    /told apart/,
  ],
  ['other rights', token(`{ "name": "a", "token": "${TOKEN}", "rights": "write" }`), /read, act/],
]

for (const [what, text, message] of WRONG) {
  t.test(`refused: ${what} [SEC-38]`, async t => {
    const folder = folderWith(t, { 'turnserver.json': text })
    const { message: said } = errorOf(t, () => load({ cwd: folder, env: { TACITURN_STATE: folder } }))
    t.match(said, message)
    t.notMatch(said, new RegExp(TOKEN))
  })
}

t.test('a console beyond loopback is possible with tokens, and warned of', async t => {
  const { warnings } = loadText(
    t,
    `{ ${HOMESERVER}, "console": { "listen": "http://192.0.2.1:9642", "tokens": [{ "name": "a", "token": "${TOKEN}" }] } }`,
  )
  t.match(warnings, [/unencrypted/])
})

t.test('commands find the socket of a relay whose configuration is broken just now', async t => {
  const paths = (text: string, env: Record<string, string> = {}) => {
    const folder = folderWith(t, { 'turnserver.json': text })
    return controlPaths(undefined, env, folder).map(path => path.replace(folder, '.'))
  }
  t.same(paths('{ "relm": 1, "state": "s" }'), ['./s/control.sock', '/run/taciturn/control.sock'])
  t.same(paths('{ "state": "s", "control": "c" '), ['./c'])
  t.same(paths('{ "control": false }'), [])
  t.same(paths('{ "state": "s" }', { TACITURN_STATE: '/elsewhere', RUNTIME_DIRECTORY: '/run/x' }), [
    '/run/x/control.sock',
    '/elsewhere/control.sock',
    '/run/taciturn/control.sock',
  ])
  t.match(controlPaths('/nowhere', { TACITURN_STATE: '/s' }, '/'), [join('/s', 'control.sock')])
})
