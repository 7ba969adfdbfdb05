import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { load } from '../../../src/config/load.ts'
import { configKeys, everyKey } from '../../../src/config/schema/description.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import { formatRelayAddress } from '../../../src/config/values/relay-address.ts'
import { errorOf, folderWith, HOMESERVER, loadText, SECRET } from '../../support/loading.ts'

/** Loads what the environment says, where there is no file. */
function loadEnv(t: Test, env: Readonly<Record<string, string>>) {
  const folder = folderWith(t, { secret: SECRET })
  return load({ cwd: folder, env: { TACITURN_STATE: folder, ...env }, mayWrite: false })
}

t.test('a container needs no file: the environment sets what most need', async t => {
  const { settings, environment, warnings } = loadEnv(t, {
    TACITURN_REALM: 'turn.example.org',
    TACITURN_SECRET_FILE: 'secret',
    TACITURN_PUBLIC_ADDRESS: '203.0.113.7, 2001:db8::7',
    TACITURN_RELAY_PORTS: '50000-50999',
    TACITURN_LISTEN: 'udp://0.0.0.0:3478,tls://0.0.0.0:443',
    TACITURN_ACME: 'letsencrypt-staging',
    TACITURN_METRICS: 'http://127.0.0.1:9999',
    TACITURN_LOG_LEVEL: 'debug',
  })

  t.equal(settings.realm, 'turn.example.org')
  t.match(settings.homeservers, [{ name: 'default', secrets: [{ value: SECRET }] }])
  t.same(
    settings.relay.addresses.map(one => (one === 'auto' ? one : formatRelayAddress(one))),
    ['auto=203.0.113.7', 'auto=2001:db8::7'],
  )
  t.match(settings.relay.ports, { from: 50000, to: 50999 })
  t.same(settings.listen.map(formatListener), ['udp://0.0.0.0:3478', 'tls://0.0.0.0:443'])
  t.match(settings.tls?.acme?.directory, 'acme-staging-v02')
  t.match(settings.metrics, { listen: { port: 9999 } })
  t.equal(settings.log.level, 'debug')
  t.same(warnings, [])
  t.match(environment, [
    { variable: 'TACITURN_REALM', key: 'realm' },
    { variable: 'TACITURN_LISTEN', key: 'listen' },
  ])
})

t.test('the environment goes before the file, and leaves alone what it does not name', async t => {
  const text = `{ "realm": "a.example.org", "log": { "level": "warn" }, ${HOMESERVER} }`
  const { settings } = loadText(
    t,
    text,
    {},
    { TACITURN_REALM: 'b.example.org', TACITURN_HOMESERVER: 'b.test' },
  )

  t.equal(settings.realm, 'b.example.org')
  t.equal(settings.log.level, 'warn')
  t.match(settings.homeservers, [{ name: 'b.test', secrets: [{ value: SECRET }] }])
})

t.test('an empty variable is none, and without any the relay has a secret of its own', async t => {
  const { settings, environment, defaults } = loadEnv(t, { TACITURN_REALM: '', TACITURN_SECRET_FILE: ' ' })

  t.same(environment, [])
  t.ok(defaults.secret)
  t.match(settings.homeservers, [{ name: 'default' }])
})

for (const [variable, value] of [
  ['TACITURN_REALM', 'not a name'],
  ['TACITURN_PUBLIC_ADDRESS', '203.0.113.7,300.1.1.1'],
  ['TACITURN_RELAY_PORTS', 'all'],
  ['TACITURN_LISTEN', 'udp://0.0.0.0:3478,quic://0.0.0.0:443'],
  ['TACITURN_SECRET_FILE', 'nowhere'],
  ['TACITURN_LOG_LEVEL', 'loud'],
  ['TACITURN_METRICS', 'here'],
  ['TACITURN_ACME', 'zerossl'],
  ['TACITURN_TLS_KEY', 'nowhere'],
] as const) {
  t.test(`a mistake in ${variable} is told by its name, and not by a place in the file`, async t => {
    const text = `{ "realm": "a.example.org",\n ${HOMESERVER} }`
    const error = errorOf(t, () => loadText(t, text, {}, { [variable]: value }))

    if (variable === 'TACITURN_TLS_KEY') t.match(error.message, /"certificate" is missing in "tls"/)
    else t.match(error.problems, [{ path: [variable], spot: undefined }])
  })
}

t.test('a misspelt variable is told with the one that was meant; those of Kubernetes are not', async t => {
  const { warnings } = loadEnv(t, {
    TACITURN_RELM: 'x',
    TACITURN_PORT: 'tcp://10.0.0.1:3478',
    TACITURN_SERVICE_HOST: '10.0.0.1',
    TACITURN_DOCTOR_SECRET: 'x',
    TACITURN_SYNAPSE_PYTHON: '/usr/bin/python',
  })

  t.match(warnings, [/TACITURN_RELM of the environment sets nothing; did you mean TACITURN_REALM\?/])
  t.equal(warnings.length, 1)
})

t.test('every variable is documented, in both languages', async t => {
  const docs = resolve(import.meta.dirname, '../../../docs')
  const names = [...everyKey(configKeys())].flatMap(([, { env }]) => (env ? [env.name] : []))
  t.ok(new Set(names).size >= 11)
  for (const page of ['operating.md', 'de/operating.md']) {
    const text = readFileSync(join(docs, page), 'utf8')
    t.same(
      names.filter(name => !text.includes(`\`${name}\``)),
      [],
      page,
    )
  }
})
