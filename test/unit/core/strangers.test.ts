import t from 'tap'
import { address, parseAddress } from '../../../src/base/address.ts'
import type { Time } from '../../../src/base/time.ts'
import { Proofs } from '../../../src/core/trust/proofs.ts'
import { Strangers } from '../../../src/core/trust/strangers.ts'
import { GcraTable } from '../../../src/limits/gcra-table.ts'
import { REQUESTED_TRANSPORT, XOR_MAPPED_ADDRESS } from '../../../src/wire/attributes.ts'
import { get, type MessageWriter, Method } from '../../../src/wire/message.ts'
import { challenge } from '../../sim/craft.ts'
import { dice, octets } from '../../sim/random.ts'
import { minutes, Sim, type SimOptions, seconds } from '../../sim/sim.ts'
import type { SimClient } from '../../sim/sim-client.ts'

const NOW = 1_800_000_000_000 as Time
/** What an operator gets who sets nothing. */
const DEFAULTS = { unverifiedAnswersPerNetwork: 100, unverifiedAnswers: 10_000, backOff: true } as const

function guarded(limits: SimOptions['limits'] = {}): Sim {
  return new Sim({ limits: { ...DEFAULTS, ...limits } })
}

/** How many of so many requests without credentials are answered, all at one moment. */
function answered(client: SimClient, count: number, method: number = Method.Allocate): number {
  let answers = 0
  for (let i = 0; i < count; i++) if (client.ask(method, { sign: 'none' })) answers++
  return answers
}

t.test('one source gets a burst of answers, and then as many as flow back [SEC-29, ABU-04]', t => {
  const sim = guarded()
  const mallory = sim.client('192.0.2.66:1000')

  t.equal(answered(mallory, 500), 100, 'a tenth of ten seconds of its network')
  sim.advance(seconds(1))
  t.equal(answered(mallory, 500), 10)
  sim.advance(seconds(60))
  t.equal(answered(mallory, 500), 100)
  t.end()
})

for (const method of [Method.Allocate, Method.Refresh, Method.CreatePermission, Method.ChannelBind]) {
  t.test(`after the cap there is no answer to method ${method}, nor to Binding [SEC-30, ABU-03]`, t => {
    const sim = guarded()
    const mallory = sim.client('192.0.2.66:1000')
    answered(mallory, 100, method)

    t.equal(answered(mallory, 50, method), 0)
    t.equal(answered(mallory, 50, Method.Binding), 0)
    t.ok(sim.counters.read('dropUnverified') >= 100)
    t.end()
  })
}

t.test('one address gets half of what its network gets, so neighbours are served [SEC-29]', t => {
  const sim = guarded()
  let answers = 0
  for (let port = 1; port <= 20; port++) answers += answered(sim.client(`192.0.2.66:${port}`), 50)

  t.equal(answers, 500)
  t.equal(answered(sim.client('192.0.2.67:1000'), 50), 50)
  t.end()
})

t.test('a network is a /24 of IPv4 and a /56 of IPv6 [SEC-29]', t => {
  const sim = guarded()
  let answers = 0
  for (let host = 1; host <= 30; host++) answers += answered(sim.client(`192.0.2.${host}:1`), 50)
  t.equal(answers, 1000)
  t.equal(answered(sim.client('192.0.3.1:1'), 50), 50, 'the network next to it')

  answers = 0
  for (let host = 1; host <= 30; host++)
    answers += answered(sim.client(`[2a00:0:0:1${host.toString(16).padStart(2, '0')}::1]:1`), 50)
  t.equal(answers, 1000)
  t.equal(answered(sim.client('[2a00:0:0:200::1]:1'), 50), 50, 'the network next to it')
  t.end()
})

t.test('matrix-js-sdk with twenty sessions on several interfaces gets all it asks for at once', t => {
  const sim = guarded({ peersPerUserPerMinute: 600 })
  const clients = Array.from({ length: 84 }, (_, i) => sim.client(`192.0.2.10:${50_000 + i}`))
  for (const client of clients) {
    client.binding()
    client.allocate()
  }

  t.equal(sim.allocations, 84)
  t.equal(sim.counters.read('dropUnverified'), 0)
  t.end()
})

t.test('a house of four such clients behind one address is served in the same moment', t => {
  const sim = guarded()
  for (let i = 0; i < 4 * 84; i++) {
    const client = sim.client(`192.0.2.10:${40_000 + i}`, { user: `@member${i % 4}:example.org` })
    client.allocate()
  }

  t.equal(sim.allocations, 4 * 84)
  t.equal(sim.counters.read('dropUnverified'), 0)
  t.end()
})

t.test('who has a nonce gets in while an attacker forges the whole network [ABU-04]', t => {
  const sim = guarded()
  const alice = sim.client('192.0.2.10:50000')
  const { nonce } = challenge(alice)
  for (let host = 1; host <= 255; host++) answered(sim.client(`192.0.2.${host}:1`), 20)
  t.equal(answered(sim.client('192.0.2.10:2'), 5), 0, 'the network is used up')

  t.equal(alice.code(Method.Allocate, { nonce, fields: udp }), 0)
  t.end()
})

t.test('a call goes on whatever happens in its network [SEC-29]', t => {
  const sim = guarded()
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  for (let host = 1; host <= 255; host++) answered(sim.client(`192.0.2.${host}:1`), 20)

  t.equal(alice.refresh().kind, 'refreshed')
  t.ok(get(alice.ask(Method.Binding)!, XOR_MAPPED_ADDRESS), 'keeps its mapping alive by Binding')
  sim.advance(minutes(9))
  answered(alice, 200)
  t.equal(alice.refresh().kind, 'refreshed')
  t.end()
})

t.test('what is forged on UDP takes nothing from TCP', t => {
  const sim = guarded()
  for (let host = 1; host <= 255; host++) answered(sim.client(`192.0.2.${host}:1`), 20)

  t.equal(sim.client('192.0.2.10:50000', { via: 'tcp' }).allocate().kind, 'allocated')
  t.equal(answered(sim.client('192.0.2.11:50001', { via: 'tcp' }), 500), 100, 'which has a limit of its own')
  t.end()
})

t.test('all together get so many, and known networks more [ABU-03]', t => {
  const sim = guarded({ unverifiedAnswers: 200 })
  sim.client('192.0.2.10:50000').allocate()
  let answers = 0
  for (let net = 1; net <= 100; net++) answers += answered(sim.client(`203.0.${net}.1:1`), 5)

  t.equal(answers, 199, 'a second of it, and alice had one')
  t.equal(answered(sim.client('192.0.2.99:1'), 20), 20, 'a network in which somebody has proved themselves')
  sim.advance(minutes(24 * 60 + 1))
  answers = 0
  for (let net = 1; net <= 100; net++) answers += answered(sim.client(`203.0.${net}.1:1`), 5)
  t.equal(answered(sim.client('192.0.2.99:1'), 20), 0, 'which is forgotten after a day')
  t.end()
})

t.test(
  'a forged integrity with a nonce from nowhere is answered no more than a bare request [SEC-28, SEC-29]',
  t => {
    const sim = guarded()
    const mallory = sim.client('192.0.2.66:1000')
    let answers = 0
    for (let i = 0; i < 300; i++) {
      if (
        mallory.ask(Method.Allocate, { nonce: 'obMatJos2gAAA0123456789abcdef', password: 'x', fields: udp })
      )
        answers++
    }

    t.ok(answers <= 100, `${answers} answers`)
    t.end()
  },
)

t.test('three thousand unproved sources leave nothing behind [SEC-28, SEC-20]', t => {
  const sim = guarded()
  const before = JSON.stringify(sim.relay.sizes())
  for (let i = 0; i < 3000; i++) {
    const mallory = sim.client(`198.${18 + (i >> 8)}.${i & 255}.7:1000`, { registered: false })
    mallory.ask(Method.Binding)
    mallory.ask(Method.Allocate, { sign: 'none' })
    mallory.ask(Method.Allocate, { nonce: 'x', realm: 'elsewhere.example', fields: udp })
    mallory.ask(Method.Refresh, { nonce: 'x', fields: udp })
  }

  t.equal(JSON.stringify(sim.relay.sizes()), before)
  const alice = sim.client('192.0.2.10:50000')
  t.equal(alice.allocate().kind, 'allocated')
  t.equal(alice.turn.realm, 'example.org', 'no realm but ours')
  t.end()
})

t.test('a flood is one fact in ten seconds, with its size [ABU-15]', t => {
  const sim = guarded()
  const mallory = sim.client('192.0.2.66:1000')
  answered(mallory, 400)
  sim.advance(seconds(12))

  const told = sim.told('throttled')
  t.equal(told.length, 1)
  t.match(told[0], { why: 'unverified', count: 300 })
  sim.advance(seconds(60))
  t.equal(sim.told('throttled').length, 1, 'and no more when it is over')
  t.end()
})

t.test('passwords are guessed ever more slowly [SEC-38]', t => {
  const sim = guarded()
  const mallory = sim.client('192.0.2.66:1000')
  sim.register('@alice:example.org', 'right')
  const { nonce } = challenge(mallory)
  const guess = (password = 'wrong') =>
    mallory.code(Method.Allocate, { nonce, username: '@alice:example.org', password, fields: udp })

  const tried = () => sim.counters.read('authWrongSecret')
  for (let i = 0; i < 50; i++) t.equal(guess(), 401)
  const atOnce = tried()
  t.ok(atOnce >= 10 && atOnce <= 15, `${atOnce} at once`)
  t.equal(guess('right'), 401, 'nor is the right one looked at meanwhile')
  for (let i = 0; i < 590; i++) {
    sim.advance(seconds(1))
    guess()
  }
  t.ok(tried() - atOnce <= 600 / 30 + 1, `${tried() - atOnce} more in ten minutes`)
  sim.advance(seconds(155))
  t.equal(
    mallory.code(Method.Allocate, {
      nonce: challenge(mallory).nonce,
      username: '@alice:example.org',
      password: 'right',
      fields: udp,
    }),
    0,
    'and then it is forgotten',
  )
  t.ok(sim.counters.read('authGuessing') > 500)
  t.ok(sim.told('throttled').some(({ why }) => why === 'guessing'))
  t.end()
})

t.test('whoever guesses locks out nobody else: not the user elsewhere, not others at the same address', t => {
  const sim = guarded()
  const mallory = sim.client('192.0.2.66:1000')
  const alice = sim.client('192.0.3.10:50000', { user: '@alice:example.org' })
  const bob = sim.client('192.0.2.66:2000', { user: '@bob:example.org' })
  const { nonce } = challenge(mallory)
  for (let i = 0; i < 100; i++) {
    mallory.ask(Method.Allocate, { nonce, username: '@alice:example.org', password: 'wrong', fields: udp })
  }

  t.equal(alice.allocate().kind, 'allocated')
  t.equal(bob.allocate().kind, 'allocated')
  t.end()
})

t.test('a forged source cannot lock out the user whose address it forges', t => {
  const sim = guarded()
  const alice = sim.client('192.0.2.10:50000')
  const { nonce } = challenge(alice)
  for (let i = 0; i < 90; i++) {
    // From her very address, but without the nonce that went there.
    alice.ask(Method.Allocate, { nonce: 'obMatJos2gAAA0123456789abcdef', password: 'wrong', fields: udp })
  }

  t.equal(alice.code(Method.Allocate, { nonce, fields: udp }), 0)
  t.end()
})

t.test('guesses without a fresh nonce are slowed down too', t => {
  const sim = guarded()
  const mallory = sim.client('192.0.2.66:1000')
  sim.register('@alice:example.org', 'right')
  for (let i = 0; i < 90; i++) {
    const password = i === 50 ? 'right' : 'wrong'
    const nonce = 'obMatJos2gAAA0123456789abcdef'
    const code = mallory.code(Method.Allocate, {
      nonce,
      username: '@alice:example.org',
      password,
      fields: udp,
    })
    t.equal(code, 401)
  }

  const tried = sim.counters.read('authWrongSecret')
  t.ok(tried <= 15, `${tried} were tried`)
  t.equal(sim.counters.read('authStaleNonce'), 0, 'the right one was not among them')
  t.end()
})

t.test('S-13: a neighbour behind the same NAT who guesses at a known name does not lock its user out', t => {
  const sim = guarded()
  const user = '@alice:example.org'
  const before = sim.client('192.0.2.66:5000', { user })
  t.equal(before.allocate().kind, 'allocated')
  before.refresh(0)
  let ports = 10_000
  const guess = () => {
    const mallory = sim.client(`192.0.2.66:${ports++}`)
    const { nonce } = challenge(mallory)
    mallory.ask(Method.Allocate, { nonce, username: user, password: 'wrong', fields: udp })
  }
  for (let minute = 0; minute < 60; minute++) {
    for (let i = 0; i < 20; i++) guess()
    sim.advance(seconds(60))
  }
  for (let i = 0; i < 20; i++) guess()

  t.equal(sim.client('192.0.2.66:6000', { user }).allocate().kind, 'allocated')
  t.end()
})

t.test('S-13: a network full of guesses does not lock out those in it who have made none', t => {
  const sim = guarded()
  let ports = 10_000
  for (let i = 0; i < 3000; i++) {
    if (i % 50 === 0) sim.advance(seconds(1))
    const mallory = sim.client(`192.0.2.${60 + (i % 3)}:${ports++}`)
    const { nonce } = challenge(mallory)
    const username = `@user${i}:example.org`
    mallory.ask(Method.Allocate, { nonce, username, password: 'wrong', fields: udp })
  }
  sim.advance(seconds(1))

  t.equal(sim.client('192.0.2.60:6000', { user: '@bob:example.org' }).allocate().kind, 'allocated')
  t.equal(sim.client('192.0.2.99:6000', { user: '@eve:example.org' }).allocate().kind, 'allocated')
  t.end()
})

t.test('S-13: one socket has a dozen guesses, whatever the names', t => {
  const sim = guarded()
  const mallory = sim.client('192.0.2.66:1000')
  const { nonce } = challenge(mallory)
  for (let i = 0; i < 90; i++) {
    const username = `@user${i}:example.org`
    sim.register(username, 'right')
    mallory.ask(Method.Allocate, { nonce, username, password: 'wrong', fields: udp })
  }

  const tried = sim.counters.read('authWrongSecret')
  t.ok(tried >= 10 && tried <= 15, `${tried} were tried`)
  t.end()
})

t.test('S-05: logins from a whole /48 leave the networks of others known', t => {
  const strangers = new Strangers(table(), new Proofs(), DEFAULTS)
  const home = parseAddress('[2a00:5:0:101::1]:50000')!
  const alice1 = { tenant: 'example.org', user: '@alice:example.org' }
  const evil = { tenant: 'example.org', user: '@evil:example.org' }
  strangers.proved(home, 'udp', '1:@alice:example.org', alice1, NOW)
  for (let i = 0; i < 70_000; i++) {
    const from = parseAddress(`[2a00:1:2:${(i & 0xffff).toString(16)}::${1 + (i >> 16)}]:5000`)!
    strangers.proved(from, 'udp', `${i}:@evil:example.org`, evil, NOW)
  }
  let others = 0
  for (let i = 0; i < 20_000; i++) {
    const from = parseAddress(`[2a01:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::1]:5000`)!
    if (strangers.chargeAnswer(from, 'udp', NOW)) others++
  }

  t.ok(others < 20_000, `${others} answers for all together`)
  t.notOk(strangers.chargeAnswer(parseAddress('[2a00:99::1]:9')!, 'udp', NOW), 'an unknown network waits')
  t.ok(strangers.chargeAnswer(parseAddress('[2a00:5:0:102::9]:9')!, 'udp', NOW), 'a known one does not')
  t.end()
})

t.test('S-05: no more is reflected to a network for all the logins of one user', t => {
  const strangers = new Strangers(table(), new Proofs(), DEFAULTS)
  const roll = dice(7)
  for (let i = 0; i < 65_536; i++) {
    const evil = { tenant: 'example.org', user: '@a:example.org' }
    strangers.proved(parseAddress('198.51.100.7:5000')!, 'udp', `${i}:@a:example.org`, evil, NOW)
  }
  let answers = 0
  for (let i = 0; i < 600_000; i++) {
    const now = (NOW + Math.floor(i / 60)) as Time
    const isVictim = i % 6 === 0
    const ip = isVictim
      ? Uint8Array.of(203, 0, 113, (i / 6) & 255)
      : Uint8Array.from({ length: 4 }, () => Math.floor(roll() * 256))
    if (strangers.chargeAnswer(address(ip, 1024 + (i % 60)), 'udp', now) && isVictim) answers++
  }

  t.ok(answers <= 2000, `${answers} answers in ten seconds`)
  t.end()
})

t.test('S-05: an IPv6 /48 has four times what a /56 of it has', t => {
  const strangers = new Strangers(table(), new Proofs(), { unverifiedAnswersPerNetwork: 100, backOff: true })
  let answers = 0
  for (let i = 0; i < 65_536; i++) {
    if (strangers.chargeAnswer(parseAddress(`[2a00:1:2:${i.toString(16)}::1]:5000`)!, 'udp', NOW)) answers++
  }

  t.equal(answers, 4000)
  t.end()
})

t.test('a wrong password on the 5-tuple of a call does not touch the call', t => {
  const sim = guarded()
  const alice = sim.client('192.0.2.10:50000')
  alice.allocate()
  for (let i = 0; i < 500; i++) alice.ask(Method.Refresh, { password: 'wrong' })

  t.ok(alice.raw.length < 120, `${alice.raw.length} answers`)
  t.equal(alice.refresh().kind, 'refreshed')
  t.end()
})

t.test('without limits there are none', t => {
  const sim = new Sim()
  t.equal(answered(sim.client('192.0.2.66:1000'), 1500), 1500)
  t.end()
})

function udp(writer: MessageWriter): void {
  writer.set(REQUESTED_TRANSPORT, 17)
}

function table(): GcraTable {
  return new GcraTable(GcraTable.memory(octets(dice(5))))
}
