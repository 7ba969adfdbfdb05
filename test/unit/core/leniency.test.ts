import t from 'tap'
import { address } from '../../../src/base/address.ts'
import type { Seconds, Time } from '../../../src/base/time.ts'
import { Nonces } from '../../../src/core/nonce.ts'
import { LIFETIME, REQUESTED_TRANSPORT } from '../../../src/wire/attributes.ts'
import { longTermKey, verify } from '../../../src/wire/integrity.ts'
import { Method } from '../../../src/wire/message.ts'
import { craft, MD5, OFFERED, rawAttribute, SHA256 } from '../../sim/craft.ts'
import { REALM } from '../../sim/places.ts'
import { minutes, Sim } from '../../sim/sim.ts'

const ALICE = '192.0.2.10:50000'

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

t.test('P-13: with a fresh credential a user refreshes and frees an allocation of an older one', t => {
  const expiring = (username: string) => ({
    tenant: 'example.org',
    user: username.slice(username.indexOf(':') + 1),
    username,
    key: longTermKey(username, REALM, 'password', 1),
    expired: false,
    paused: false,
  })
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
