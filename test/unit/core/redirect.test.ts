import t from 'tap'
import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import {
  ALTERNATE_DOMAIN,
  ALTERNATE_SERVER,
  ERROR_CODE,
  REQUESTED_TRANSPORT,
} from '../../../src/wire/attributes.ts'
import { integrityKind } from '../../../src/wire/integrity.ts'
import { all, get, has, type Message, type MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { MD5, OFFERED, rawAttribute, SHA256 } from '../../sim/craft.ts'
import { Sim, type SimOptions } from '../../sim/sim.ts'
import { codeOf } from '../../sim/sim-client.ts'

const FOUR = parseAddress('203.0.113.99:3478')!
const SIX = parseAddress('[2001:db8:cafe::99]:3478')!
const allocate = (writer: MessageWriter) => {
  writer.set(REQUESTED_TRANSPORT, 17)
}

t.test(
  'while draining an Allocate is answered 300, signed, with where to go [STUN-ALT-01, STUN-ALT-02, STUN-ALT-07, TURN-ERR-300]',
  t => {
    const sim = draining({ addresses: [FOUR, SIX] })
    const alice = sim.client('192.0.2.10:50000')

    const answer = alice.ask(Method.Allocate, { fields: allocate })!

    t.equal(codeOf(answer), 300)
    t.equal(integrityKind(answer), 'sha1')
    t.ok(has(answer, ALTERNATE_SERVER))
    t.end()
  },
)

for (const [why, what, code] of [
  ['no credentials', { sign: 'none' }, 401],
  ['a wrong password', { password: 'wrong' }, 401],
  ['an unknown user', { username: 'nobody' }, 401],
  ['a stale nonce', { nonce: 'obMatJos2AAAAstale' }, 438],
] as const) {
  t.test(`with ${why} nobody is told of the alternate server: ${code} [STUN-ALT-01, TURN-ERR-300]`, t => {
    const alice = draining({ addresses: [FOUR] }).client('192.0.2.10:50000')

    const answer = alice.ask(Method.Allocate, { ...what, fields: allocate })!

    t.equal(codeOf(answer), code)
    t.notOk(has(answer, ALTERNATE_SERVER))
    t.end()
  })
}

for (const [at, first, second] of [
  ['192.0.2.10:50000', FOUR, SIX],
  ['[2001:db8::10]:50000', SIX, FOUR],
] as const) {
  t.test(
    `for a client at ${at} the alternate of its own family comes first [STUN-ALT-03, STUN-ALT-04]`,
    t => {
      for (const addresses of [
        [FOUR, SIX],
        [SIX, FOUR],
      ]) {
        const answer = draining({ addresses }).client(at).ask(Method.Allocate, { fields: allocate })!
        t.same(all(answer, ALTERNATE_SERVER).map(formatAddress), [first, second].map(formatAddress))
      }
      t.end()
    },
  )

  t.test(`for a client at ${at} with no alternate of its family there is none: 508 [STUN-ALT-03]`, t => {
    const answer = draining({ addresses: [second] })
      .client(at)
      .ask(Method.Allocate, { fields: allocate })!
    t.equal(codeOf(answer), 508)
    t.notOk(has(answer, ALTERNATE_SERVER))
    t.end()
  })
}

t.test('ALTERNATE-SERVER is written without a mask [STUN-ALT-06]', t => {
  const answer = draining({ addresses: [FOUR] })
    .client('192.0.2.10:50000')
    .ask(Method.Allocate, { fields: allocate })!

  t.equal(get(answer, rawAttribute(ALTERNATE_SERVER.type))?.toString('hex'), '00010d96cb007163')
  t.end()
})

for (const [via, chosen, expected] of [
  ['tls', SHA256, 'other.example.org'],
  ['tls', MD5, 'other.example.org'],
  ['tls', undefined, undefined],
  ['udp', SHA256, undefined],
  ['tcp', SHA256, undefined],
] as const) {
  const how = chosen ? `with algorithm ${chosen.algorithm}` : 'with SHA-1'
  t.test(`over ${via} ${how} the alternate's name is ${expected ?? 'not told'} [STUN-ALT-05]`, t => {
    const sim = draining({ addresses: [FOUR], domain: 'other.example.org' })
    const alice = sim.client('192.0.2.10:50000', { via })

    const answer = alice.ask(Method.Allocate, {
      fields: allocate,
      ...(chosen ? { offers: OFFERED, chosen, sign: 'sha256' as const } : {}),
    })!

    t.equal(codeOf(answer), 300)
    t.equal(get(answer, ALTERNATE_DOMAIN), expected)
    t.end()
  })
}

t.test('live allocations are not sent away, and Binding never is [STUN-ALT-07]', t => {
  const sim = new Sim({ config: { alternate: { addresses: [FOUR] } } })
  const alice = sim.client('192.0.2.10:50000')
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()

  sim.drain(true)
  alice.binding()
  alice.refresh()
  alice.permit(bob)
  alice.bind(0x4001, bob)
  alice.send(0x4001, 'hello')

  t.same(alice.errors, [])
  t.same(bob.inbox, ['hello'])
  t.end()
})

t.test(
  'an Allocate sent again while draining gets the answer it got before [STUN-ALT-07, TURN-GEN-07]',
  t => {
    const sim = new Sim({ config: { alternate: { addresses: [FOUR] } } })
    const alice = sim.client('192.0.2.10:50000')
    const request = alice.craft(Method.Allocate, { fields: allocate })
    alice.sendRaw(request)

    sim.drain(true)
    alice.sendRaw(request)

    t.same(alice.raw.at(-1), alice.raw.at(-2))
    t.equal(codeOf(parse(alice.raw.at(-1)!) as Message), 0)
    t.end()
  },
)

t.test('the class and number of 300 are written as such', t => {
  const answer = draining({ addresses: [FOUR] })
    .client('192.0.2.10:50000')
    .ask(Method.Allocate, { fields: allocate })!

  t.equal(get(answer, rawAttribute(ERROR_CODE.type))?.toString('hex'), '00000300')
  t.end()
})

function draining(alternate: NonNullable<NonNullable<SimOptions['config']>['alternate']>): Sim {
  const sim = new Sim({ config: { alternate } })
  sim.drain(true)
  return sim
}
