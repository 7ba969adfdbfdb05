import t from 'tap'
import { formatRange } from '../../../src/base/range.ts'
import { formatListener } from '../../../src/config/values/listener.ts'
import { COTURN_FLAGS, COTURN_OPTIONS } from '../../../src/import/coturn/coturn-options.ts'
import type { ImportedEntry } from '../../../src/import/line.ts'
import { importText } from '../../support/imported.ts'

/** The one entry of a file with one line. */
const fateOf = (text: string): ImportedEntry => {
  const { entries } = importText(text)
  t.equal(entries.length, 1)
  return entries[0]!
}
const draftOf = (text: string) => importText(text).draft

t.test('lines are read as coturn reads them', async t => {
  const { entries, draft } = importText(
    '\uFEFF# a comment\r\n\r\n  realm = turn.example.org  \r\nmin-port\t50000\r\nmax-port 50100\r\n' +
      'static-auth-secret="with spaces and # in it"\r\nuser-quota=12 # streams\r\n #also a comment\r\n',
  )

  t.same(
    entries.map(({ key, line }) => [key, line]),
    [
      ['realm', 3],
      ['min-port', 4],
      ['max-port', 5],
      ['static-auth-secret', 6],
      ['user-quota', 7],
    ],
  )
  t.equal(draft.realm, 'turn.example.org')
  t.equal(draft.ports, '50000-50100')
  t.same(draft.secrets, ['with spaces and # in it'])
  t.equal(draft.limits.allocationsPerUser, 12)
})

t.test('the last of several values counts, and the others say so', async t => {
  const { entries, draft } = importText('realm=a.example\nrealm=b.example')
  t.equal(draft.realm, 'b.example')
  t.match(entries[0], { fate: 'unneeded', note: { key: 'overridden', values: { line: 2 } } })
})

t.test('a flag that is switched off does nothing', async t => {
  for (const off of ['0', 'no', 'false', 'off'])
    t.match(fateOf(`no-tls=${off}`), { fate: 'unneeded', note: { key: 'switched-off' } })
  t.notOk(draftOf('no-udp=0').todo.some(({ key }) => key === 'todo-listen'))
})

t.test('what is not known is reported with the name that comes nearest, and never its value', async t => {
  t.match(fateOf('static-auth-secert=hunter2'), {
    key: 'static-auth-secert',
    fate: 'unknown',
    note: { key: 'unknown-guess', values: { guess: 'static-auth-secret' } },
  })
  // A secret that slipped onto a line of its own looks like a name.
  const slipped = importText('realm=turn.example.org\n5f0d7cc1b9a84e6fb2f3f0c56b7b9d4e').entries[1]
  t.equal(slipped?.fate, 'unknown')
  t.notMatch(JSON.stringify(slipped), '5f0d7c')
})

t.test('listeners: addresses, ports and transports', async t => {
  const listen = (text: string) => draftOf(text).listen.map(formatListener)

  t.same(listen('listening-ip=192.0.2.1\nlistening-ip=2001:db8::1\nlistening-port=3479\nno-tcp'), [
    'udp://192.0.2.1:3479',
    'udp://[2001:db8::1]:3479',
  ])
  t.same(listen('listening-ip=192.0.2.1\naux-server=192.0.2.1:443\nno-udp\ncert=a\npkey=b'), [
    'tcp://192.0.2.1:3478',
    'tls://192.0.2.1:5349',
    'tcp://192.0.2.1:443',
  ])
  t.same(listen('listening-ip=192.0.2.1\ncert=a\npkey=b\nno-tls\nno-udp'), ['tcp://192.0.2.1:3478'])
  // A server with nothing left to listen on is not made up for in silence.
  t.match(draftOf('no-udp\nno-tcp'), { listen: [], todo: [{ key: 'todo-listen' }, {}] })
})

t.test('certificates: paths beside the file, and the names that coturn assumes', async t => {
  t.same(draftOf('cert=tls/cert.pem\npkey=/etc/ssl/key.pem').tls, {
    certificate: '/etc/tls/cert.pem',
    key: '/etc/ssl/key.pem',
  })
  t.match(draftOf('cert=/a.pem').tls, { key: '/etc/turn_server_pkey.pem' })
})

t.test('external-ip is mapped to the local address behind it', async t => {
  const addresses = (text: string) => draftOf(text).relayAddresses

  t.same(addresses('external-ip=198.51.100.7/10.0.0.9'), ['10.0.0.9=198.51.100.7'])
  t.same(addresses('relay-ip=10.0.0.9\nexternal-ip=198.51.100.7'), ['10.0.0.9=198.51.100.7'])
  t.same(addresses('listening-ip=10.0.0.8\nexternal-ip=198.51.100.7'), ['10.0.0.8=198.51.100.7'])
  // The machine's own, where the file names none.
  t.same(addresses('external-ip=198.51.100.7'), ['10.0.0.5=198.51.100.7'])
  // An address that the machine has itself needs no mapping.
  t.same(addresses('external-ip=2001:470:1f0a::7'), ['2001:470:1f0a::7'])
  t.same(
    addresses(
      'relay-ip=10.0.0.8\nrelay-ip=10.0.0.9\nexternal-ip=198.51.100.8/10.0.0.8\nexternal-ip=198.51.100.9/10.0.0.9',
    ),
    ['10.0.0.8=198.51.100.8', '10.0.0.9=198.51.100.9'],
  )
})

t.test('a mapping that cannot be told is left to the operator', async t => {
  const { draft, entries } = importText('relay-ip=10.0.0.8\nrelay-ip=10.0.0.9\nexternal-ip=198.51.100.7')
  t.same(draft.relayAddresses, ['10.0.0.8', '10.0.0.9'])
  t.match(entries[2], { fate: 'unsupported', note: { key: 'local-unknown' } })
  t.match(draft.todo[0], { key: 'todo-local', values: { public: '198.51.100.7' } })
})

t.test('users: passwords, keys, and those that a shared secret puts out of force', async t => {
  t.same(draftOf('lt-cred-mech\nuser=alice:pass:word\nuser=bob:0xBC807EE29DF3C9FFA736523FB2C4E8EE').users, [
    { name: 'alice', password: 'pass:word' },
    { name: 'bob', keys: { md5: 'bc807ee29df3c9ffa736523fb2c4e8ee' } },
  ])
  const both = importText('use-auth-secret\nstatic-auth-secret=one\nstatic-auth-secret=two\nuser=a:b')
  t.same(both.draft.secrets, ['one', 'two'])
  t.same(both.draft.users, [])
  t.match(both.entries[3], { fate: 'unneeded', note: { key: 'user-beside-secret' } })
  t.match(fateOf('user=alice'), { note: { key: 'bad-user' } })
  t.match(fateOf(`user=alice:0x${'ab'.repeat(32)}`), { note: { key: 'user-key-form' } })
})

t.test('a server without a secret in its file leaves it to be filled in', async t => {
  t.match(draftOf('use-auth-secret\npsql-userdb="host=db password=x"').todo, [{ key: 'todo-secret' }])
  t.match(draftOf('no-auth').todo, [{ key: 'todo-issuer' }])
})

t.test('peers: what recommended covers is not repeated, what differs is kept', async t => {
  const peers = (text: string) => {
    const { deny, allow } = draftOf(text)
    return { deny: deny.map(formatRange), allow: allow.map(formatRange) }
  }
  t.same(peers('denied-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=224.0.0.0-255.255.255.255'), {
    deny: [],
    allow: [],
  })
  t.same(peers('denied-peer-ip=45.0.0.1\ndenied-peer-ip=2a00::-2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), {
    deny: ['45.0.0.1', '2a00::/16'],
    allow: [],
  })
  // In coturn what is allowed beats what is denied; here it is the other way round.
  t.same(peers('denied-peer-ip=45.0.0.0-45.0.0.255\nallowed-peer-ip=45.0.0.7'), {
    deny: ['45.0.0.0-45.0.0.6', '45.0.0.8-45.0.0.255'],
    allow: [],
  })
  t.same(peers('denied-peer-ip=192.168.0.0-192.168.255.255\nallowed-peer-ip=192.168.1.5'), {
    deny: [],
    allow: ['192.168.1.5'],
  })
  t.same(peers('denied-peer-ip=45.0.0.0-45.0.0.255\nallowed-peer-ip=44.0.0.0-46.0.0.0').deny, [])
})

t.test('prefixes, which coturn ignores without a word, are denied but not opened', async t => {
  t.match(fateOf('denied-peer-ip=45.0.0.0/8'), { fate: 'taken', note: { key: 'deny-cidr' } })
  t.match(fateOf('denied-peer-ip=10.0.0.0/8'), { fate: 'unneeded', note: { key: 'deny-cidr-covered' } })
  const { draft, entries } = importText('allowed-peer-ip=10.1.0.0/16')
  t.same(draft.allow, [])
  t.match(entries[0], { fate: 'unsupported', note: { key: 'allow-cidr' } })
})

t.test('rates: octets in each direction become bits in both', async t => {
  t.equal(draftOf('max-bps=125000').limits.bitratePerUser, '2 Mbit/s')
  t.equal(draftOf('bps-capacity=12500000').limits.bitrate, '200 Mbit/s')
  t.same(draftOf('max-bps=0\nbps-capacity=0').limits, {})
  t.match(fateOf('max-bps=100'), { fate: 'unsupported', note: { key: 'rate-below' } })
})

t.test('answers, figures and log', async t => {
  t.same(draftOf('software-attribute\ninclude-reason-string\nrfc5766-channel-numbers').protocol, {
    software: 'taciturn',
    reasonPhrases: true,
    legacyChannelNumbers: true,
  })
  t.equal(draftOf('allocation-default-address-family=keep').defaultFamily, 'listener')
  t.same(draftOf('prometheus\nprometheus-port=9700').metrics, {
    listen: 'http://127.0.0.1:9700',
    coturnNames: true,
  })
  t.same(draftOf('prometheus\nprometheus-address=::').metrics?.listen, 'http://[::]:9641')
  t.equal(draftOf('prometheus-port=9700').metrics, undefined)
  t.equal(draftOf('Verbose').logLevel, 'debug')
})

t.test('every option has a fate, whatever it is set to', async t => {
  for (const key of Object.keys(COTURN_OPTIONS)) {
    for (const value of ['', '=1', '=0', '=10.0.0.1', '=nonsense', '="']) {
      const { fate, note } = fateOf(`${key}${value}`)
      t.not(fate, 'unknown', key)
      t.not(note?.key, 'not-understood', `${key}${value}`)
    }
  }
})

t.test('every flag is an option', async t => {
  for (const flag of COTURN_FLAGS) t.ok(Object.hasOwn(COTURN_OPTIONS, flag), flag)
})
