import t from 'tap'
import { address } from '../../../src/base/address.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import { Nonces } from '../../../src/core/trust/nonce.ts'
import {
  CHANNEL_NUMBER,
  LIFETIME,
  REQUESTED_TRANSPORT,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { longTermKey, userhash, verify } from '../../../src/wire/integrity.ts'
import { Method } from '../../../src/wire/message.ts'
import { craft, MD5, OFFERED, rawAttribute, SHA256 } from '../../sim/craft.ts'
import { REALM } from '../../sim/places.ts'
import { minutes, Sim } from '../../sim/sim.ts'
import { codeOf } from '../../sim/sim-client.ts'

const ALICE = '192.0.2.10:50000'

/** What a homeserver has issued, with an expiry of its own in the name. */
const expiring = (username: string) => ({
  tenant: 'example.org',
  user: username.slice(username.indexOf(':') + 1),
  username,
  key: longTermKey(username, REALM, 'password', 1),
  expired: false,
  paused: false,
})

for (const [sign, chosen, expected] of [
  ['sha1', MD5, 'sha1'],
  ['sha256', MD5, 'sha256'],
  ['sha1', SHA256, 'sha1'],
  ['sha256', SHA256, 'sha256'],
] as const) {
  t.test(
    `P-07: a request with algorithm ${chosen.algorithm} signed with ${sign} is answered with ${expected}`,
    t => {
      const alice = new Sim({ config: { sha256: true } }).client(ALICE)
      const answer = alice.exchange(
        craft(alice, Method.Allocate, {
          fields: writer => writer.set(REQUESTED_TRANSPORT, 17),
          offers: OFFERED,
          chosen,
          sign,
        }),
      )!
      const key = longTermKey(alice.user, REALM, alice.password, chosen.algorithm)
      t.equal(answer.class, 'success')
      t.ok(verify(answer, expected, key))
      t.notOk(verify(answer, expected === 'sha1' ? 'sha256' : 'sha1', key))
      t.end()
    },
  )
}

for (const chosen of [MD5, SHA256]) {
  t.test(`P-07: errors are signed as the request was, too (algorithm ${chosen.algorithm})`, t => {
    const alice = new Sim().client(ALICE)
    const key = longTermKey(alice.user, REALM, alice.password, chosen.algorithm)
    for (const sign of ['sha1', 'sha256', 'both'] as const) {
      const answer = alice.ask(Method.Refresh, { offers: OFFERED, chosen, sign })!
      t.equal(codeOf(answer), 437)
      t.ok(verify(answer, sign === 'sha1' ? 'sha1' : 'sha256', key), sign)
    }
    t.end()
  })
}

t.test('P-07: SHA-256 without a chosen algorithm is answered with SHA-1, as RFC 8489 §9.2.4 says', t => {
  const alice = new Sim().client(ALICE)
  const answer = alice.ask(Method.Refresh, { sign: 'sha256' })!
  t.ok(verify(answer, 'sha1', longTermKey(alice.user, REALM, alice.password, 1)))
  t.end()
})

for (const sign of ['sha1', 'sha256'] as const) {
  t.test(`P-07: a user who is hidden by a hash is answered with ${sign}, too`, t => {
    const alice = new Sim({ config: { userhash: true } }).client(ALICE)
    const hash = userhash(alice.user, REALM)
    const answer = alice.ask(Method.Refresh, { offers: OFFERED, chosen: MD5, sign, userhash: hash })!
    t.equal(codeOf(answer), 437)
    t.ok(verify(answer, sign, longTermKey(alice.user, REALM, alice.password, 1)))
    t.end()
  })
}

t.test('P-13: a fresh credential keeps permissions and channels of an older one, and nobody else does', t => {
  const sim = new Sim({
    authenticate: ({ username }) => (username === undefined ? [] : [expiring(username)]),
  })
  const bob = sim.peer('198.51.100.7:40000')
  const alice = sim.client(ALICE, { user: '1:@alice:example.org' })
  const as = (username: string, method: number) =>
    alice.code(method, {
      username,
      password: 'password',
      fields: writer => {
        if (method === Method.Allocate) writer.set(REQUESTED_TRANSPORT, 17)
        else writer.set(CHANNEL_NUMBER, 0x4001).set(XOR_PEER_ADDRESS, bob.address)
      },
    })

  t.equal(as('1:@alice:example.org', Method.Allocate), 0)
  for (const method of [Method.CreatePermission, Method.ChannelBind]) {
    t.equal(as('2:@bob:example.org', method), 441)
    t.equal(as('2:@alice:example.org', method), 0)
    t.equal(as('1:@alice:example.org', method), 0, 'and the older one still is good')
  }
  t.equal(as('2:@alice:example.org', Method.Allocate), 437)
  t.end()
})

t.test('P-13: with a fresh credential a user refreshes and frees an allocation of an older one', t => {
  const sim = new Sim({
    authenticate: ({ username }) => (username === undefined ? [] : [expiring(username)]),
  })
  const alice = sim.client(ALICE, { user: '1:@alice:example.org' })
  const as = (username: string, lifetime: number) =>
    alice.code(Method.Refresh, {
      username,
      password: 'password',
      fields: writer => writer.set(LIFETIME, lifetime as Seconds),
    })

  t.equal(
    alice.code(Method.Allocate, {
      password: 'password',
      fields: writer => writer.set(REQUESTED_TRANSPORT, 17),
    }),
    0,
  )
  t.equal(as('2:@alice:example.org', 600), 0)
  t.equal(as('2:@bob:example.org', 0), 441)
  t.equal(as('2:@alice:example.org', 0), 0)
  t.equal(sim.relay.sizes().allocations, 0)
  t.end()
})

t.test('P-17: a classic CHANGE-REQUEST without flags is answered; one with flags gets its type twice', t => {
  const alice = new Sim({ config: { classicStun: true } }).client(ALICE)
  const ask = (flags: string) => {
    alice.raw.length = 0
    alice.sendRaw(Buffer.from(`000100080000000000000000000000000000000000030004${flags}`, 'hex'))
    return alice.raw[0]!
  }
  t.equal(ask('00000000').readUInt16BE(0), 0x0101)
  const refused = ask('00000006')
  t.equal(refused.readUInt16BE(0), 0x0111)
  t.ok(refused.includes(Buffer.from('000a000400030003', 'hex')), refused.toString('hex'))
  t.end()
})

t.test('P-17: a classic list of unknown attributes has an even number of them, whichever they are', t => {
  const alice = new Sim({ config: { classicStun: true } }).client(ALICE)
  const ask = (body: string) => {
    alice.raw.length = 0
    const length = (body.length / 2).toString(16).padStart(4, '0')
    alice.sendRaw(Buffer.from(`0001${length}${'00'.repeat(16)}${body}`, 'hex'))
    return alice.raw[0]!.toString('hex')
  }
  t.ok(ask('00300000').includes('000a000400300030'), 'one')
  t.ok(ask('0030000000310000').includes('000a000400300031'), 'two')
  t.ok(ask('003000000031000000320000').includes('000a00080030003100320032'), 'three')
  t.ok(ask('000300040000000000300000').includes('000a000400300030'), 'an idle CHANGE-REQUEST is none of them')
  t.end()
})

for (const hex of [
  '000100042112a442000102030405060708090a0b00010000',
  '000100042112a442000102030405060708090a0b00120000',
  '0001000c2112a442000102030405060708090a0b002400080000000000000000',
]) {
  t.test(
    `S-18: Binding is answered although it brings a malformed attribute it does not use: ${hex.slice(40, 44)}`,
    t => {
      const alice = new Sim().client(ALICE)
      alice.sendRaw(Buffer.from(hex, 'hex'))
      t.equal(alice.raw[0]?.readUInt16BE(0), 0x0101)
      t.end()
    },
  )
}

t.test('S-18: other requests are not, since they may mean it', t => {
  const alice = new Sim().client(ALICE)
  const fields = (writer: Parameters<NonNullable<Parameters<typeof craft>[2]['fields']>>[0]) =>
    writer.set(REQUESTED_TRANSPORT, 17).set(rawAttribute(0x0012), Buffer.alloc(0))
  t.equal(alice.code(Method.Allocate, { fields }), 400)
  t.end()
})

t.test('S-20: nonces are fresh and grow old in any century', t => {
  const client = address(Uint8Array.of(192, 0, 2, 10), 50_000)
  for (const now of [2 ** 32 * 1000 - 5000, 2 ** 32 * 1000 + 5000, 2 ** 33 * 1000 + 1] as Time[]) {
    const nonces = new Nonces(into => void into.fill(7), 600 as Seconds)
    const nonce = nonces.make(client, 0, now)
    t.ok(nonces.isFresh(nonce, client, now))
    t.ok(nonces.isFresh(nonce, client, (now + 599_000) as Time))
    t.notOk(nonces.isFresh(nonce, client, (now + minutes(10)) as Time))
  }
  t.end()
})
