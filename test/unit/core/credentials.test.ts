import { createHmac } from 'node:crypto'
import t from 'tap'
import { password, sharedSecrets } from '../../../src/auth/shared-secret.ts'
import type { Seconds } from '../../../src/base/time.ts'
import {
  DATA,
  LIFETIME,
  NONCE,
  PASSWORD_ALGORITHMS,
  REALM,
  REQUESTED_TRANSPORT,
  USERHASH,
  USERNAME,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import {
  integrityKind,
  longTermKey,
  PasswordAlgorithm,
  userhash,
  verify,
} from '../../../src/wire/integrity.ts'
import { get, has, type Message, type MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { readNonceCookie, SecurityFeature } from '../../../src/wire/nonce-cookie.ts'
import { challenge, MD5, OFFERED, rawAttribute, SHA256 } from '../../sim/craft.ts'
import { REALM as OUR_REALM } from '../../sim/places.ts'
import { minutes, Sim, START, seconds } from '../../sim/sim.ts'
import { codeOf, type SimClient } from '../../sim/sim-client.ts'

const ALICE = '192.0.2.10:50000'
const allocate = (writer: MessageWriter) => {
  writer.set(REQUESTED_TRANSPORT, 17)
}

t.test('a request without integrity is answered 401 with REALM and NONCE only [STUN-AUTH-01]', t => {
  const alice = new Sim({ config: { sha256: false } }).client(ALICE)

  const answer = alice.ask(Method.Allocate, { sign: 'none', fields: allocate })!

  t.equal(codeOf(answer), 401)
  t.equal(get(answer, REALM), OUR_REALM)
  t.same(types(answer), [0x0009, 0x0014, 0x0015])
  t.end()
})

t.test('a user name without integrity is nobody: 401 [STUN-AUTH-01]', t => {
  const alice = new Sim().client(ALICE)

  const code = alice.code(Method.Allocate, {
    sign: 'none',
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(USERNAME, alice.user),
  })

  t.equal(code, 401)
  t.end()
})

for (const [missing, what] of [
  ['USERNAME', { username: null }],
  ['REALM', { realm: null }],
  ['NONCE', { nonce: null }],
] as const) {
  for (const sign of ['sha1', 'sha256'] as const) {
    t.test(
      `integrity (${sign}) without ${missing} is answered 400, with nothing to go on [STUN-AUTH-02]`,
      t => {
        const alice = new Sim().client(ALICE)

        const answer = alice.ask(Method.Allocate, { ...what, sign, fields: allocate })!

        t.equal(codeOf(answer), 400)
        t.same(types(answer), [0x0009])
        t.end()
      },
    )
  }
}

t.test('no two source addresses get the same nonce, at one moment [STUN-AUTH-03]', t => {
  const sim = new Sim()

  const nonces = ['192.0.2.10:50000', '192.0.2.10:50001', '192.0.2.11:50000', '[2001:db8::10]:50000'].map(
    at => challenge(sim.client(at)).nonce,
  )

  t.equal(new Set(nonces).size, nonces.length)
  t.end()
})

for (const [sha256, anonymity, cookie] of [
  [false, false, 'obMatJos2AAAA'],
  [true, false, 'obMatJos2gAAA'],
  [false, true, 'obMatJos2QAAA'],
  [true, true, 'obMatJos2wAAA'],
] as const) {
  t.test(`a nonce begins with ${cookie} when that is what is offered [STUN-AUTH-04, STUN-AUTH-05]`, t => {
    const alice = new Sim({ config: { sha256, userhash: anonymity } }).client(ALICE)

    const { nonce, message } = challenge(alice)

    t.equal(nonce.slice(0, 13), cookie)
    t.equal(has(message, PASSWORD_ALGORITHMS), sha256)
    const features = readNonceCookie(nonce)!
    t.equal((features & SecurityFeature.passwordAlgorithms) !== 0, sha256)
    t.equal((features & SecurityFeature.usernameAnonymity) !== 0, anonymity)
    t.end()
  })
}

t.test('SHA-256 is offered first [STUN-AUTH-05]', t => {
  const { message } = challenge(new Sim().client(ALICE))

  t.same(get(message, PASSWORD_ALGORITHMS), [
    { algorithm: PasswordAlgorithm.SHA256, parameters: Buffer.alloc(0) },
    { algorithm: PasswordAlgorithm.MD5, parameters: Buffer.alloc(0) },
  ])
  t.end()
})

t.test('a request that says nothing of algorithms is taken as MD5 [STUN-AUTH-06]', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Allocate, { fields: allocate })!

  t.equal(codeOf(answer), 0)
  t.equal(integrityKind(answer), 'sha1')
  t.end()
})

for (const [why, what] of [
  ['only PASSWORD-ALGORITHMS', { offers: OFFERED }],
  ['only PASSWORD-ALGORITHM', { chosen: SHA256 }],
  ['an offer that lacks one', { offers: [SHA256], chosen: SHA256 }],
  ['an offer in another order', { offers: [MD5, SHA256], chosen: SHA256 }],
  [
    'an offer with one more',
    { offers: [...OFFERED, { algorithm: 3, parameters: Buffer.alloc(0) }], chosen: SHA256 },
  ],
  [
    'an algorithm that was not offered',
    { offers: OFFERED, chosen: { algorithm: 3, parameters: Buffer.alloc(0) } },
  ],
  [
    'an algorithm with parameters',
    { offers: OFFERED, chosen: { algorithm: 2, parameters: Buffer.of(1, 2, 3, 4) } },
  ],
] as const) {
  t.test(`${why} is answered 400 [STUN-AUTH-07]`, t => {
    const alice = new Sim().client(ALICE)

    const code = alice.code(Method.Allocate, { ...what, sign: 'sha256', fields: allocate })

    t.equal(code, 400)
    t.end()
  })
}

for (const chosen of [SHA256, MD5]) {
  t.test(
    `algorithm ${chosen.algorithm} stated as offered is taken, and answered with SHA-256 [STUN-AUTH-12, STUN-AUTH-15]`,
    t => {
      const alice = new Sim().client(ALICE)

      const answer = alice.ask(Method.Allocate, {
        offers: OFFERED,
        chosen,
        sign: 'sha256',
        fields: allocate,
      })!

      t.equal(codeOf(answer), 0)
      const key = longTermKey(alice.user, OUR_REALM, alice.password, chosen.algorithm)
      t.ok(verify(answer, 'sha256', key))
      t.notOk(types(answer).includes(0x0008))
      t.end()
    },
  )
}

t.test('an unknown user is answered 401 with REALM, NONCE and PASSWORD-ALGORITHMS [STUN-AUTH-08]', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Allocate, { username: 'nobody', fields: allocate })!

  t.equal(codeOf(answer), 401)
  t.same(types(answer), [0x0009, 0x0014, 0x0015, 0x8002])
  t.end()
})

t.test('a wrong integrity is answered 401 with REALM and NONCE, unsigned [STUN-AUTH-09]', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Allocate, { password: 'wrong', fields: allocate })!

  t.equal(codeOf(answer), 401)
  t.same(types(answer), [0x0009, 0x0014, 0x0015, 0x8002])
  t.end()
})

t.test('unknown user and wrong password look the same from outside', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const transaction = Buffer.alloc(12, 7)
  const nonce = challenge(alice).nonce

  const unknown = alice.ask(Method.Allocate, { username: 'nobody', nonce, transaction, fields: allocate })!
  const wrong = alice.ask(Method.Allocate, { password: 'wrong', nonce, transaction, fields: allocate })!

  t.same(unknown.bytes, wrong.bytes)
  t.end()
})

t.test('another realm than ours is answered 401 with ours', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Allocate, { realm: 'example.com', fields: allocate })!

  t.equal(codeOf(answer), 401)
  t.equal(get(answer, REALM), OUR_REALM)
  t.end()
})

t.test(
  'an expired nonce is answered 438 with a fresh one, and the allocation stays [STUN-AUTH-10, TURN-GEN-15, TURN-ERR-438]',
  t => {
    const sim = new Sim({ config: { nonceLifetime: 300 as Seconds } })
    const alice = sim.client(ALICE)
    alice.allocate()
    const stale = alice.turn.nonce
    sim.advance(seconds(300))

    const answer = alice.ask(Method.Refresh, { nonce: stale })!

    t.equal(codeOf(answer), 438)
    t.equal(get(answer, REALM), OUR_REALM)
    t.ok(has(answer, PASSWORD_ALGORITHMS))
    t.not(get(answer, NONCE), stale)
    t.equal(alice.code(Method.Refresh, { nonce: get(answer, NONCE)! }), 0)
    t.equal(sim.allocations, 1)
    t.end()
  },
)

t.test('a client gets over a stale nonce by itself [TURN-GEN-15]', t => {
  const sim = new Sim({ config: { nonceLifetime: 300 as Seconds } })
  const alice = sim.client(ALICE)
  alice.allocate()
  sim.advance(seconds(301))

  const event = alice.refresh()

  t.match(event, { kind: 'refreshed' })
  t.same(alice.errors, [])
  t.end()
})

t.test('a nonce is good for its lifetime and not a second more [STUN-AUTH-10, STUN-AUTH-22, SEC-63]', t => {
  const sim = new Sim({ config: { nonceLifetime: 300 as Seconds } })
  const alice = sim.client(ALICE)
  const { nonce } = challenge(alice)

  sim.advance(seconds(299))
  t.equal(alice.code(Method.Refresh, { nonce }), 437)
  sim.advance(seconds(1))
  t.equal(alice.code(Method.Refresh, { nonce }), 438)
  t.end()
})

t.test('with both kinds of integrity the SHA-256 one decides [STUN-AUTH-11]', t => {
  const alice = new Sim().client(ALICE)
  const bytes = alice.craft(Method.Allocate, { sign: 'both', fields: allocate })
  const message = parse(bytes) as Message
  const offsetOf = (type: number) => message.attributes.find(attribute => attribute.type === type)!.offset

  const wrongSha1 = Buffer.from(bytes)
  wrongSha1[offsetOf(0x0008) + 4]! ^= 1
  // What is before MESSAGE-INTEGRITY-SHA256 is covered by it, so it is signed anew.
  const resigned = resign(
    wrongSha1,
    longTermKey(alice.user, OUR_REALM, alice.password, PasswordAlgorithm.MD5),
  )
  const wrongSha256 = Buffer.from(bytes)
  wrongSha256[offsetOf(0x001c) + 4]! ^= 1

  t.equal(codeOf(alice.exchange(wrongSha256)), 401)
  t.equal(codeOf(alice.exchange(resigned)), 0)
  t.end()
})

for (const algorithms of ['offered', 'ignore'] as const) {
  t.test(
    `every answer to an authenticated request is signed once and repeats no credentials (${algorithms}) [STUN-AUTH-13, STUN-AUTH-27, STUN-AUTH-12]`,
    t => {
      const sim = new Sim({ allocationsPerUser: 1 })
      const alice = sim.client(ALICE, { algorithms })
      const second = sim.client('192.0.2.10:50001', { algorithms })
      const bob = sim.peer('198.51.100.7:40000')
      const denied = sim.peer('10.0.0.1:40000')

      alice.allocate()
      alice.permit(bob)
      alice.bind(0x4001, bob)
      alice.refresh()
      alice.permit(denied)
      alice.bind(0x3fff, bob)
      alice.allocate()
      alice.release()
      alice.refresh()
      alice.allocate()
      second.allocate()

      t.same(alice.errors, [403, 400, 437, 437])
      t.same(second.errors, [486])
      const kind = algorithms === 'offered' ? 0x001c : 0x0008
      for (const answer of [...alice.raw.slice(1), ...second.raw.slice(1)].map(
        bytes => parse(bytes) as Message,
      )) {
        t.same(
          types(answer).filter(type => type === 0x0008 || type === 0x001c),
          [kind],
        )
        t.notOk(
          types(answer).some(type => [USERNAME.type, USERHASH.type, REALM.type, NONCE.type].includes(type)),
        )
      }
      t.end()
    },
  )
}

t.test('the keys are those of the RFC [STUN-AUTH-14, STUN-AUTH-15]', t => {
  t.equal(
    longTermKey('user', 'realm', 'pass', PasswordAlgorithm.MD5).toString('hex'),
    '8493fbc53ba582fb4c044c456bdc40eb',
  )
  t.equal(longTermKey('user', 'realm', 'pass', PasswordAlgorithm.SHA256).length, 32)
  t.end()
})

t.test('a user may come by USERHASH where that is offered [STUN-AUTH-16, STUN-AUTH-08]', t => {
  const sim = new Sim({ config: { userhash: true } })
  const alice = sim.client(ALICE)

  const event = alice.allocate()
  const unknown = alice.ask(Method.Refresh, { userhash: userhash('nobody', OUR_REALM) })!

  t.match(event, { kind: 'allocated' })
  t.equal(codeOf(unknown), 401)
  t.ok(has(unknown, NONCE) && has(unknown, REALM) && has(unknown, PASSWORD_ALGORITHMS))
  t.end()
})

t.test('a truncated MESSAGE-INTEGRITY-SHA256 is none: 401 [STUN-AUTH-19]', t => {
  for (const length of [0, 12, 16, 20, 28, 36]) {
    const alice = new Sim().client(ALICE)
    const code = alice.code(Method.Allocate, {
      sign: 'none',
      fields: writer => named(alice, writer),
      after: [[0x001c, Buffer.alloc(length)]],
    })
    t.equal(code, 401, `${length} octets`)
  }
  t.end()
})

t.test('a MESSAGE-INTEGRITY of another length than 20 is none: 401 [STUN-AUTH-20]', t => {
  for (const length of [0, 1, 16, 19, 21, 24, 32]) {
    const alice = new Sim().client(ALICE)
    const code = alice.code(Method.Allocate, {
      sign: 'none',
      fields: writer => named(alice, writer),
      after: [[0x0008, Buffer.alloc(length)]],
    })
    t.equal(code, 401, `${length} octets`)
  }
  t.end()
})

t.test('nonces last ten minutes by default, and never more than an hour [STUN-AUTH-22]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const { nonce } = challenge(alice)

  sim.advance(minutes(60))

  t.equal(alice.code(Method.Refresh, { nonce }), 438)
  t.end()
})

t.test('an indication is relayed whatever integrity it carries [STUN-AUTH-23]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()
  alice.permit(bob)

  alice.sendRaw(
    alice.craft(Method.Send, {
      class: 'indication',
      sign: 'sha1',
      password: 'wrong',
      fields: writer => writer.set(XOR_PEER_ADDRESS, bob.address).set(DATA, Buffer.from('hello')),
    }),
  )

  t.same(bob.inbox, ['hello'])
  t.end()
})

t.test('what is wrong first decides: attributes, algorithm, user, integrity, nonce [STUN-AUTH-24]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.client('192.0.2.11:50000')
  const foreign = challenge(bob).nonce
  const bad = { offers: OFFERED, sign: 'sha256' } as const

  t.equal(alice.code(Method.Allocate, { ...bad, realm: null, username: 'nobody', nonce: foreign }), 400)
  t.equal(alice.code(Method.Allocate, { ...bad, username: 'nobody', nonce: foreign }), 400)
  t.equal(alice.code(Method.Allocate, { username: 'nobody', nonce: foreign }), 401)
  t.equal(alice.code(Method.Allocate, { password: 'wrong', nonce: foreign }), 401)
  t.equal(alice.code(Method.Allocate, { nonce: foreign, fields: unknown }), 438)
  t.equal(alice.code(Method.Allocate, { fields: unknown }), 420)
  t.end()
})

t.test('who asks is settled before what is asked: 401 comes before 420 [STUN-ATTR-10, STUN-AUTH-24]', t => {
  const alice = new Sim().client(ALICE)

  const code = alice.code(Method.Allocate, { sign: 'none', fields: unknown })

  t.equal(code, 401)
  t.end()
})

t.test('a nonce is worth nothing from another port or address [STUN-AUTH-25, ABU-18]', t => {
  const sim = new Sim()
  const { nonce } = challenge(sim.client(ALICE))

  for (const at of ['192.0.2.10:50001', '192.0.2.11:50000', '[2001:db8::10]:50000']) {
    t.equal(sim.client(at).code(Method.Allocate, { nonce, fields: allocate }), 438, at)
  }
  t.end()
})

t.test('a nonce holds against a change of any character [STUN-AUTH-25]', t => {
  const sim = new Sim({ config: { sha256: false } })
  const alice = sim.client(ALICE)
  const { nonce } = challenge(alice)

  for (let i = 0; i < nonce.length; i++) {
    for (const other of ['A', 'z', '0', '/', '=', ' ', 'é'].filter(one => one !== nonce[i])) {
      const changed = nonce.slice(0, i) + other + nonce.slice(i + 1)
      t.equal(alice.code(Method.Refresh, { nonce: changed, sign: 'sha1' }), 438, `character ${i} as ${other}`)
    }
  }
  for (const changed of ['', nonce.slice(0, -1), `${nonce}A`, `${nonce}=`, 'obMatJos2', 'x'.repeat(700)]) {
    t.equal(alice.code(Method.Refresh, { nonce: changed }), 438)
  }
  t.equal(alice.code(Method.Refresh, { nonce }), 437)
  t.end()
})

t.test('a nonce from the future is stale, a few seconds aside [STUN-AUTH-25]', t => {
  for (const [ahead, code] of [
    [5, 437],
    [6, 438],
    [3600, 438],
  ] as const) {
    // The same seed makes the same key.
    const future = new Sim({ seed: 3 })
    future.advance(seconds(ahead))
    const { nonce } = challenge(future.client(ALICE))

    t.equal(new Sim({ seed: 3 }).client(ALICE).code(Method.Refresh, { nonce }), code, `${ahead} s ahead`)
  }
  t.end()
})

t.test('a nonce of another relay’s key is stale [STUN-AUTH-25]', t => {
  const elsewhere = challenge(new Sim({ seed: 2 }).client(ALICE)).nonce

  const code = new Sim({ seed: 1 }).client(ALICE).code(Method.Refresh, { nonce: elsewhere })

  t.equal(code, 438)
  t.end()
})

t.test(
  'integrity covers what is before it with the length that ends at it, FINGERPRINT or not [STUN-AUTH-18]',
  t => {
    for (const sign of ['sha1', 'sha256', 'both'] as const) {
      const alice = new Sim().client(ALICE)
      t.equal(alice.code(Method.Allocate, { sign, fingerprint: true, fields: allocate }), 0, sign)
    }
    t.end()
  },
)

t.test('any octet changed under the integrity is noticed [STUN-AUTH-09]', t => {
  const alice = new Sim().client(ALICE)
  const bytes = alice.craft(Method.Refresh, { fields: writer => writer.set(LIFETIME, 777 as Seconds) })
  const end = (parse(bytes) as Message).attributes.find(attribute => attribute.type === 0x0008)!.offset

  for (let i = 20; i < end; i++) {
    const changed = Buffer.from(bytes)
    changed[i]! ^= 0x20
    const code = codeOf(alice.exchange(changed))
    t.not(code, 0)
    // 437 is what an unchanged request gets here, and only an authentic one.
    t.not(code, 437, `octet ${i}`)
  }
  t.end()
})

t.test(
  'every method wants credentials: the table of methods and faults [TURN-GEN-02, TURN-ALLOC-01, TURN-SEC-01, TURN-SEC-02, TURN-ERR-401, SEC-52]',
  t => {
    const methods = [Method.Allocate, Method.Refresh, Method.CreatePermission, Method.ChannelBind]
    for (const method of methods) {
      const sim = new Sim()
      const alice = sim.client(ALICE)
      const mallory = sim.client('192.0.2.66:50000', { user: '@mallory:example.org' })
      alice.allocate()
      challenge(mallory)
      const sizes = sim.relay.sizes()

      t.equal(alice.code(method, { sign: 'none' }), 401, `${method} without integrity`)
      t.equal(alice.code(method, { password: 'wrong' }), 401, `${method} with a wrong password`)
      t.equal(alice.code(method, { key: Buffer.alloc(16) }), 401, `${method} with a key of zeros`)
      t.equal(alice.code(method, { username: 'nobody' }), 401, `${method} as nobody`)
      const other = alice.code(method, { username: mallory.user, password: mallory.password })
      t.equal(other, method === Method.Allocate ? 437 : 441, `${method} as somebody else`)
      t.same(sim.relay.sizes(), sizes)
      t.same(sim.told('closed'), [])
    }
    t.end()
  },
)

t.test('a paused homeserver’s users get no new allocation, and keep what they have [TURN-ERR-403]', t => {
  const secret = Buffer.from('secret')
  const source = (paused: boolean) =>
    sharedSecrets([{ tenant: 'example.org', secret, algorithm: 'sha1', paused }], { grace: 60 as Seconds })
  const sim = new Sim({ authenticate: source(false) })
  const username = `${START / 1000 + 3600}:@alice:example.org`
  const options = { username, password: password(secret, username) }
  const alice = sim.client(ALICE, options)
  alice.allocate()

  sim.configure({}, { authenticate: source(true) })
  const late = sim.client('192.0.2.10:50001', options)
  late.allocate()
  alice.refresh()

  t.same(late.errors, [403])
  t.same(alice.errors, [])
  t.end()
})

function types(message: Message): number[] {
  return message.attributes.map(attribute => attribute.type)
}

function unknown(writer: MessageWriter): void {
  writer.set(rawAttribute(0x7fff), Buffer.alloc(0))
}

/** The attributes of a signed request, without the signature. */
function named(alice: SimClient, writer: MessageWriter): void {
  const { realm, nonce } = challenge(alice)
  writer.set(REQUESTED_TRANSPORT, 17).set(USERNAME, alice.user).set(REALM, realm).set(NONCE, nonce)
}

/** Puts a right MESSAGE-INTEGRITY-SHA256 in the place of the one that ends the message. */
function resign(bytes: Buffer, key: Buffer): Buffer {
  const message = parse(bytes) as Message
  const { offset } = message.attributes.find(attribute => attribute.type === 0x001c)!
  const mac = createHmac('sha256', key).update(bytes.subarray(0, offset)).digest()
  return Buffer.concat([bytes.subarray(0, offset + 4), mac])
}
