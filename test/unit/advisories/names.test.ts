import t from 'tap'
import { password, sharedSecrets } from '../../../src/auth/shared-secret.ts'
import { staticUsers } from '../../../src/auth/static-users.ts'
import type { Seconds } from '../../../src/base/time.ts'
import { Pseudonyms } from '../../../src/log/pseudonyms.ts'
import { REALM } from '../../sim/places.ts'
import { Sim, START } from '../../sim/sim.ts'

/** Names that plain objects have of their own. */
const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']
const SECRET = Buffer.from('a secret that only this test knows')

t.test('a user may be called what objects call their own, and is nobody else [NODE-06]', t => {
  const secrets = [{ tenant: '__proto__', secret: SECRET, algorithm: 'sha1' as const, paused: false }]
  const sim = new Sim({
    allocationsPerUser: 1,
    authenticate: sharedSecrets(secrets, { grace: 0 as Seconds }),
  })
  for (const [i, name] of NAMES.entries()) {
    const username = `${START / 1000 + 3600}:${name}`
    const credentials = { user: name, username, password: password(SECRET, username) }
    const first = sim.client(`192.0.2.${i + 1}:50000`, credentials)
    const second = sim.client(`192.0.2.${i + 1}:50001`, credentials)
    t.equal(first.allocate().kind, 'allocated', name)
    t.match(second.allocate(), { kind: 'rejected', code: 486 }, 'the quota counts the name')
    const guesser = sim.client(`192.0.2.${i + 1}:50002`, { ...credentials, wrongPassword: true })
    t.match(guesser.allocate(), { kind: 'rejected', code: 401 })
  }
  t.strictSame(
    sim.told('opened').map(({ owner }) => owner.user),
    NAMES,
  )
  t.equal(({} as Record<string, unknown>).polluted, undefined)
  t.end()
})

t.test('nobody is found under such a name who is not listed [NODE-06]', t => {
  const sim = new Sim({
    authenticate: staticUsers([{ name: 'door-camera', password: 'long enough, this one' }], REALM),
  })
  for (const [i, name] of NAMES.entries()) {
    const client = sim.client(`192.0.2.${i + 1}:50000`, { user: name, password: 'undefined' })
    t.match(client.allocate(), { kind: 'rejected', code: 401 }, name)
  }
  t.equal(sim.allocations, 0)
  t.end()
})

t.test('such names have pseudonyms as others have [NODE-06]', t => {
  const pseudonyms = new Pseudonyms()
  t.equal(new Set(NAMES.map(name => pseudonyms.of('user', name))).size, NAMES.length)
  t.end()
})
