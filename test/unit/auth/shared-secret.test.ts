import { createHmac } from 'node:crypto'
import t from 'tap'
import { anyOf } from '../../../src/auth/any-of.ts'
import { password, type SharedSecret, sharedSecrets, splitUsername } from '../../../src/auth/shared-secret.ts'
import { staticUsers } from '../../../src/auth/static-users.ts'
import { after, type Seconds, type Time } from '../../../src/base/time.ts'
import { longTermKey, PasswordAlgorithm, userhash } from '../../../src/wire/integrity.ts'
import { REALM } from '../../sim/places.ts'
import { minutes, Sim, START, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

const SECRET = 'example-shared-secret'
const NOW = START / 1000

t.test('the password is the base64 of HMAC-SHA1 over the user name [REST-01]', t => {
  const username = '1893456000:@alice:example.org'

  t.equal(password(Buffer.from(SECRET), username), '868P44qXY/zXi7sspqFbpuQ5p7g=')
  t.end()
})

t.test('some issuers use SHA-256 instead', t => {
  const username = '1893456000:@alice:example.org'
  const expected = createHmac('sha256', SECRET).update(username).digest('base64')

  t.equal(password(Buffer.from(SECRET), username, 'sha256'), expected)
  t.end()
})

for (const user of [
  '@alice:example.org',
  'alice',
  '@alice:example.org:8448',
  '@ålice:exämple.org',
  '@a b:example.org',
  'a:b:c:d:e',
  ':',
  '',
  '1893456000:looks like another',
  '🦊',
]) {
  t.test(
    `user ${JSON.stringify(user)} gets an allocation, and quotas know him by that name [REST-01, REST-02, REST-06]`,
    t => {
      const sim = rest()
      const alice = client(sim, `${NOW + 3600}:${user}`)

      t.match(alice.allocate(), { kind: 'allocated' })
      t.match(sim.told('opened'), [{ owner: { tenant: 'example.org', user } }])
      t.end()
    },
  )
}

t.test('a bare timestamp is a user without a name [REST-02]', t => {
  const sim = rest()

  t.match(client(sim, `${NOW + 3600}`).allocate(), { kind: 'allocated' })
  t.match(sim.told('opened'), [{ owner: { user: '' } }])
  t.end()
})

t.test('the user is what stands behind the first colon [REST-02]', t => {
  t.same(splitUsername('1893456000:@alice:example.org'), {
    expires: 1_893_456_000_000,
    user: '@alice:example.org',
  })
  t.same(splitUsername('1893456000'), { expires: 1_893_456_000_000, user: '' })
  t.same(splitUsername('1893456000:'), { expires: 1_893_456_000_000, user: '' })
  t.end()
})

t.test(
  'past its expiry a credential allocates nothing: 401, and the log knows why [REST-03, REST-11, SEC-60]',
  t => {
    const sim = rest()
    const alice = client(sim, `${NOW - 3600}:@alice:example.org`)

    t.match(alice.allocate(), { kind: 'rejected', code: 401 })
    t.match(sim.told('rejected').at(-1), { code: 401, why: 'expired' })
    t.equal(sim.counters.read('authExpired'), 1)
    t.end()
  },
)

t.test(
  'just past its expiry it is taken for as long as the grace says, and not a second more [REST-11]',
  t => {
    for (const grace of [0, 60]) {
      const sim = rest({ grace: grace as Seconds })
      sim.advance(seconds(10 + grace) - 1)
      t.match(
        client(sim, `${NOW + 10}:@alice:example.org`).allocate(),
        { kind: 'allocated' },
        `grace ${grace}`,
      )
      sim.advance(1)
      t.match(
        client(sim, `${NOW + 10}:@alice:example.org`, '192.0.2.11:50000').allocate(),
        { kind: 'rejected', code: 401 },
        `grace ${grace}`,
      )
    }
    t.end()
  },
)

for (const stamp of [
  '-1',
  `-${NOW + 3600}`,
  '+1893456000',
  ' 1893456000',
  '1893456000 ',
  '1e12',
  '0x70dbd880',
  '1893456000.0',
  '1893456000\u0000',
  '１８９３４５６０００',
  'NaN',
  'Infinity',
  '9'.repeat(13),
  '9'.repeat(300),
  'soon',
]) {
  t.test(`expiry ${JSON.stringify(stamp.slice(0, 20))} is no number of ours: 401 [REST-04]`, t => {
    const sim = rest()
    for (const username of [`${stamp}:@alice:example.org`, stamp]) {
      t.match(client(sim, username).allocate(), { kind: 'rejected', code: 401 })
      t.equal(splitUsername(username), undefined)
    }
    t.end()
  })
}

t.test('no expiry at all, or an empty one: 401 [REST-04]', t => {
  const sim = rest()

  for (const username of [':@alice:example.org', '@alice:example.org', 'alice', '']) {
    t.match(client(sim, username).allocate(), { kind: 'rejected', code: 401 })
  }
  t.end()
})

t.test('an expiry in the distant past or future does no harm [REST-04]', t => {
  const sim = rest()

  t.match(client(sim, '0:@alice:example.org').allocate(), { kind: 'rejected', code: 401 })
  t.match(client(sim, '000001893456000:x').allocate(), { kind: 'rejected', code: 401 })
  t.match(client(sim, '999999999999:@alice:example.org').allocate(), { kind: 'allocated' })
  t.end()
})

t.test('old and new secret are good at once [REST-05]', t => {
  const secrets = ['newest', 'still accepted', 'from another homeserver'].map((secret, i) => ({
    ...shared(secret),
    tenant: i < 2 ? 'example.org' : 'example.com',
  }))
  const sim = new Sim({ authenticate: sharedSecrets(secrets, { grace: 0 as Seconds }) })
  const codes = ['newest', 'still accepted', 'from another homeserver', 'revoked'].map((secret, i) => {
    const event = client(sim, `${NOW + 3600}:@alice:example.org`, `192.0.2.${i + 1}:50000`, secret).allocate()
    return event.kind === 'rejected' ? event.code : event.kind
  })

  t.same(codes, ['allocated', 'allocated', 'allocated', 401])
  t.same(
    sim.told('opened').map(event => event.owner.tenant),
    ['example.org', 'example.org', 'example.com'],
  )
  t.equal(sim.told('rejected').at(-1)?.why, 'wrong-secret')
  t.end()
})

t.test('every secret is tried, so that the time tells nothing of which was right [REST-05]', t => {
  const look = sharedSecrets(
    ['a', 'b', 'c'].map(secret => shared(secret)),
    { grace: 0 as Seconds },
  )

  const candidates = look({
    username: `${NOW + 3600}:@alice:example.org`,
    realm: REALM,
    algorithm: PasswordAlgorithm.MD5,
    now: START,
  })

  t.equal(candidates.length, 3)
  t.equal(new Set(candidates.map(candidate => candidate.key.toString('hex'))).size, 3)
  t.end()
})

t.test('a new timestamp is no new quota [REST-06]', t => {
  const sim = rest({}, { allocationsPerUser: 2 })
  const events = [1, 2, 3].map(i =>
    client(sim, `${NOW + 3600 + i}:@alice:example.org`, `192.0.2.${i}:50000`).allocate(),
  )

  t.same(
    events.map(event => (event.kind === 'rejected' ? event.code : event.kind)),
    ['allocated', 'allocated', 486],
  )
  t.end()
})

t.test('users of one name at two homeservers are two users [REST-06]', t => {
  const secrets = [shared('a'), { ...shared('b'), tenant: 'example.com' }]
  const sim = new Sim({
    authenticate: sharedSecrets(secrets, { grace: 0 as Seconds }),
    allocationsPerUser: 1,
  })

  const events = ['a', 'b'].map((secret, i) =>
    client(sim, `${NOW + 3600}:alice`, `192.0.2.${i + 1}:50000`, secret).allocate(),
  )

  t.same(
    events.map(event => event.kind),
    ['allocated', 'allocated'],
  )
  t.end()
})

t.test('how far ahead an expiry may lie can be limited [REST-07]', t => {
  const sim = rest({ maxLifetime: 86_400 as Seconds })

  t.match(client(sim, `${NOW + 86_400}:@alice:example.org`).allocate(), { kind: 'allocated' })
  const leaked = client(sim, `${NOW + 86_401}:@alice:example.org`, '192.0.2.11:50000')
  t.match(leaked.allocate(), { kind: 'rejected', code: 401 })
  t.end()
})

t.test('fixed users stand beside time-limited names [REST-09]', t => {
  const sim = new Sim({
    authenticate: anyOf(
      sharedSecrets([shared(SECRET)], { grace: 0 as Seconds }),
      staticUsers([{ name: 'guest', password: 'please' }], REALM),
    ),
  })
  const guest = sim.client('192.0.2.1:50000', { username: 'guest', password: 'please' })
  const alice = client(sim, `${NOW + 3600}:@alice:example.org`, '192.0.2.2:50000')

  t.match(guest.allocate(), { kind: 'allocated' })
  t.match(alice.allocate(), { kind: 'allocated' })
  t.match(sim.told('opened'), [
    { owner: { tenant: '', user: 'guest' } },
    { owner: { tenant: 'example.org', user: '@alice:example.org' } },
  ])
  t.end()
})

t.test('a fixed user whose name looks time-limited is still himself [REST-09]', t => {
  const name = `${NOW + 3600}:guest`
  const sim = new Sim({
    authenticate: anyOf(
      sharedSecrets([shared(SECRET)], { grace: 0 as Seconds }),
      staticUsers([{ name, password: 'please' }], REALM),
    ),
  })

  t.match(sim.client('192.0.2.1:50000', { username: name, password: 'please' }).allocate(), {
    kind: 'allocated',
  })
  t.match(sim.told('opened'), [{ owner: { tenant: '' } }])
  t.end()
})

t.test('a time-limited name cannot hide behind USERHASH', t => {
  const look = sharedSecrets([shared(SECRET)], { grace: 0 as Seconds })

  t.same(look({ userhash: userhash('x', REALM), realm: REALM, algorithm: 1, now: START }), [])
  t.end()
})

t.test(
  'a look-up that fails is answered 500, the connection lives, and a new attempt works [TURN-ERR-500]',
  t => {
    let down = true
    const look = sharedSecrets([shared(SECRET)], { grace: 0 as Seconds })
    const sim = new Sim({
      authenticate: request => {
        if (down) throw new Error('the user store is down')
        return look(request)
      },
    })
    const username = `${NOW + 3600}:@alice:example.org`
    // Without a key nothing can be signed, so the client cannot believe it and asks again.
    const alice = client(sim, username, '192.0.2.10:50000')

    t.equal(alice.code(3), 500)
    down = false
    t.match(alice.allocate(), { kind: 'allocated' })
    t.end()
  },
)

t.test('S-15: a credential ends a grace after the time in its name', t => {
  const look = sharedSecrets([shared(SECRET)], { grace: 60 as Seconds })
  const [candidate] = look({ username: `${NOW + 5}:x`, realm: REALM, algorithm: 1, now: START })

  t.equal(candidate?.expires, after(START, 65))
  t.equal(candidate?.expired, false)
  t.end()
})

t.test('a call outlives its credential [REST-03, TURN-REF-09]', t => {
  const sim = rest()
  const alice = client(sim, `${NOW + 60}:@alice:example.org`)
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()
  for (let minute = 0; minute < 20; minute += 4) {
    alice.refresh()
    alice.bind(0x4001, bob)
    alice.send(0x4001, `${minute}`)
    sim.advance(minutes(4))
  }

  t.same(alice.errors, [])
  t.same(bob.inbox, ['0', '4', '8', '12', '16'])
  t.end()
})

t.test('keys are derived for the algorithm that is asked for', t => {
  const look = sharedSecrets([shared(SECRET)], { grace: 0 as Seconds })
  const username = `${NOW + 60}:x`
  for (const algorithm of [PasswordAlgorithm.MD5, PasswordAlgorithm.SHA256]) {
    const [candidate] = look({ username, realm: REALM, algorithm, now: START as Time })
    t.same(candidate?.key, longTermKey(username, REALM, password(Buffer.from(SECRET), username), algorithm))
  }
  t.end()
})

function shared(secret: string): SharedSecret {
  return { tenant: 'example.org', secret: Buffer.from(secret), algorithm: 'sha1', paused: false }
}

function rest(
  options: { grace?: Seconds; maxLifetime?: Seconds } = {},
  sim: { allocationsPerUser?: number } = {},
): Sim {
  return new Sim({
    ...sim,
    authenticate: sharedSecrets([shared(SECRET)], { grace: 0 as Seconds, ...options }),
  })
}

/** A client whose password was made with this secret. */
function client(sim: Sim, username: string, at = '192.0.2.10:50000', secret = SECRET): SimClient {
  return sim.client(at, { username, password: password(Buffer.from(secret), username) })
}
