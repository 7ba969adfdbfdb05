import { createHash } from 'node:crypto'
import t from 'tap'
import { type StaticUser, staticUsers } from '../../../src/auth/static-users.ts'
import { longTermKey, PasswordAlgorithm, userhash } from '../../../src/wire/integrity.ts'
import { REALM } from '../../sim/places.ts'
import { Sim, START } from '../../sim/sim.ts'

const GUEST = { name: 'guest', password: 'please' }
const { MD5, SHA256 } = PasswordAlgorithm

t.test('a user of the list gets an allocation by password, with either algorithm [REST-09]', t => {
  for (const algorithms of ['offered', 'md5', 'ignore'] as const) {
    const sim = new Sim({ authenticate: staticUsers([GUEST], REALM) })
    const guest = sim.client('192.0.2.1:50000', { username: 'guest', password: 'please', algorithms })
    const other = sim.client('192.0.2.2:50000', { username: 'guest', password: 'wrong', algorithms })

    t.match(guest.allocate(), { kind: 'allocated' }, algorithms)
    t.match(other.allocate(), { kind: 'rejected', code: 401 }, algorithms)
  }
  t.end()
})

t.test('P-10: a password lets its user in as it is typed and as the RFC prepares it', t => {
  const decomposed = 'pa\u0308ssword'
  for (const listed of [decomposed, 'p\u00e4ssword', 'pass\u00a0word', 'pass\u3000word', 'plain']) {
    const look = staticUsers([{ name: 'guest', password: listed }], REALM)
    for (const algorithm of [MD5, SHA256]) {
      const keys = look({ username: 'guest', realm: REALM, algorithm, now: START }).map(({ key }) => key)
      const kind = algorithm === MD5 ? 'md5' : 'sha256'
      const asTyped = createHash(kind).update(`guest:${REALM}:${listed}`).digest()
      t.ok(
        keys.some(key => key.equals(asTyped)),
        listed,
      )
      t.ok(keys.some(key => key.equals(longTermKey('guest', REALM, listed, algorithm))))
      t.ok(keys.length <= 2)
    }
  }
  t.end()
})

for (const [listed, typed] of [
  ['ma\u0308rz', 'ma\u0308rz'],
  ['ma\u0308rz', 'm\u00e4rz'],
  ['old\u00a0friend', 'old friend'],
  ['\u212bngstr\u00f6m', '\u00c5ngstr\u00f6m'],
] as const) {
  t.test(
    `P-10: a user listed as ${spelled(listed)} may call as ${spelled(typed)}, whatever the algorithm`,
    t => {
      for (const algorithms of ['offered', 'md5', 'ignore'] as const) {
        const sim = new Sim({ authenticate: staticUsers([{ name: listed, password: 'please' }], REALM) })
        const guest = sim.client('192.0.2.1:50000', { username: typed, password: 'please', algorithms })
        t.match(guest.allocate(), { kind: 'allocated' }, algorithms)
        t.match(guest.refresh(), { kind: 'refreshed' }, algorithms)
        t.match(sim.told('opened'), [{ owner: { user: listed } }])
      }
      t.end()
    },
  )
}

t.test('P-10: of two names that are prepared to one, the one that is listed so is meant', t => {
  const users = [
    { name: 'm\u00e4rz', password: 'composed' },
    { name: 'ma\u0308rz', password: 'decomposed' },
  ]
  const look = staticUsers(users, REALM)
  for (const { name } of users) {
    const found = look({ username: name, realm: REALM, algorithm: MD5, now: START })
    t.same([...new Set(found.map(({ user }) => user))], [name])
  }
  t.end()
})

t.test('a user may be listed by keys, so that no password need be kept [STUN-AUTH-26]', t => {
  const md5 = longTermKey('guest', REALM, 'please', MD5)
  const sha256 = longTermKey('guest', REALM, 'please', SHA256)
  for (const [user, algorithms, kind] of [
    [{ name: 'guest', md5, sha256 }, 'offered', 'allocated'],
    [{ name: 'guest', md5, sha256 }, 'ignore', 'allocated'],
    [{ name: 'guest', md5 }, 'ignore', 'allocated'],
    // The SHA-256 key cannot be made from the MD5 one.
    [{ name: 'guest', md5 }, 'offered', 'rejected'],
    [{ name: 'guest', md5 }, 'md5', 'allocated'],
  ] as const satisfies readonly (readonly [StaticUser, string, string])[]) {
    const sim = new Sim({ authenticate: staticUsers([user], REALM) })
    const guest = sim.client('192.0.2.1:50000', { username: 'guest', password: 'please', algorithms })
    t.equal(guest.allocate().kind, kind)
  }
  t.end()
})

t.test('what a look-up gives is a key and no password [STUN-AUTH-26]', t => {
  const found = staticUsers([GUEST], REALM)({ username: 'guest', realm: REALM, algorithm: MD5, now: START })

  t.same(found, [
    {
      tenant: '',
      user: 'guest',
      username: 'guest',
      key: longTermKey('guest', REALM, 'please', MD5),
      expired: false,
      paused: false,
    },
  ])
  t.notOk(JSON.stringify(found).includes('please'))
  t.end()
})

t.test('a user may be found by USERHASH, and nobody by a wrong one [STUN-AUTH-16]', t => {
  const look = staticUsers([GUEST], REALM)
  const by = (hash: Buffer) => look({ userhash: hash, realm: REALM, algorithm: SHA256, now: START })

  t.equal(by(userhash('guest', REALM))[0]?.username, 'guest')
  t.same(by(userhash('guest', 'example.com')), [])
  t.same(by(userhash('Guest', REALM)), [])
  t.same(by(Buffer.alloc(0)), [])
  t.same(by(Buffer.alloc(32)), [])
  t.end()
})

t.test('a name of the list is nobody in another realm, and names are exact', t => {
  const look = staticUsers([GUEST], REALM)
  const by = (username: string, realm: string) => look({ username, realm, algorithm: MD5, now: START })

  t.equal(by('guest', REALM).length, 1)
  t.same(by('guest', 'example.com'), [])
  t.same(by('Guest', REALM), [])
  t.same(by('guest ', REALM), [])
  t.same(by('__proto__', REALM), [])
  t.same(by('', REALM), [])
  t.end()
})

t.test('an algorithm that does not exist finds nobody', t => {
  t.same(staticUsers([GUEST], REALM)({ username: 'guest', realm: REALM, algorithm: 3, now: START }), [])
  t.end()
})

/** With what is not ASCII spelled out. */
function spelled(text: string): string {
  return text.replace(
    /[^ -~]/g,
    letter => `U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`,
  )
}
