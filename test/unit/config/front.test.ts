import t, { type Test } from 'tap'
import { effective } from '../../../src/config/effective.ts'
import { HOMESERVER, loadText, problemsOf } from '../../support/loading.ts'

const HEAD = `{ ${HOMESERVER}, "realm": "turn.example.org"`
const load = (t: Test, text: string) => loadText(t, `${HEAD}, ${text} }`)
const problems = (t: Test, text: string) => problemsOf(t, `${HEAD}, ${text} }`)

t.test('OW-02: listeners behind proxies and beside a web server are read, and shown as they are', async t => {
  const { settings, warnings } = load(
    t,
    `"listen": ["udp://0.0.0.0:3478", "tcp://127.0.0.1:3479?proxy", "tcp://0.0.0.0:443?web"],
     "proxy": { "from": ["127.0.0.1", "10.0.0.0/8"] },
     "web": { "to": "127.0.0.1:8443" }`,
  )

  t.same(warnings, [])
  t.match(effective(settings), {
    listen: ['udp://0.0.0.0:3478', 'tcp://127.0.0.1:3479?proxy', 'tcp://0.0.0.0:443?web'],
    proxy: { from: ['127.0.0.1', '10.0.0.0/8'] },
    web: {
      to: '127.0.0.1:8443',
      names: [],
      proxy: false,
      connections: 1000,
      connectionsPerAddress: 100,
      idle: '10m',
    },
  })
})

for (const [what, text, path, said] of [
  [
    'a listener that expects PROXY where no proxy is named',
    '"listen": ["tcp://127.0.0.1:3479?proxy"]',
    'listen[0]',
    /no proxy is named/,
  ],
  ['proxies that are nowhere', '"listen": ["tcp://0.0.0.0?proxy"], "proxy": {}', 'proxy', /from/],
  [
    'an empty list of proxies',
    '"listen": ["tcp://0.0.0.0?proxy"], "proxy": { "from": [] }',
    'proxy.from',
    /empty/,
  ],
  ['an unknown option', '"listen": ["tcp://0.0.0.0?prxy"]', 'listen[0]', /no option "prxy"/],
  [
    'a port that is shared with nobody',
    '"listen": ["tcp://0.0.0.0:443?web"]',
    'listen[0]',
    /no web server|none is named/,
  ],
  [
    'a web server that is the relay itself',
    '"listen": ["tcp://0.0.0.0:443?web"], "web": { "to": "127.0.0.1:443" }',
    'web.to',
    /relay itself/,
  ],
  [
    'a web server that is nowhere',
    '"listen": ["tcp://0.0.0.0:443?web"], "web": { "to": "0.0.0.0:8443" }',
    'web.to',
    /not an address where a web server/,
  ],
] as const) {
  t.test(`OW-02: ${what} is not accepted`, async t => {
    const found = problems(t, text)

    t.match(found, [{ path, what: said }])
    t.equal(found.length, 1)
  })
}

t.test('OW-02: a web server on another machine may have the port that listeners have here', async t => {
  const text = '"listen": ["tcp://0.0.0.0:443?web"], "web": { "to": "192.0.2.7:443" }'
  t.same(load(t, text).warnings, [])
})

for (const [what, text, said] of [
  ['proxies that no listener expects', '"proxy": { "from": ["127.0.0.1"] }', /no listener expects/],
  [
    'a web server that no listener shares a port with',
    '"web": { "to": "127.0.0.1:8443" }',
    /no listener shares/,
  ],
] as const) {
  t.test(`OW-02: ${what} are warned of`, async t => {
    t.match(load(t, text).warnings, [said])
  })
}

for (const range of [
  '0.0.0.0/0',
  '::/0',
  '0.0.0.0-255.255.255.255',
  '128.0.0.0/1',
  '8.0.0.0/6',
  '2000::/3',
]) {
  t.test(`OW-02: ${range} as proxies is warned of`, async t => {
    const text = `"listen": ["tcp://127.0.0.1?proxy"], "proxy": { "from": ["${range}"] }`
    t.match(load(t, text).warnings, [/claim any address/])
  })
}

for (const range of ['127.0.0.1', '10.0.0.0/8', 'fc00::/7', '::1']) {
  t.test(`OW-02: ${range} as proxies is fine`, async t => {
    t.same(load(t, `"listen": ["tcp://127.0.0.1?proxy"], "proxy": { "from": ["${range}"] }`).warnings, [])
  })
}
