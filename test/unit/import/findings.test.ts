import t from 'tap'
import { formatRange } from '../../../src/base/range.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import type { Imported } from '../../../src/import/coturn/coturn.ts'
import { ForeignFile } from '../../../src/import/import-file.ts'
import { fixture, importText } from '../../support/imported.ts'

const importCase = (name: string): Imported => importText(fixture(`cases/${name}`), name)
const noteOf = ({ entries }: Imported, key: string) => entries.find(entry => entry.key === key)
const todoOf = ({ draft }: Imported) => draft.todo.map(({ key }) => key)
const remarksOf = ({ draft }: Imported) => draft.remarks.map(({ key }) => key)
const allowOf = ({ draft }: Imported) => draft.allow.map(formatRange)
const denyOf = ({ draft }: Imported) => draft.deny.map(formatRange)
const listenOf = ({ draft }: Imported) => draft.listen.map(formatListener)

t.test("O-01: the relay's own address stays allowed, for a media server beside it", async t => {
  const imported = importCase('same-host-sfu.conf')
  t.same(allowOf(imported), ['80.1.1.10'])
  t.match(noteOf(imported, 'allowed-peer-ip'), { fate: 'taken', note: { key: 'own-address' } })

  const outside = importText('relay-ip=10.0.0.5\nexternal-ip=80.1.1.7/10.0.0.5\nallowed-peer-ip=80.1.1.7')
  t.same(allowOf(outside), ['80.1.1.7'], 'the outer side of a mapping is its own too')

  const inRange = importText('denied-peer-ip=10.0.0.0-10.255.255.255\nallowed-peer-ip=10.0.0.0-10.0.0.255')
  t.ok(remarksOf(inRange).includes('own-in-range'), 'a range does not open it, and that is said')
  t.same(allowOf(importText('eturnal:\n  whitelist_peers: ["10.0.0.5"]\n', 'eturnal.yml')), ['10.0.0.5'])
})

t.test('O-03: loopback, the zero network and multicast are cut out of what is allowed', async t => {
  const imported = importCase('allow-everything.conf')
  const allow = allowOf(imported)
  for (const closed of ['127.0.0.0/8', '0.0.0.0/8', '224.0.0.0/4', '0.0.0.0-255.255.255.255'])
    t.notOk(allow.includes(closed), closed)
  t.same(allow, ['1.0.0.0-126.255.255.255', '128.0.0.0-223.255.255.255', '240.0.0.0-255.255.255.254'])
  t.match(noteOf(imported, 'allowed-peer-ip'), { fate: 'taken', note: { key: 'allow-cut' } })
  t.notOk(
    remarksOf(imported).includes('private-closed'),
    'private networks stay open, so nothing is said of them',
  )

  const only = importText('allowed-peer-ip=127.0.0.1')
  t.same(allowOf(only), [])
  t.match(only.entries[0], { fate: 'unneeded', note: { key: 'never-open' } })
  t.same(allowOf(importText('allow-loopback-peers\nallowed-peer-ip=127.0.0.1')), [
    '127.0.0.1',
    '127.0.0.0/8',
    '::1',
  ])
  t.same(allowOf(importText('eturnal:\n  whitelist_peers: ["::1", "ff02::1"]\n', 'eturnal.yml')), [])
})

t.test('O-04: an external-ip that is a name is kept as a name', async t => {
  const imported = importText('external-ip=turn.example.org/10.0.0.5')
  t.match(imported.entries[0], { fate: 'taken', note: { key: 'by-name' } })
  t.same(imported.draft.relayAddresses, ['10.0.0.5=turn.example.org'])
  t.same(importCase('external-ip-by-name.conf').draft.relayAddresses, ['192.168.1.5=home.dyn.example.org'])
})

t.test('O-04: an external-ip that cannot be read is an open point, not a remark', async t => {
  for (const value of ['$(curl ifconfig.me)', '${EXTERNAL_IP}', '<your-ip>', '{{ ansible_host }}', '1.2.3']) {
    const imported = importText(`external-ip=${value}`)
    t.equal(imported.entries[0]!.fate, 'unsupported', value)
    t.ok(
      todoOf(imported).some(key => key === 'todo-placeholder' || key === 'todo-public'),
      value,
    )
  }
})

t.test('O-05, O-12: a port for TCP and TLS keeps its certificate', async t => {
  const eturnal = importCase('eturnal-auto-tls.yml')
  t.same(eturnal.draft.tls, { certificate: '/etc/eturnal/tls/crt.pem', key: '/etc/eturnal/tls/key.pem' })
  t.match(listenOf(eturnal), ['udp://0.0.0.0:3478', 'udp://[::]:3478', 'tcp://0.0.0.0:443', 'tcp://[::]:443'])
  t.match(noteOf(eturnal, 'listen[1].transport'), { fate: 'taken', note: { key: 'auto-transport' } })

  const coturn = importCase('one-port-for-plain-and-tls.conf')
  t.ok(coturn.draft.tls)
  t.ok(listenOf(coturn).includes('tcp://0.0.0.0:443'))
})

t.test('O-06, OW-03: options are read where containers, units and scripts have them', async t => {
  const options = ['--use-auth-secret', '--static-auth-secret=0123456789abcdef', '--realm=turn.example.org']
  const more = ['-L', '10.0.0.5', '-nv', '--min-port', '49160', '--max-port=49200', '-X80.1.1.7']
  const all = [...options, ...more]
  const spelled: Record<string, string> = {
    'compose.yml': `services:\n  coturn:\n    image: coturn/coturn:4.6\n    command:\n${all.map(o => `      - "${o}"\n`).join('')}`,
    'one-line.yaml': `services:\n  turn:\n    image: coturn/coturn\n    command: >-\n      ${all.join(' ')}\n`,
    'deployment.yaml': `apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: coturn\n          image: coturn/coturn\n          args: ${JSON.stringify(all)}\n`,
    'shell.yaml': `kind: Pod\nspec:\n  containers:\n    - command: ["sh", "-c", "exec turnserver ${all.join(' ')}"]\n`,
    'coturn.service': `[Service]\nExecStart=/usr/bin/turnserver ${options.join(' ')} \\\n  ${more.join(' ')}\n`,
    'start.sh': `#!/bin/sh\ndocker run -d --network=host coturn/coturn \\\n  ${all.join(' \\\n  ')}\n`,
    'turn.container': `[Container]\nImage=docker.io/coturn/coturn\nExec=${all.join(' ')}\n`,
    'turn.nomad': `task "turn" {\n  config {\n    image = "coturn/coturn"\n    args = ${JSON.stringify(all)}\n  }\n}\n`,
    Dockerfile: `FROM coturn/coturn\nCMD ${JSON.stringify(all)}\n`,
    'container.nix': `{\n  image = "coturn/coturn";\n  cmd = [\n${all.map(o => `    "${o}"\n`).join('')}  ];\n}\n`,
    'pod.json': JSON.stringify({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ args: all }] } }),
    'run.sh': `exec turnserver ${all.join(' ')}\n`,
    'configmap.yaml': `apiVersion: v1\nkind: ConfigMap\ndata:\n  turnserver.conf: |\n    listening-ip=10.0.0.5\n    use-auth-secret\n    static-auth-secret=0123456789abcdef\n    realm=turn.example.org\n    min-port=49160\n    max-port=49200\n    external-ip=80.1.1.7\n`,
  }
  for (const [name, text] of Object.entries(spelled)) {
    const { draft, entries } = importText(text, name)
    t.match(
      draft,
      {
        realm: 'turn.example.org',
        ports: '49160-49200',
        secrets: ['0123456789abcdef'],
        relayAddresses: ['10.0.0.5=80.1.1.7'],
      },
      name,
    )
    t.same(
      entries.filter(({ fate }) => fate === 'unknown'),
      [],
      name,
    )
  }
  const imported = importCase('compose-command.yml')
  t.equal(noteOf(imported, 'realm')!.line, 9, 'with the line of the file that it stands in')
})

t.test('O-06: variables of eturnal’s container are read', async t => {
  for (const [name, text] of Object.entries({
    'compose.yml':
      'services:\n  eturnal:\n    environment:\n      ETURNAL_SECRET: "0123456789abcdef"\n      ETURNAL_RELAY_MIN_PORT: 50000\n      ETURNAL_RELAY_MAX_PORT: "50100"\n',
    'list.yml':
      'services:\n  eturnal:\n    environment:\n      - ETURNAL_SECRET=0123456789abcdef\n      - ETURNAL_RELAY_MIN_PORT=50000\n      - ETURNAL_RELAY_MAX_PORT=50100\n',
    'pod.yml':
      'kind: Pod\nspec:\n  containers:\n    - env:\n        - name: ETURNAL_SECRET\n          value: 0123456789abcdef\n        - name: ETURNAL_RELAY_MIN_PORT\n          value: "50000"\n        - name: ETURNAL_RELAY_MAX_PORT\n          value: "50100"\n',
    '.env': 'ETURNAL_SECRET="0123456789abcdef"\nETURNAL_RELAY_MIN_PORT=50000\nETURNAL_RELAY_MAX_PORT=50100\n',
  })) {
    t.match(importText(text, name).draft, { secrets: ['0123456789abcdef'], ports: '50000-50100' }, name)
  }
})

t.test('O-06: YAML that has nothing to do with either is refused by name', async t => {
  t.throws(() => importText('services:\n  web:\n    image: nginx\n', 'compose.yml'), ForeignFile)
})

t.test('O-06: what holds no setting of either is refused by the name of what it is', async t => {
  for (const [sort, name, text] of [
    ['yaml', 'values.yaml', 'image: coturn\nauth:\n  secret: x\n'],
    ['yaml', 'playbook.yml', '- hosts: turn\n  vars:\n    coturn_realm: x\n'],
    ['json', 'turnserver.json', '{"realm": "turn.example.org"}\n'],
    ['json', 'list.conf', '[1]'],
    ['nixos', 'turn.nix', 'services.coturn = {\n  realm = "turn.example.org";\n};\n'],
    ['homeserver', 'homeserver.yaml', 'server_name: a.example\nturn_shared_secret: x\n'],
    ['homeserver', 'dendrite.conf', 'turn_uris: []\n'],
    ['nothing', 'prosody.cfg.lua', 'turn_external_host = "turn.example.org"\n'],
  ] as const)
    t.throws(() => importText(text, name), { name: 'ForeignFile', sort }, name)
  t.equal(
    importText('listening-prot=1').entries[0]!.note?.key,
    'unknown-guess',
    'a misspelt option is not foreign',
  )
})

t.test('O-06: a variable of a container that eturnal does not know is reported', async t => {
  const { entries } = importText('ETURNAL_SECRET=0123456789abcdef\nETURNAL_REALM=a.example\n', '.env')
  t.match(entries, [{ fate: 'taken' }, { key: 'ETURNAL_REALM', fate: 'unknown' }])
})

t.test('O-16: a secret that a variable was to fill in is not said to be in a database', async t => {
  const imported = importText('use-auth-secret\nstatic-auth-secret=${TURN_SECRET}\n')
  t.match(noteOf(imported, 'use-auth-secret'), { fate: 'taken' })
  t.same(todoOf(imported), ['todo-placeholder'])
})

t.test('O-06: a command line that names a file of its own says so', async t => {
  const imported = importText(
    '[Service]\nExecStart=/usr/bin/turnserver -c /etc/turnserver.conf -o\n',
    'a.service',
  )
  t.match(imported.draft.todo, [{ key: 'todo-config-file', values: { file: '/etc/turnserver.conf' } }, {}])
})

t.test('O-07: what the old server denied stays denied', async t => {
  t.same(denyOf(importCase('denied-range-with-blanks.conf')), ['8.8.8.0/24'])
  for (const spelled of [
    '8.8.8.0-8.8.8.255',
    '8.8.8.0 -8.8.8.255',
    '8.8.8.0- 8.8.8.255 # DNS',
    '8.8.8.0\t-\t8.8.8.255',
  ])
    t.same(denyOf(importText(`denied-peer-ip=${spelled}`)), ['8.8.8.0/24'], spelled)

  const masked = importCase('eturnal-host-bits.yml')
  t.same(denyOf(masked), ['8.8.8.0/24'], 'eturnal masks both sides')
  t.same(allowOf(importText('eturnal:\n  whitelist_peers: ["192.168.1.7/24"]\n', 'eturnal.yml')), [
    '192.168.1.0/24',
  ])

  const named = importCase('denied-by-name.conf')
  t.match(noteOf(named, 'denied-peer-ip'), { fate: 'unsupported', note: { key: 'peer-by-name' } })
  t.ok(todoOf(named).includes('todo-peer-by-name'))
})

t.test('O-13: users in a database are not called an open server', async t => {
  t.same(todoOf(importCase('users-in-sqlite.conf')), ['todo-users-database'])
  t.same(todoOf(importText('psql-userdb="host=db"')), ['todo-users-database'])
  t.same(todoOf(importText('no-auth')), ['todo-issuer'])
})

t.test('O-14: valid values of eturnal are taken over', async t => {
  const imported = importCase('eturnal-nothing-denied.yml')
  t.same(
    imported.entries.filter(({ fate }) => fate === 'unsupported' || fate === 'unknown'),
    [],
  )
  t.ok(
    remarksOf(imported).includes('private-closed'),
    'private networks are closed from now on, and that is said',
  )
  t.same(imported.draft.relayAddresses, ['10.0.0.5'], 'no IPv6, as it says')

  const aliased = importText('secret: &s "0123456789abcdef"\neturnal:\n  secret: *s\n', 'eturnal.yml')
  t.same(aliased.draft.secrets, ['0123456789abcdef'])
  const circular = importText('eturnal: &e\n  modules: *e\n', 'eturnal.yml')
  t.ok(circular.entries.length < 10_100)
})

t.test('O-15: alternative ports become listeners where coturn serves TURN on them', async t => {
  const listen = listenOf(importCase('alternative-ports.conf'))
  for (const one of ['udp://203.0.113.10:3478', 'tcp://203.0.113.11:3478', 'tls://203.0.113.11:5349'])
    t.ok(listen.includes(one), one)
  const single = importText('listening-ip=203.0.113.10\nalt-listening-port=3479')
  t.match(noteOf(single, 'alt-listening-port'), { fate: 'unneeded', note: { key: 'alternative-port' } })
})

t.test('O-16: a placeholder that nobody filled in is an open point, in any template language', async t => {
  const marks = [
    ...['{{ turn_shared_secret }}', '${TURN_SECRET}', '$TURN_SECRET', '<your secret here>', '<%= secret %>'],
    ...[
      '%TURN_SECRET%',
      '@TURN_SECRET@',
      '__TURN_SECRET__',
      '#{secret}',
      '$(cat /run/secret)',
      'CHANGE_ME_PLEASE',
    ],
    ...['YOUR_SHARED_SECRET_HERE', '[shared-secret]', '{SECRET}', '{% raw %}', 'xxxxxxxxxxxxxxxxxxxx'],
  ]
  for (const mark of marks) {
    for (const text of [`use-auth-secret\nstatic-auth-secret=${mark}`, `lt-cred-mech\nuser=alice:${mark}`]) {
      const imported = importText(text)
      t.same([imported.draft.secrets, imported.draft.users], [[], []], text)
      t.ok(todoOf(imported).includes('todo-placeholder'), text)
    }
    const eturnal = importText(`eturnal:\n  secret: ${JSON.stringify(mark)}\n`, 'eturnal.yml')
    t.same(todoOf(eturnal), ['todo-placeholder'], mark)
    t.same(todoOf(importText(`static-auth-secret=0123456789abcdef\nrealm=${mark}`)), ['todo-placeholder'])
  }
  t.same(
    importText('static-auth-secret=a$b{c}<d>%e%f').draft.secrets,
    ['a$b{c}<d>%e%f'],
    'odd secrets are secrets',
  )
})

t.test('O-17: options of any version of coturn are known', async t => {
  t.same(
    importCase('options-said-to-be-unknown.conf').entries.filter(({ fate }) => fate === 'unknown'),
    [],
  )
})

t.test('O-18: a rate below the minimum is told with the minimum', async t => {
  t.match(noteOf(importCase('max-bps-below-the-minimum.conf'), 'max-bps'), {
    fate: 'unsupported',
    note: { key: 'rate-below', values: { rate: '64 kbit/s', min: '80 kbit/s' } },
  })
  t.match(importText('eturnal:\n  max_bps: 4000\n', 'eturnal.yml').entries[0], {
    note: { key: 'rate-below' },
  })
})

t.test('O-19: what never worked, and what belongs to another machine, is said', async t => {
  t.match(noteOf(importCase('comment-behind-secret.conf'), 'static-auth-secret'), {
    fate: 'taken',
    note: { key: 'secret-whole-line' },
  })
  t.ok(remarksOf(importCase('local-address-of-another-machine.conf')).includes('local-not-here'))
})

t.test('O-30: relay-ip=0.0.0.0 means any address, as it does without the option', async t => {
  const imported = importText('relay-ip=0.0.0.0')
  t.match(imported.entries[0], { fate: 'unneeded', note: { key: 'is-default' } })
  t.same(imported.draft.relayAddresses, [])
})
