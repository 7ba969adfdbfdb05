import t from 'tap'
import { load } from '../../../src/config/load.ts'
import { LOADER_SOCKET, MAPS_SOCKET } from '../../../src/kernel/places.ts'
import { folderWith, HOMESERVER, loadText, problemsOf } from '../../support/loading.ts'

const warningsOf = (t: Parameters<typeof loadText>[0], text: string) =>
  loadText(t, `{ ${HOMESERVER}, "realm": "a", ${text} }`).warnings

const WIDE = [
  ['0.0.0.0-255.255.255.255', /127\.0\.0\.0\/8, 169\.254\.0\.0\/16/],
  ['0.0.0.0/0', /127\.0\.0\.0\/8/],
  ['127.0.0.0/8', /127\.0\.0\.0\/8/],
  ['169.254.169.0/24', /169\.254\.0\.0\/16/],
  ['::/0', /fe80::\/10/],
  ['fe80::/10', /fe80::\/10/],
  ['224.0.0.0/4', /224\.0\.0\.0\/4/],
] as const

for (const [range, said] of WIDE) {
  t.test(`O-20: "peers.allow" with ${range} is warned of wherever the file is read`, async t => {
    const warnings = warningsOf(t, `"peers": { "allow": ["${range}"] }`)
    t.equal(warnings.length, 1)
    t.match(warnings[0], said)
    t.match(warnings[0], /peers\.allow\[0\]/)
  })
}

for (const range of ['192.168.1.0/24', '10.0.0.0/8', '127.0.0.1', 'fd00::/8']) {
  t.test(`"peers.allow" with ${range} is not too wide`, async t => {
    t.same(warningsOf(t, `"peers": { "allow": ["${range}"] }`), [])
  })
}

t.test('O-20: what "deny" closes again is not warned of', async t => {
  const deny = '"recommended", "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"'
  t.same(warningsOf(t, `"peers": { "allow": ["0.0.0.0/0"], "deny": [${deny}] }`), [])
})

t.test('U-16: local and public address the wrong way round are warned of, with the right one', async t => {
  t.match(warningsOf(t, '"relay": { "addresses": ["8.8.8.8=10.0.0.5"] }'), [/"10\.0\.0\.5=8\.8\.8\.8"/])
})

t.test('U-16: a public address that is private is warned of', async t => {
  for (const address of ['127.0.0.1=192.168.1.5', '10.0.0.5=10.0.0.6', 'fd00::1=fe80::1']) {
    t.match(warningsOf(t, `"relay": { "addresses": ["${address}"] }`), [/not a public one/], address)
  }
  t.same(warningsOf(t, '"relay": { "addresses": ["10.0.0.5=8.8.8.8"] }'), [])
})

t.test('U-16: a relative state folder is warned of with the folder that it means', async t => {
  t.match(loadText(t, `{ ${HOMESERVER}, "state": "./kept" }`, {}, { TACITURN_STATE: '' }).warnings, [
    /\/kept/,
  ])
})

t.test('S-19: a control path that serve would refuse is refused when the file is read', async t => {
  const [problem] = problemsOf(t, `{ ${HOMESERVER}, "control": "/${'a'.repeat(107)}" }`)
  t.match(problem, { path: 'control', what: /108 octets.*107/ })
  t.same(warningsOf(t, `"control": "/${'a'.repeat(106)}"`), [])
})

t.test(
  'S-19: a folder whose sockets would have too long a path is refused when the file is read',
  async t => {
    t.same(`/${LOADER_SOCKET}`.length >= `/${MAPS_SOCKET}`.length && LOADER_SOCKET, 'loader.sock')
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, "kernel": "/${'a'.repeat(95)}" }`)
    t.match(problem, { path: 'kernel', what: /108 octets.*107/ })
    t.same(warningsOf(t, `"kernel": "/${'a'.repeat(94)}"`), [])
  },
)

t.test('U-42: what is said of the whole file names it once, and no place in it', async t => {
  const folder = folderWith(t, { 'turnserver.json': `{ ${HOMESERVER} }` }, { 'turnserver.json': 0o644 })
  const { warnings } = load({ cwd: folder, path: 'turnserver.json', env: { TACITURN_STATE: folder } })
  t.match(warnings, [
    /^turnserver\.json: everyone on this machine can read the secrets in it; chmod 600 \S+$/,
  ])
})

for (const [first, second] of [
  ['10.0.0.5=8.8.8.8', '10.0.0.6=8.8.8.8'],
  ['8.8.8.8', '10.0.0.6=8.8.8.8'],
  ['10.0.0.6=8.8.8.8', '8.8.8.8'],
  ['10.0.0.5=turn.example.org', '10.0.0.6=TURN.example.org'],
  ['10.0.0.5=turn.example.org', '10.0.0.6=turn.example.org.'],
  ['fd00::1=2001:4860::1', 'fd00::2=2001:4860:0::1'],
] as const) {
  t.test(`P-02: two relay addresses that peers see as one are refused: ${first}, ${second}`, async t => {
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, "relay": { "addresses": ["${first}", "${second}"] } }`)
    t.match(problem, { path: 'relay.addresses[1]', what: /two relay addresses have the public address/ })
  })
}

t.test('P-02: one name may stand for an address of each family', async t => {
  const addresses = '"10.0.0.5=turn.example.org", "fd00::5=turn.example.org"'
  t.same(warningsOf(t, `"relay": { "addresses": [${addresses}] }`), [])
})

for (const lifetime of ['1s', '60s', '9m', '599s']) {
  t.test(`P-11: a lifetime of ${lifetime} is refused, since clients count on ten minutes`, async t => {
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, "limits": { "lifetime": "${lifetime}" } }`)
    t.match(problem, { path: 'limits.lifetime', fix: /10m/ })
  })
}

for (const lifetime of ['600s', '10m', '1h']) {
  t.test(`P-11: a lifetime of ${lifetime} is taken`, async t => {
    t.same(warningsOf(t, `"limits": { "lifetime": "${lifetime}" }`), [])
  })
}

for (const [listen, missing] of [
  ['"udp://[::]:3478"', ['udp://0.0.0.0:3478']],
  ['"udp://[::]:3478", "tcp://[::]:3479"', ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3479']],
  ['"udp://[::]:3478", "tcp://0.0.0.0:3478"', ['udp://0.0.0.0:3478']],
  ['"udp://[::]:3478", "udp://0.0.0.0:3478"', []],
  ['"udp://[::]:3478", "udp://192.0.2.7:3478"', []],
  ['"udp://[2001:db8::7]:3478"', []],
] as const) {
  t.test(`P-16: listening on ${listen} is warned of where nothing takes IPv4`, async t => {
    const warnings = warningsOf(t, `"listen": [${listen}]`)
    t.equal(warnings.length, missing.length, warnings.join(' '))
    for (const [i, line] of missing.entries()) t.ok(warnings[i]!.includes(`"${line}"`), warnings[i]!)
  })
}

for (const [key, value] of [
  ['listen[0]', '"listen": ["udp://[fe80::1]:3478"]'],
  ['listen[0]', '"listen": ["udp://[fe80::1%eth0]:3478"]'],
  ['listen[0]', '"listen": ["tls://[FEBF::1%25eth0]"]'],
  ['metrics', '"metrics": "http://[fe80::1]:9641"'],
  ['metrics', '"metrics": "http://[fe80::1%eth0]:9641"'],
  ['console.listen', '"console": { "listen": "http://[fe80::1]:9642" }'],
  ['relay.addresses[0]', '"relay": { "addresses": ["fe80::1"] }'],
  ['relay.addresses[0]', '"relay": { "addresses": ["fe80::1%eth0"] }'],
  ['relay.addresses[0]', '"relay": { "addresses": ["fe80::1=2001:4860::1"] }'],
] as const) {
  t.test(`P-14: a link-local address is refused with advice that works: ${value}`, async t => {
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, ${value} }`)
    t.match(problem, { path: key, what: /is a link-local address/, fix: /a global or private address/ })
    t.notMatch(problem!.fix, /%/)
  })
}

t.test('P-14: what only begins like a link-local address is not one', async t => {
  for (const host of ['fe7f::1', 'fec0::1', 'fe8::1', 'fd80::1']) {
    t.same(warningsOf(t, `"listen": ["udp://[${host}]:3478"]`), [], host)
  }
})
