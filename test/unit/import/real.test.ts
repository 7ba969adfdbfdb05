import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { effective } from '../../../src/config/effective.ts'
import { ConfigError } from '../../../src/config/problem.ts'
import type { Fate, ImportedEntry } from '../../../src/import/line.ts'
import { selfSigned } from '../../support/certificate.ts'
import { fixture, importText, written } from '../../support/imported.ts'

const folder = t.testdir({})
const certificate = selfSigned(folder)

/** Imports a fixture and reads the result as the relay does. */
function importFixture(name: string) {
  const imported = importText(fixture(name), name, folder)
  const loaded = written(imported, folder)
  if (loaded instanceof ConfigError) throw loaded
  return { ...imported, settings: loaded.settings, inForce: effective(loaded.settings) }
}

const keys = (entries: readonly ImportedEntry[], fate: Fate) => [
  ...new Set(entries.filter(entry => entry.fate === fate).map(({ key }) => key)),
]

/** What is neither blank nor a comment. */
const settingLines = (text: string) =>
  text
    .split('\n')
    .map((line, i) => [line.trim(), i + 1] as const)
    .filter(([line]) => line !== '' && !line.startsWith('#'))
    .map(([, number]) => number)

const names = readdirSync(join(import.meta.dirname, '../../fixtures/import')).filter(name => name !== 'cases')
for (const name of names) {
  t.test(`${name} becomes a valid configuration, and no line of it is lost`, async t => {
    const { entries, draft } = importFixture(name)
    if (name.endsWith('.conf'))
      t.same(
        entries.map(({ line }) => line),
        settingLines(fixture(name)),
      )
    t.same(draft.todo, [])
    t.same(keys(entries, 'unknown'), [])
  })

  t.test(`no secret of ${name} is in its report`, async t => {
    const { entries, draft, settings } = importFixture(name)
    const report = JSON.stringify([entries, draft.remarks, draft.todo])
    const secrets = [
      ...settings.homeservers.flatMap(({ secrets }) => secrets.map(({ value }) => value)),
      ...settings.users.map(({ password }) => password!),
    ]
    t.not(secrets.length, 0)
    for (const secret of secrets) t.notMatch(report, secret)
  })
}

t.test('the settings of the Synapse guide keep their meaning', async t => {
  const { entries, settings, inForce } = importFixture('synapse-docs.conf')

  t.match(inForce, {
    realm: 'turn.example.org',
    listen: ['udp://10.0.0.5:3478', 'tcp://10.0.0.5:3478', 'tls://10.0.0.5:5349'],
    tls: certificate,
    relay: { addresses: ['10.0.0.5=198.51.100.7'], ports: '49152-65535' },
    // Of the long list only NAT64 is not in `recommended`.
    peers: { deny: ['recommended', '64:ff9b::/96'], allow: ['10.0.0.5'] },
    limits: { allocationsPerUser: 12, allocations: 1200 },
  })
  t.equal(settings.homeservers[0]!.name, 'example.org')
  t.equal(settings.homeservers[0]!.secrets[0]!.value, '3f9c1d7be2a84650b1c8f7d2e6a90b54')
  t.same(keys(entries, 'unsupported'), [])
  const exception = entries.find(({ key }) => key === 'allowed-peer-ip')
  t.match(exception, { fate: 'taken', note: { key: 'own-address' } })
  const denied = entries.filter(({ key }) => key === 'denied-peer-ip')
  t.equal(denied.length, 22)
  t.equal(denied.filter(({ fate }) => fate === 'unneeded').length, 21)
})

t.test('the settings of matrix-docker-ansible-deploy keep their meaning', async t => {
  const { entries, inForce } = importFixture('matrix-docker-ansible-deploy.conf')

  t.match(inForce, {
    listen: [
      'udp://0.0.0.0:3478',
      'udp://[::]:3478',
      'tcp://0.0.0.0:3478',
      'tcp://[::]:3478',
      'tls://0.0.0.0:5349',
      'tls://[::]:5349',
    ],
    relay: { addresses: ['10.0.0.5=198.51.100.7'], ports: '49152-49172' },
  })
  t.same(keys(entries, 'unsupported'), ['userdb'])
  t.match(
    entries.find(({ key }) => key === 'userdb'),
    { note: { key: 'database' } },
  )
})

t.test('the settings of YunoHost keep their meaning: TLS only, and a dual address', async t => {
  const { entries, draft, inForce } = importFixture('yunohost.conf')

  t.match(inForce, {
    listen: ['tls://0.0.0.0:5349', 'tls://[::]:5349'],
    relay: { addresses: ['10.0.0.5=198.51.100.7', '2001:470:1f0a::7'], ports: '49153-49193' },
    limits: { allocationsPerUser: 12, allocations: 1200, lifetime: '12h' },
    peers: { deny: ['recommended'] },
  })
  t.same(keys(entries, 'unsupported'), [])
  // Its clients could reach the home network; the operator is told that this ends.
  t.ok(draft.remarks.some(({ key }) => key === 'private-closed'))
})

t.test('the settings of NixOS keep their meaning', async t => {
  const { entries, inForce } = importFixture('nixos.conf')

  t.match(inForce, { relay: { addresses: ['auto'], ports: '49000-50000' } })
  t.same(keys(entries, 'unsupported'), [])
  t.match(
    entries.find(({ key }) => key === 'no-udp-relay'),
    { fate: 'unneeded', note: { key: 'switched-off' } },
  )
})

t.test('an eturnal.yml keeps its meaning', async t => {
  const { entries, settings, inForce } = importFixture('eturnal.yml')

  t.match(inForce, {
    realm: 'turn.example.org',
    listen: [
      'udp://0.0.0.0:3478',
      'udp://[::]:3478',
      'tcp://0.0.0.0:3478',
      'tcp://[::]:3478',
      'tls://0.0.0.0:5349',
      'tls://[::]:5349',
    ],
    tls: certificate,
    relay: { addresses: ['10.0.0.5=198.51.100.7'], ports: '50000-50999' },
    peers: {
      deny: ['recommended', '45.0.0.0-45.1.2.2', '45.1.2.4-45.255.255.255'],
      allow: ['192.168.1.0/24'],
    },
    limits: { permissionsPerAllocation: 50, bitratePerUser: '4 Mbit/s' },
    credentials: { strictExpiry: true },
    metrics: { listen: 'http://127.0.0.1:8081' },
    log: { level: 'debug' },
  })
  t.equal(settings.homeservers[0]!.secrets.length, 2)
  t.equal(settings.users[0]!.name, 'door-camera')
  t.match(
    entries.find(({ key }) => key === 'listen[1].transport'),
    { line: 14, fate: 'taken', note: { key: 'auto-transport' } },
  )
  t.equal(
    new Set(entries.map(({ key }) => key)).size,
    entries.length,
    'every value has a path of its own and is told once',
  )
})

t.test('the file that is written explains itself', async t => {
  importFixture('synapse-docs.conf')
  const text = readFileSync(join(folder, 'turnserver.json'), 'utf8')
  t.match(text, /^ {2}\/\/ Where clients connect\.$/m)
  t.match(text, /^ {2}\/\/ Who may issue credentials\.$/m)
})
