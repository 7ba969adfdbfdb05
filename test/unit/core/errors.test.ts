import t from 'tap'
import {
  CHANNEL_NUMBER,
  ERROR_CODE,
  EVEN_PORT,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { integrityKind } from '../../../src/wire/integrity.ts'
import { get, type Message, type MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { challenge, rawAttribute } from '../../sim/craft.ts'
import { Sim } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

/** Ways to each error that a client can bring about; before them `before`, on an allocation if `allocated`. */
const CASES: readonly {
  readonly code: number
  readonly why: string
  readonly method: number
  readonly allocated?: boolean
  readonly fields?: (writer: MessageWriter, sim: Sim) => unknown
  readonly before?: (alice: SimClient, sim: Sim) => unknown
}[] = [
  { code: 400, why: 'no transport', method: Method.Allocate },
  { code: 400, why: 'no peer', method: Method.CreatePermission, allocated: true },
  { code: 400, why: 'no channel', method: Method.ChannelBind, allocated: true },
  {
    code: 403,
    why: 'denied peer',
    method: Method.CreatePermission,
    allocated: true,
    fields: (writer, sim) => writer.set(XOR_PEER_ADDRESS, sim.peer('10.0.0.1:1').address),
  },
  {
    code: 403,
    why: 'denied peer',
    method: Method.ChannelBind,
    allocated: true,
    fields: (writer, sim) =>
      writer.set(CHANNEL_NUMBER, 0x4000).set(XOR_PEER_ADDRESS, sim.peer('10.0.0.1:1').address),
  },
  {
    code: 420,
    why: 'unknown attribute',
    method: Method.Refresh,
    allocated: true,
    fields: writer => writer.set(rawAttribute(0x7f00), Buffer.alloc(0)),
  },
  { code: 437, why: 'no allocation', method: Method.Refresh },
  { code: 437, why: 'an allocation already', method: Method.Allocate, allocated: true },
  {
    code: 440,
    why: 'unknown family',
    method: Method.Allocate,
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(REQUESTED_ADDRESS_FAMILY, 9),
  },
  {
    code: 442,
    why: 'TCP towards peers',
    method: Method.Allocate,
    fields: writer => writer.set(REQUESTED_TRANSPORT, 6),
  },
  {
    code: 443,
    why: 'another family',
    method: Method.CreatePermission,
    allocated: true,
    fields: (writer, sim) => writer.set(XOR_PEER_ADDRESS, sim.peer('[2a00::1]:1').address),
  },
  {
    code: 486,
    why: 'quota',
    method: Method.Allocate,
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17).set(EVEN_PORT, true),
  },
  {
    code: 508,
    why: 'no port',
    method: Method.Allocate,
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17),
    before: (_alice, sim) => sim.failNextBind('EADDRINUSE'),
  },
  {
    code: 508,
    why: 'draining',
    method: Method.Allocate,
    fields: writer => writer.set(REQUESTED_TRANSPORT, 17),
    before: (_alice, sim) => sim.drain(true),
  },
]

for (const one of CASES) {
  t.test(
    `${one.code}, ${one.why} (method ${one.method}): with ERROR-CODE, signed, and told [TURN-ERR-GEN]`,
    t => {
      for (const reasonPhrases of [false, true]) {
        const sim = new Sim({ allocationsPerUser: 1, config: { reasonPhrases } })
        const alice = sim.client('192.0.2.10:50000')
        if (one.allocated) alice.allocate()
        one.before?.(alice, sim)

        const answer = alice.ask(one.method, { fields: writer => void one.fields?.(writer, sim) })!

        t.equal(answer.class, 'error')
        t.equal(answer.method, one.method)
        t.equal(get(answer, ERROR_CODE)?.code, one.code)
        t.equal((get(answer, ERROR_CODE)?.reason.length ?? 0) > 0, reasonPhrases)
        t.equal(integrityKind(answer), 'sha1')
        t.match(sim.told('rejected').at(-1), { code: one.code, from: alice.address, via: 'udp' })
        t.equal(sim.counters.read(`error${one.code}` as 'error400'), 1)
      }
      t.end()
    },
  )
}

t.test('the four ways not to be let in are told apart [TURN-ERR-401]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  const nonce = challenge(alice).nonce

  alice.ask(Method.Allocate, { sign: 'none' })
  alice.ask(Method.Allocate, { nonce, username: 'nobody' })
  alice.ask(Method.Allocate, { nonce, password: 'wrong' })
  alice.ask(Method.Allocate, { nonce, realm: 'example.com' })

  t.same(
    sim.told('rejected').map(event => event.why),
    ['first-401', 'first-401', 'unknown-user', 'wrong-secret', 'wrong-realm'],
  )
  t.match(sim.told('rejected').at(-1), { username: alice.user })
  t.equal(sim.counters.read('unauthenticated'), 2)
  t.equal(sim.counters.read('authWrongSecret'), 1)
  t.end()
})

t.test('no error answer is longer than it need be', t => {
  const alice = new Sim({ config: { sha256: false } }).client('192.0.2.10:50000')

  const first = alice.ask(Method.Allocate, { sign: 'none' })!
  const bad = alice.ask(Method.Allocate, { sign: 'sha1', realm: null })!

  t.ok(first.bytes.length <= 92, `${first.bytes.length} octets of challenge`)
  t.equal(bad.bytes.length, 28)
  t.end()
})

t.test('every error answer has an ERROR-CODE, whatever is asked [TURN-ERR-GEN]', t => {
  const sim = new Sim()
  const alice = sim.client('192.0.2.10:50000')
  for (let method = 0; method < 16; method++) {
    for (const sign of ['none', 'sha1', 'sha256', 'both'] as const) {
      alice.sendRaw(alice.craft(method, { sign }))
      alice.sendRaw(alice.craft(method, { sign, fields: w => w.set(rawAttribute(0x7f00), Buffer.alloc(3)) }))
    }
  }

  const errors = alice.raw.map(bytes => parse(bytes) as Message).filter(message => message.class === 'error')
  t.ok(errors.length > 20)
  for (const error of errors) t.ok((get(error, ERROR_CODE)?.code ?? 0) >= 300)
  t.end()
})
