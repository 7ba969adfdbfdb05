import t from 'tap'
import { formatIp, parseAddress, parseIp } from '../../../src/base/address.ts'
import type { Time } from '../../../src/base/time.ts'
import { authenticator, peerReach, quotas, random, relayConfig } from '../../../src/relay/relay-config.ts'
import { longTermKey, PasswordAlgorithm } from '../../../src/wire/integrity.ts'
import { loaded, SECRET } from '../../support/settings.ts'

const around = {
  dontFragment: false,
  isOwn: (ip: Uint8Array) => formatIp(ip) === '192.0.2.5',
  relays: [at('203.0.113.7')],
  endpoints: [parseAddress('203.0.113.7:3478')!],
}

t.test('no SOFTWARE is sent unless the operator writes one, and then it is his [TURN-SEC-06]', async t => {
  t.notOk('software' in relayConfig(loaded().settings, around))
  t.equal(relayConfig(loaded({ protocol: { software: 'x' } }).settings, around).software, 'x')
})

t.test('the families are those of the relayed addresses', async t => {
  const six = at('2001:db8::7')

  t.same(relayConfig(loaded().settings, around).families, [4])
  t.same(relayConfig(loaded().settings, { ...around, relays: [six] }).families, [6])
  t.same(relayConfig(loaded().settings, { ...around, relays: [six, ...around.relays] }).families, [4, 6])
})

t.test(
  'by default private peers and this server itself are out of reach, its relayed addresses are local',
  async t => {
    const reach = peerReach(loaded().settings, around)

    t.equal(reach(parseAddress('10.1.2.3:9')!), 'no')
    t.equal(reach(parseAddress('127.0.0.1:9641')!), 'no')
    t.equal(reach(parseAddress('203.0.113.7:3478')!), 'no')
    t.equal(reach(parseAddress('203.0.113.7:50000')!), 'local')
    t.equal(reach(parseAddress('9.9.9.9:9')!), 'yes')
  },
)

t.test('limits of a homeserver are its own', async t => {
  const { settings } = loaded({
    homeservers: [
      { name: 'example.org', secrets: [SECRET], limits: { allocations: 7, bitrate: '96 kbit/s' } },
    ],
    limits: { lifetime: '10m' },
  })

  t.same(quotas(settings).perTenant, new Map([['example.org', 7]]))
  const { limits, lifetime } = relayConfig(settings, around)
  t.same(limits.bytesPerSecondPerTenant, new Map([['example.org', 12_000]]))
  t.same(lifetime, { default: 600, max: 600 })
})

t.test('homeservers and long-term users are known side by side', async t => {
  const authenticate = authenticator(
    loaded({ users: [{ name: 'guest', password: 'a long enough password' }] }).settings,
  )
  const realm = 'turn.example.org'
  const ask = (username: string) =>
    authenticate({ username, realm, algorithm: PasswordAlgorithm.MD5, now: 1000 as Time })

  t.match(ask('2000:@alice:example.org'), [
    { tenant: 'example.org', user: '@alice:example.org', expired: false },
  ])
  t.match(ask('guest'), [
    {
      tenant: '',
      user: 'guest',
      key: longTermKey('guest', realm, 'a long enough password', PasswordAlgorithm.MD5),
    },
  ])
  t.same(ask('stranger'), [])
})

t.test('a user may be given by keys instead of a password', async t => {
  const realm = 'turn.example.org'
  const md5 = longTermKey('guest', realm, 'a long enough password', PasswordAlgorithm.MD5)
  const authenticate = authenticator(
    loaded({ users: [{ name: 'guest', keys: { md5: md5.toString('hex') } }] }).settings,
  )

  const [candidate] = authenticate({
    username: 'guest',
    realm,
    algorithm: PasswordAlgorithm.MD5,
    now: 0 as Time,
  })

  t.same(candidate?.key, md5)
})

t.test('hashed user names are offered only where every user is in a list', async t => {
  const users = [{ name: 'guest', password: 'a long enough password' }]

  t.equal(relayConfig(loaded().settings, around).userhash, false)
  t.equal(relayConfig(loaded({ users }).settings, around).userhash, false)
  t.equal(relayConfig(loaded({ users, homeservers: [] }).settings, around).userhash, true)
})

t.test('octets are drawn anew each time', async t => {
  const [a, b] = [Buffer.alloc(16), Buffer.alloc(16)]
  random(a)
  random(b)

  t.notSame(a, b)
})

function at(text: string) {
  const ip = parseIp(text)!
  return { local: ip, public: ip }
}
