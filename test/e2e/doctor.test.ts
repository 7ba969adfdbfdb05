import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import { XOR_MAPPED_ADDRESS } from '../../src/wire/attributes.ts'
import { MessageWriter, parse } from '../../src/wire/message.ts'
import { selfSigned } from '../support/certificate.ts'
import {
  examineFromOutside,
  examineHere,
  type Installation,
  type InstallationOptions,
  install,
  urisOf,
  type Visit,
  visit,
} from '../support/doctor.ts'
import { PASSWORD, startHomeserver, TURN_SERVER, USER } from '../support/homeserver.ts'
import { needSynapse, startSynapse } from '../support/synapse.ts'

t.setTimeout(600_000)

const DAY = 86_400_000

t.test('a healthy installation gives no warning', async t => {
  const healthy = await install(t)

  await t.test('on the machine of the relay', async t => {
    const { code, complaints, findings } = await examineHere(t, healthy)
    t.same(complaints, [])
    t.equal(code, 0)
    for (const id of ['secret-ok', 'relays', 'tls-ok', 'forbidden-ok', 'clocks-agree', 'ttl-ok', 'ends']) {
      t.ok(
        findings.some(finding => finding.id === id),
        id,
      )
    }
    const relayed = findings.filter(({ id }) => id === 'relays').flatMap(({ at }) => at)
    t.same(relayed.toSorted(), [...healthy.uris].toSorted(), 'packets went through every URI')
  })

  await t.test('from outside', async t => {
    const { code, complaints } = await examineFromOutside(t, healthy)
    t.same(complaints, [])
    t.equal(code, 0)
  })

  await t.test('with a user and a password, of which nothing is left at the homeserver', async t => {
    healthy.homeserver.asked.length = 0
    const argv = ['--from-outside', '--homeserver', healthy.homeserver.url, '--user', USER]
    const { code, complaints } = await visit(t, argv, healthy, { TACITURN_DOCTOR_PASSWORD: PASSWORD })
    t.same(complaints, [])
    t.equal(code, 0)
    t.ok(healthy.homeserver.asked.some(({ path }) => path === 'POST /_matrix/client/v3/logout'))
  })

  await t.test('with URIs and a secret only', async t => {
    const file = join(healthy.relay.folder, 'secret')
    writeFileSync(file, `${healthy.relay.secret}\n`)
    const uris = healthy.uris.flatMap(uri => ['--turn-uri', uri])
    const { code, complaints } = await visit(t, [...uris, '--secret-file', file], healthy)
    t.same(complaints, [])
    t.equal(code, 0)
  })

  await t.test('with the configuration only', async t => {
    const settings = JSON.parse(readFileSync(healthy.relay.config!, 'utf8'))
    settings.homeservers[0].uris = healthy.uris
    const file = join(healthy.relay.folder, 'with-uris.json')
    writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
    const { code, complaints } = await visit(t, ['--config', file], healthy)
    t.same(complaints, [])
    t.equal(code, 0)
  })
})

t.test('U-30: with URIs only, everything is tested that needs no secret', async t => {
  const healthy = await install(t)
  const uris = healthy.uris.flatMap(uri => ['--turn-uri', uri])
  const { code, complaints, findings } = await visit(t, ['--from-outside', ...uris], healthy, {})
  t.same(complaints, [])
  t.equal(code, 0)
  for (const id of ['reached', 'strangers-refused']) {
    t.same(findings.find(one => one.id === id)?.at.toSorted(), healthy.uris.toSorted(), id)
  }
  t.ok(findings.some(({ id }) => id === 'tls-ok'))
  t.match(
    findings.find(({ id }) => id === 'no-credential'),
    { severity: 'info' },
  )
})

t.test('a healthy installation with IPv6 gives no warning', async t => {
  const healthy = await install(t, {
    ipv6: true,
    homeserver: (uris, relay) => ({ uris: [...uris, ...urisOf(relay, '[::1]').slice(0, 1)] }),
  })
  const { code, complaints, findings } = await examineHere(t, healthy)
  t.same(complaints, [])
  t.equal(code, 0)
  t.ok(findings.some(({ id }) => id === 'families-both'))
})

interface Expected {
  readonly first: string
  readonly code: number
  readonly says?: RegExp
  readonly fix?: RegExp
}

/** Breaks the homeserver only; all of these share one relay. */
const brokenHomeservers: ((t: Test, installation: Installation) => Promise<void>)[] = []

function brokenHomeserver(
  name: string,
  change: NonNullable<InstallationOptions['homeserver']>,
  expected: Expected,
): void {
  brokenHomeservers.push(async (t, { relay, uris, ...rest }) => {
    await t.test(name, async t => {
      const homeserver = await startHomeserver({ uris, secret: relay.secret, ...change(uris, relay) })
      t.teardown(() => homeserver.stop())
      expectFirst(t, await examineHere(t, { ...rest, relay, uris, homeserver }), expected)
    })
  })
}

/** Builds a broken installation, and holds the first finding against what broke it. */
function broken(
  name: string,
  options: InstallationOptions,
  expected: Expected,
  argv: readonly string[] = [],
  look: typeof examineHere = examineHere,
): void {
  t.test(name, async t => {
    const installation = await install(t, options)
    expectFirst(t, await look(t, installation, ...argv), expected)
  })
}

function expectFirst(t: Test, { findings, code }: Visit, expected: Expected): void {
  const [first] = findings
  t.equal(first?.id, expected.first)
  t.equal(code, expected.code)
  t.ok(first?.problem && first.effect && first.fix, 'problem, symptom, fix')
  if (expected.says) t.match(first?.problem, expected.says)
  if (expected.fix) t.match(first?.fix, expected.fix)
}

// P1: it rings, then stays at "connecting".
t.test('a UDP port that a firewall drops is named', async t => {
  const hole = createSocket('udp4')
  hole.bind(0, '127.0.0.1')
  await once(hole, 'listening')
  t.teardown(() => hole.close())
  const { port } = hole.address()
  const installation = await install(t, {
    homeserver: ([, ...others]) => ({ uris: [`turn:127.0.0.1:${port}?transport=udp`, ...others] }),
  })
  expectFirst(t, await examineFromOutside(t, installation), {
    first: 'udp-silent',
    code: 1,
    fix: new RegExp(`ufw allow ${port}/udp`),
  })
  const here = await examineHere(t, installation)
  t.equal(here.findings[0]?.id, 'uri-port', 'who has the configuration sees that the URI leads past it')
})

t.test('a relay that is not running is named, exit code 4', async t => {
  const installation = await install(t)
  await installation.relay.child.stop()
  expectFirst(t, await examineHere(t, installation), { first: 'not-running', code: 4 })
  expectFirst(t, await examineFromOutside(t, installation), { first: 'udp-closed', code: 4 })
})

// P2: 401, and nobody says why.
brokenHomeserver(
  'another secret at the homeserver is named, exit code 5',
  () => ({ secret: 'quite another secret, that nobody knows' }),
  { first: 'secret-wrong', code: 5, fix: /taciturn snippet synapse .*turn_shared_secret.*homeserver\.yaml/ },
)
brokenHomeserver(
  'a newline at the end of the secret is named',
  (_, { secret }) => ({ secret: `${secret}\n`, software: 'conduwuit 0.5.0' }),
  { first: 'secret-form', code: 5, says: /newline/, fix: /printf %s .*turn_secret.*conduwuit\.toml/ },
)
brokenHomeserver('quotes around the secret are named', (_, { secret }) => ({ secret: `"${secret}"` }), {
  first: 'secret-form',
  code: 5,
  says: /quotes/,
})
t.test('a secret that was decoded from hexadecimal or base64 is named', async t => {
  const hex = createHash('sha256').update('a').digest('hex')
  const base64 = createHash('sha256').update('b').digest('base64')
  const homeservers = [{ name: 'example.org', secrets: [hex, base64] }]
  const installation = await install(t, { settings: { homeservers } })
  for (const [secret, says] of [
    [Buffer.from(hex, 'hex'), /decoded from hexadecimal/],
    [Buffer.from(base64, 'base64'), /decoded from base64/],
  ] as const) {
    const homeserver = await startHomeserver({ uris: installation.uris, secret })
    t.teardown(() => homeserver.stop())
    expectFirst(t, await examineHere(t, { ...installation, homeserver }), {
      first: 'secret-form',
      code: 5,
      says,
    })
  }
})
brokenHomeserver(
  'a homeserver whose clock is behind is named',
  () => ({ clockAhead: -7200, lifetime: 3600 }),
  { first: 'clock-behind', code: 5, says: /2h behind/, fix: /timedatectl set-ntp true/ },
)
t.test('a relay that has not read its new secret is named', async t => {
  const installation = await install(t)
  const settings = JSON.parse(readFileSync(installation.relay.config!, 'utf8'))
  settings.homeservers[0].secrets = ['a newer secret, which the relay has not read']
  settings.homeservers[0].uris = installation.uris
  const file = join(installation.relay.folder, 'newer.json')
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  expectFirst(t, await visit(t, ['--config', file], installation), { first: 'not-reloaded', code: 5 })
})
t.test('a secret file that does not match is tried in other forms against the relay itself', async t => {
  const hex = createHash('sha256').update('c').digest('hex')
  const file = (folder: string) => join(folder, 'secret')
  const homeservers = [{ name: 'example.org', secrets: [Buffer.from(hex, 'hex').toString('base64')] }]
  const installation = await install(t, {
    settings: { homeservers: [{ name: 'example.org', secrets: [hex.toUpperCase()] }] },
  })
  writeFileSync(file(installation.relay.folder), hex)
  const argv = ['--turn-uri', installation.uris[0]!, '--secret-file', file(installation.relay.folder)]
  expectFirst(t, await visit(t, argv, installation), {
    first: 'secret-form-here',
    code: 5,
    says: /upper and lower case/,
  })
  writeFileSync(file(installation.relay.folder), homeservers[0]!.secrets[0]!)
  expectFirst(t, await visit(t, argv, installation), { first: 'secret-refused', code: 5 })
})

// P3: stale credentials.
brokenHomeserver(
  'a lifetime that was meant in seconds and is read as milliseconds is named',
  () => ({ lifetime: 3.6 }),
  { first: 'ttl-tiny', code: 1, says: /milliseconds/, fix: /turn_user_lifetime: 24h/ },
)
brokenHomeserver(
  'credentials that live for five minutes are named',
  () => ({ lifetime: 300, software: 'Dendrite 0.14.0' }),
  { first: 'ttl-short', code: 0, fix: /client_api\.turn\.turn_user_lifetime: "24h"/ },
)

// P4: NAT.
const BEHIND_NAT: InstallationOptions = {
  host: 'turn.example.org',
  settings: { relay: { addresses: ['127.0.0.1=10.0.0.5'], ports: '49152-51151' } },
}
const PRIVATE = {
  first: 'relay-private',
  code: 1,
  says: /10\.0\.0\.5/,
  fix: /"auto=<public address, or the name of this relay>"/,
}
const RESOLVE = ['--resolve', 'turn.example.org=127.0.0.1']
broken('a private relayed address is named', BEHIND_NAT, PRIVATE, RESOLVE)
broken('a private relayed address is seen from outside', BEHIND_NAT, PRIVATE, RESOLVE, examineFromOutside)
t.test('a relayed address that is not what others see is named', async t => {
  const stun = await startStun(t, '127.0.0.3')
  const relay = { addresses: ['127.0.0.1=127.0.0.9'], ports: '49152-51151' }
  const peers = { deny: ['recommended'], allow: ['127.0.0.3/32'] }
  const installation = await install(t, { settings: { relay, peers } })
  expectFirst(t, await examineHere(t, installation, '--stun', stun), {
    first: 'outside-differs',
    code: 1,
    says: /127\.0\.0\.9.*127\.0\.0\.1/,
    fix: /=127\.0\.0\.1"/,
  })

  const right = await install(t, { settings: { peers } })
  const { findings } = await examineHere(t, right, '--stun', stun)
  t.ok(findings.some(({ id }) => id === 'outside-ok'))
})
t.test('relay ports that a router does not pass on are named', async t => {
  const peers = { deny: ['recommended'], allow: ['127.0.0.1/32'] }
  const withAddress = (address: string) =>
    install(t, { settings: { peers, relay: { addresses: [address], ports: '49152-51151' } } })
  expectFirst(t, await examineFromOutside(t, await withAddress('127.0.0.2=127.0.0.9')), {
    first: 'inbound-blocked',
    code: 1,
    fix: /ufw allow 49152:65535\/udp/,
  })
  const { findings } = await examineFromOutside(t, await withAddress('127.0.0.2'))
  t.ok(findings.some(({ id }) => id === 'inbound-ok'))
})

// P5: 403.
broken(
  'a relay that denies its own address is named',
  { settings: { peers: { deny: ['recommended', '127.0.0.0/8'] } } },
  { first: 'own-denied', code: 1, says: /127\.0\.0\.0\/8.*127\.0\.0\.1/ },
)
broken(
  'a relay that denies its own address is seen from outside',
  { settings: { peers: { deny: ['recommended', '127.0.0.0/8'] } } },
  { first: 'relay-to-relay-denied', code: 1 },
  [],
  examineFromOutside,
)
broken(
  'a relay that lets users reach private addresses is named',
  { settings: { peers: { deny: [] } } },
  { first: 'peer-reachable', code: 1, says: /169\.254\.169\.254/ },
  [],
  examineFromOutside,
)

// P6, P7: certificates.
brokenHomeserver('a list of TLS URIs only is named', uris => ({ uris: uris.slice(2) }), {
  first: 'uris-tls-only',
  code: 0,
})
broken(
  'a missing intermediate certificate is named',
  { certificate: { withoutChain: true } },
  { first: 'tls-chain', code: 1, fix: /fullchain\.pem/ },
)
broken(
  'an expired certificate is named',
  { certificate: { validFrom: new Date(Date.now() - 90 * DAY), validTo: new Date(Date.now() - DAY) } },
  { first: 'tls-expired', code: 1, fix: /certbot renew/ },
)
broken(
  'a certificate for another name is named',
  { certificate: { names: ['other.example.org'], ips: [] } },
  { first: 'tls-name', code: 1, says: /other\.example\.org/ },
)
t.test('a renewed certificate that is not served is named', async t => {
  const installation = await install(t)
  const renewed = installation.authority.issue({ ips: ['127.0.0.1'] })
  const { folder } = installation.relay
  writeFileSync(join(folder, 'renewed.pem'), renewed.certificate)
  writeFileSync(join(folder, 'renewed-key.pem'), renewed.key, { mode: 0o600 })
  const settings = JSON.parse(readFileSync(installation.relay.config!, 'utf8'))
  settings.tls = { certificate: 'renewed.pem', key: 'renewed-key.pem' }
  const file = join(folder, 'renewed.json')
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  const argv = ['--config', file, '--homeserver', installation.homeserver.url]
  expectFirst(t, await visit(t, argv, installation), {
    first: 'tls-not-reloaded',
    code: 1,
    fix: /systemctl reload taciturn/,
  })
})

// P9: families.
broken(
  'a relay that is reached by IPv6 and relays none is named',
  {
    ipv6: true,
    settings: { relay: { addresses: ['127.0.0.1'], ports: '49152-51151' } },
    homeserver: (_, relay) => ({ uris: urisOf(relay, '[::1]') }),
  },
  { first: 'family-6-missing', code: 0, says: /440/ },
)
broken(
  'a relay that refuses what browsers ask, for want of IPv4, is named',
  {
    ipv6: true,
    settings: { relay: { addresses: ['::1'], ports: '49152-51151' } },
    homeserver: (_, relay) => ({ uris: urisOf(relay, '[::1]') }),
  },
  { first: 'family-default', code: 5, fix: /"defaultFamily": "listener"/ },
)
broken(
  'an IPv6 address of the name where nobody answers is named',
  { host: 'localhost' },
  { first: 'aaaa-silent', code: 1, says: /\[::1\]/ },
  ['--resolve', 'localhost=127.0.0.1', '--resolve', 'localhost=::1'],
)

// P10: nothing configured looks like success.
brokenHomeserver('the empty answer of a Synapse without a relay is named', () => ({ uris: [] }), {
  first: 'turn-empty',
  code: 1,
  fix: /taciturn snippet synapse.*homeserver\.yaml/,
})
brokenHomeserver(
  'the 404 of other homeservers is named',
  () => ({
    software: 'Tuwunel 1.4.0',
    answers: { [TURN_SERVER]: onlyWithToken(404, { errcode: 'M_NOT_FOUND', error: 'no TURN' }) },
  }),
  { first: 'turn-404', code: 1, fix: /taciturn snippet tuwunel.*tuwunel\.toml/ },
)
brokenHomeserver(
  'empty user name and password are named',
  uris => ({
    answers: { [TURN_SERVER]: onlyWithToken(200, { username: '', password: '', ttl: 86400, uris }) },
  }),
  { first: 'turn-blank', code: 1 },
)
brokenHomeserver(
  'a URI that browsers cannot read is named',
  uris => ({ uris: [...uris, 'turn:127.0.0.1:3478?transport=sctp'] }),
  { first: 'uri-malformed', code: 1, says: /transport=sctp/ },
)
brokenHomeserver(
  'a proxy that swallows the path is named',
  () => ({ answers: { [TURN_SERVER]: { status: 403, body: '<html>Forbidden</html>' } } }),
  { first: 'hs-proxy', code: 1, says: /403/ },
)
brokenHomeserver(
  'a homeserver that gives credentials to strangers is named',
  uris => ({
    answers: {
      [TURN_SERVER]: { status: 200, body: { username: '1795307477:@x:y', password: 'x', ttl: 60, uris } },
    },
  }),
  { first: 'secret-wrong', code: 5 },
)

// Homeservers that lie, and ones that do not answer.
t.test('a token never follows a redirect', async t => {
  const trap = await startHomeserver({ uris: [] })
  t.teardown(() => trap.stop())
  const installation = await install(t, {
    homeserver: () => ({
      answers: {
        [TURN_SERVER]: (request, response) => {
          const isAnonymous = request.headers.authorization === undefined
          if (isAnonymous) response.writeHead(401).end('{}')
          else response.writeHead(302, { location: `${trap.url}${TURN_SERVER}` }).end()
        },
      },
    }),
  })
  expectFirst(t, await examineHere(t, installation), { first: 'hs-redirect', code: 1 })
  t.same(trap.asked, [])
})
t.test('a homeserver that never answers, or never ends, is named in bounded time', async t => {
  const flood = Buffer.alloc(64 * 1024, 0x20)
  const installation = await install(t, {
    homeserver: () => ({
      answers: {
        '/_matrix/client/versions': (_request, response) => {
          const pour = () => {
            while (!response.destroyed && response.write(flood));
          }
          response.on('drain', pour)
          pour()
        },
      },
    }),
  })
  expectFirst(t, await examineFromOutside(t, installation), { first: 'hs-not-matrix', code: 1 })
  const mute = await startHomeserver({ uris: [], answers: { '/.well-known/matrix/client': () => undefined } })
  t.teardown(() => mute.stop())
  expectFirst(t, await examineFromOutside(t, { ...installation, homeserver: mute }), {
    first: 'hs-slow',
    code: 1,
  })
})

t.test('what is wrong at the homeserver alone', async t => {
  const installation = await install(t)
  for (const one of brokenHomeservers) await one(t, installation)
})

t.test('what a real Synapse hands out', needSynapse(), async t => {
  const installation = await install(t)
  const synapse = await startSynapse({ certificate: selfSigned(installation.relay.folder) })
  t.teardown(() => synapse.stop())
  const { token } = await synapse.register('alice')
  const look = () =>
    visit(t, ['--config', installation.relay.config!, '--homeserver', synapse.url], installation, {
      TACITURN_DOCTOR_TOKEN: token,
    })
  expectFirst(t, await look(), { first: 'turn-empty', code: 1 })

  const { secret } = installation.relay
  const turn = (turn_user_lifetime: string | number) => ({
    turn_uris: installation.uris,
    turn_shared_secret: secret,
    turn_user_lifetime,
  })
  await synapse.restart(turn(3600))
  expectFirst(t, await look(), { first: 'ttl-tiny', code: 1 })

  await synapse.restart(turn('24h'))
  const { complaints, findings, code } = await look()
  t.same(complaints, [])
  t.equal(code, 0)
  t.match(
    findings.find(({ id }) => id === 'hs-ok'),
    { title: /Synapse/ },
  )
})

function onlyWithToken(status: number, body: unknown) {
  return (
    request: { headers: { authorization?: string | undefined } },
    response: { writeHead(status: number, headers?: Record<string, string>): { end(text: string): void } },
  ): void => {
    const isAnonymous = request.headers.authorization === undefined
    const answer = isAnonymous ? { errcode: 'M_MISSING_TOKEN', error: 'Missing access token' } : body
    response
      .writeHead(isAnonymous ? 401 : status, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer))
  }
}

/** A STUN server elsewhere, as HOST:PORT. */
async function startStun(t: Test, host: string): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => {
    const message = parse(bytes)
    if (message.kind !== 'message') return
    const seen = parseAddress(`${from.address}:${from.port}`)!
    const writer = new MessageWriter('success', message.method, message.transaction)
    socket.send(writer.set(XOR_MAPPED_ADDRESS, seen).finish(), from.port, from.address)
  })
  socket.bind(0, host)
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return `${host}:${socket.address().port}`
}
