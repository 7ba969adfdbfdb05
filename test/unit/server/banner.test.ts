import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import type { Loaded } from '../../../src/config/load.ts'
import type { Settings } from '../../../src/config/settings.ts'
import { offeredUris, synapseLines, turnUris } from '../../../src/homeserver/synapse-lines.ts'
import {
  type BoundListener,
  banner,
  commandOf,
  linesToPaste,
  publicHost,
  whatIsMissing,
} from '../../../src/process/banner.ts'
import { freshTesting, testParts } from '../../../src/process/test-credentials.ts'
import { loaded, SECRET } from '../../support/settings.ts'

const bound: BoundListener = {
  listening: ['udp://192.0.2.5:3478', 'tcp://0.0.0.0:3478'],
  relays: [{ local: parseIp('10.0.0.5')!, public: parseIp('9.9.9.9')! }],
  udp: 'dgram',
  workers: 1,
}

const LAUNCH = { command: 'taciturn', isTerminal: false, language: 'en' } as const

t.test('it says where the relay listens, from where it relays, and what its settings are', async t => {
  const config = loaded()

  const text = banner('0.1.0', config, bound, LAUNCH)

  t.match(text, 'taciturn 0.1.0')
  t.match(text, 'udp://192.0.2.5:3478')
  t.match(text, '9.9.9.9 (here 10.0.0.5), UDP ports 49152-65535')
  t.match(text, 'turn.example.org')
  t.match(text, config.source!)
})

t.test('U-38: it names the state folder and what to do next, by the command that was used', async t => {
  const config = loaded()
  const own: Loaded = { ...config, source: null }

  const text = banner('0.1.0', own, bound, { ...LAUNCH, command: 'npx taciturn', isTerminal: true })

  t.match(text, new RegExp(`^ {2}state +${config.settings.state}$`, 'm'))
  t.match(text, '`npx taciturn init` writes a file')
  t.match(text, /next:\n {2}npx taciturn doctor +tests .*\n(.*console.*\n)? {2}Ctrl-C +stops it/)
  const inFile = banner('0.1.0', config, bound, LAUNCH)
  t.match(inFile, `taciturn doctor --config ${config.source}`)
  t.notMatch(inFile, 'Ctrl-C', 'where no terminal is')
})

t.test('it says where the environment has the settings', async t => {
  const environment = [{ variable: 'TACITURN_REALM', key: 'realm' }]
  const text = banner('0.1.0', { ...loaded(), source: null, environment }, bound, LAUNCH)

  t.match(text, /settings +from the environment; `taciturn validate --effective` lists them/)
  t.notMatch(text, 'built in')
})

t.test('U-21: the banner speaks German, in columns that fit its words', async t => {
  const config = loaded()
  const own: Loaded = { ...config, source: null, defaults: { ...config.defaults, realm: true } }
  const relays = [{ local: parseIp('10.0.0.5')!, public: parseIp('10.0.0.5')! }]
  const text = banner('0.1.0', own, { ...bound, relays }, { ...LAUNCH, isTerminal: true, language: 'de' })
  t.match(text, /^ {2}lauscht auf +udp:/m)
  t.match(text, '10.0.0.5 (privat), UDP-Ports 49152-65535')
  t.match(text, 'der Name dieses Rechners')
  t.match(text, /Noch fehlt:\n {2}• kein TLS-Zertifikat/)
  t.match(text, /Als Nächstes:[\s\S]* Strg-C +beendet es/)
  t.notMatch(text, /listens|relays from|still missing|next:|built in/)
  const columns = text
    .split('\n')
    .flatMap(line => /^ {2}(?:lauscht auf|vermittelt von|Konfiguration) +/.exec(line)?.[0].length ?? [])
  t.equal(new Set(columns).size, 1)
  t.equal(columns.length, 3)
})

t.test('U-38: the command is the one that people have', async t => {
  t.equal(commandOf({}), 'taciturn')
  t.equal(commandOf({ npm_command: 'exec', npm_lifecycle_event: 'npx' }), 'npx taciturn')
  t.equal(commandOf({ npm_command: 'start', npm_lifecycle_event: 'start' }), 'node dist/cli/main.js')
})

t.test('no secret is in it', async t => {
  t.notMatch(banner('0.1.0', loaded(), bound, LAUNCH), SECRET)
})

t.test('a missing certificate and a private address are named, with what fixes them', async t => {
  const missing = whatIsMissing(loaded(), {
    ...bound,
    relays: [{ local: parseIp('10.0.0.5')!, public: parseIp('10.0.0.5')! }],
  })

  t.match(missing, [/tls\.certificate/, /"10\.0\.0\.5=your public address"/])
  t.same(whatIsMissing(loaded(), bound).length, 1)
})

t.test('lines to paste are there for a relay that made its own secret, and only then', async t => {
  const config = loaded()
  const own: Loaded = { ...config, defaults: { realm: true, listen: true, secret: true } }

  t.equal(linesToPaste(config, bound), undefined)
  t.match(linesToPaste(own, bound), `turn_shared_secret: "${SECRET}"`)
  t.match(linesToPaste(own, bound), 'turn:9.9.9.9:3478?transport=udp')
  t.match(
    linesToPaste({ ...own, defaults: { ...own.defaults, realm: false } }, bound),
    'turn:turn.example.org:3478',
  )
})

t.test('without a public address the lines name the one there is, IPv6 in brackets', async t => {
  const own: Loaded = { ...loaded(), defaults: { realm: true, listen: true, secret: true } }
  const relay = (ip: string) => ({ local: parseIp(ip)!, public: parseIp(ip)! })

  t.match(linesToPaste(own, { ...bound, relays: [relay('fd00::2')] }), 'turn:[fd00::2]:3478?transport=udp')
  t.match(linesToPaste(own, { ...bound, relays: [relay('10.0.0.5')] }), 'turn:10.0.0.5:3478?transport=udp')
  t.match(
    linesToPaste(own, { ...bound, relays: [relay('10.0.0.5'), relay('2606:4700::1')] }),
    'turn:[2606:4700::1]:3478?transport=udp',
  )
})

t.test('there is one URI for each transport and port', async t => {
  const { settings } = loaded({
    listen: ['udp://0.0.0.0:3478', 'udp://[::]:3478', 'tcp://0.0.0.0:3478'],
  })

  t.same(turnUris('h', settings), ['turn:h:3478?transport=udp', 'turn:h:3478?transport=tcp'])
})

t.test(
  'O-12: with a certificate a tcp:// listener is named for TLS too, where no other listener is',
  async t => {
    const tls = {} as NonNullable<Settings['tls']>
    const { listen } = loaded({ listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:443'] }).settings
    const both = ['turn:h:3478?transport=udp', 'turn:h:443?transport=tcp']
    t.same(turnUris('h', { listen }), both)
    t.same(turnUris('h', { listen, tls }), [...both, 'turns:h:443?transport=tcp'])
    const { listen: apart } = loaded({ listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478'] }).settings
    const own = { transport: 'tls', address: { ...apart[0]!.address, port: 5349 } } as const
    t.same(turnUris('h', { listen: [...apart, own], tls }).slice(2), ['turns:h:5349?transport=tcp'])
  },
)

t.test('O-32: four URIs are handed out at most, with each transport among them', async t => {
  const { listen } = loaded({
    listen: [
      'udp://0.0.0.0:3478',
      'udp://0.0.0.0:3479',
      'udp://0.0.0.0:80',
      'tcp://0.0.0.0:3478',
      'tcp://0.0.0.0:443',
    ],
  }).settings
  const tls = {} as NonNullable<Settings['tls']>
  t.equal(turnUris('h', { listen, tls }).length, 7)
  t.same(offeredUris('h', { listen, tls }), [
    'turn:h:3478?transport=udp',
    'turn:h:3478?transport=tcp',
    'turn:h:443?transport=tcp',
    'turns:h:443?transport=tcp',
  ])
  t.same(offeredUris('h', { listen: listen.slice(0, 2) }), turnUris('h', { listen: listen.slice(0, 2) }))
})

t.test('the lines are what Synapse reads', async t => {
  const { settings } = loaded()

  t.equal(
    synapseLines({ host: 'turn.example.org', settings, secret: 'a "quoted" secret' }),
    [
      'turn_uris:',
      '  - "turn:turn.example.org:3478?transport=udp"',
      '  - "turn:turn.example.org:3478?transport=tcp"',
      'turn_shared_secret: "a \\"quoted\\" secret"',
      'turn_user_lifetime: 24h',
      'turn_allow_guests: false',
      '',
    ].join('\n'),
  )
})

t.test('U-12: the test page goes to the host that the banner names', async t => {
  const urisOf = (config: Loaded) =>
    testParts({ current: config.settings }, freshTesting(), () => publicHost(config, bound.relays)).uris()
  const unnamed = loaded()
  const guessed = { ...unnamed, defaults: { ...unnamed.defaults, realm: true } }
  t.same(urisOf(guessed), offeredUris('9.9.9.9', guessed.settings))
  const named = { ...unnamed, defaults: { ...unnamed.defaults, realm: false } }
  t.same(urisOf(named), offeredUris(named.settings.realm, named.settings))
  const homeservers = [{ name: 'a', secrets: [SECRET], uris: ['turn:chosen.example.org:3478'] }]
  t.same(
    urisOf(loaded({ homeservers })),
    ['turn:chosen.example.org:3478'],
    'what the operator chose comes first',
  )
})
