import fc from 'fast-check'
import t from 'tap'
import { mappedPortKey } from '../../../src/mapping/answer.ts'
import type { MappingWay } from '../../../src/mapping/port-mappings.ts'
import { NAT_PMP, PCP, SimHome, UPNP, udp } from '../../support/sim-router.ts'

const TCP = { transport: 'tcp', port: 3478 } as const
const PORTS = [udp(3478), TCP, ...Array.from({ length: 20 }, (_, i) => udp(50000 + i))]

t.test('all ports are mapped by PCP, and the router names its address', async t => {
  const { mappings, router, ...home } = scene()
  home.pass(1)

  t.same([...router.table.keys()].sort(), PORTS.map(mappedPortKey).sort())
  t.equal(mappings.fault(home.now()), undefined)
  t.equal(mappings.way.name, 'pcp')
  t.same(mappings.external, Uint8Array.of(80, 1, 1, 7))
  t.equal(router.heard.length, PORTS.length, 'each was asked for once')
})

t.test('mappings are renewed before they end, and in the order in which they would', async t => {
  const { mappings, router, ...home } = scene()
  router.longest = 600
  home.pass(7200)

  t.equal(mappings.fault(home.now()), undefined)
  t.equal(mappings.held(home.now()).length, PORTS.length)
  for (const [port, until] of router.table) t.ok(until > home.now(), port)
})

t.test('a router that has lost its table maps everything again within ten seconds', async t => {
  for (const ways of [[PCP], [NAT_PMP]]) {
    const { mappings, router, ...home } = scene(ways)
    home.pass(100)
    router.restart(home.now())
    home.pass(11)
    t.equal(router.table.size, PORTS.length, ways[0]!.name)
    t.equal(mappings.fault(home.now()), undefined)
  }
})

t.test(
  'a router whose clock only runs a little differently is not believed to have started again',
  async t => {
    const { router, ...home } = scene([PCP])
    home.pass(2)
    const asked = router.heard.length
    // A fiftieth too slow.
    for (let i = 0; i < 100; i++) {
      router.startedAt += 200
      home.pass(10)
    }
    t.ok(router.heard.length - asked <= 101, 'one request every ten seconds')
  },
)

t.test(
  'a router whose clock stands still, or jumps with each answer, is not asked for all ports in a loop',
  async t => {
    let answers = 0
    for (const clock of [() => 0, () => (++answers % 2) * 1_000_000]) {
      for (const ways of [[PCP], [NAT_PMP]]) {
        const { mappings, router, ...home } = scene(ways)
        router.clock = clock
        home.pass(3600)
        // All of them at 0, 10, 30, 70, 150, 310 s, and then every five minutes; and a look every ten seconds.
        t.ok(router.heard.length <= 20 * (PORTS.length + 1) + 3600 / 10 + 20, `${router.heard.length}`)
        router.clock = undefined
        router.restart(home.now())
        home.pass(311)
        t.equal(router.table.size, PORTS.length)
        t.equal(mappings.fault(home.now()), undefined)
      }
    }
  },
)

t.test('the public address is followed', async t => {
  for (const ways of [[PCP], [NAT_PMP]]) {
    const { mappings, router, ...home } = scene(ways)
    home.pass(100)
    router.address = [80, 1, 1, 99]
    home.pass(11)
    t.same(mappings.external, Uint8Array.of(80, 1, 1, 99), ways[0]!.name)
    router.address = [0, 0, 0, 0]
    home.pass(11)
    t.same(mappings.external, Uint8Array.of(80, 1, 1, 99), 'none at all is no address')
  }
})

t.test('a router that only knows NAT-PMP is asked by that', async t => {
  const { mappings, router, ...home } = scene()
  router.speaks = 'nat-pmp'
  home.pass(1)

  t.equal(mappings.way.name, 'nat-pmp')
  t.same(router.heard.slice(0, 2), ['pcp?', 'nat-pmp address'])
  t.equal(router.table.size, PORTS.length)
  t.same(mappings.external, Uint8Array.of(80, 1, 1, 7))
  t.equal(mappings.fault(home.now()), undefined)
})

t.test('a router that has answered by PCP is not talked into NAT-PMP', async t => {
  const { mappings, ...home } = scene()
  home.pass(1)
  mappings.received(Uint8Array.of(0, 0x81, 0, 1, 0, 0, 0, 9), home.now())
  mappings.unreachable(home.now())
  home.pass(1)

  t.equal(mappings.way.name, 'pcp')
  t.equal(mappings.fault(home.now()), undefined)
})

t.test(
  'requests to a silent router are sent by the timers of the RFCs, and not too many of them',
  async t => {
    const { mappings, sentAt, ...home } = scene()
    home.down()
    home.pass(16)
    t.same(
      sentAt,
      [0, 3000, 9000, 9250, 9750, 10_750, 12_750],
      'PCP after 0 and 3 s, then NAT-PMP from 250 ms on, doubling',
    )
    t.match(mappings.fault(home.now()), { why: 'silent' }, 'is told')

    home.pass(3600)
    t.ok(sentAt.length < 3600 / 3, `${sentAt.length} datagrams in an hour`)
  },
)

t.test('a router that comes to life is found, also after a long silence', async t => {
  const { mappings, router, ...home } = scene()
  home.down()
  home.pass(3600)
  home.up()
  home.pass(30)
  t.equal(router.table.size, PORTS.length)
  t.equal(mappings.fault(home.now()), undefined)
})

t.test('a mapping under another number is given back, and the fault is told', async t => {
  const { mappings, router, ...home } = scene()
  router.taken.add(50003)
  home.pass(1)

  t.notOk(router.table.has('udp 50003'))
  t.match(mappings.fault(home.now()), { why: 'taken', port: udp(50003) })
  router.taken.clear()
  home.pass(61)
  t.ok(router.table.has('udp 50003'))
  t.equal(mappings.fault(home.now()), undefined)
})

t.test('a refusal is told by its reason, and asked again only when the router says so', async t => {
  const { mappings, router, ...home } = scene()
  router.refuses = 2
  home.pass(50)

  t.match(mappings.fault(home.now()), { why: 'refused', code: 2 })
  t.ok(router.heard.length <= PORTS.length, `${router.heard.length} requests`)
  router.refuses = 0
  home.pass(61)
  t.equal(mappings.fault(home.now()), undefined)
})

t.test(
  'a router that answers neither PCP nor NAT-PMP is asked by UPnP, and follows as by the others',
  async t => {
    const { mappings, router, ...home } = scene([PCP, NAT_PMP, UPNP])
    Object.assign(router, { speaks: 'nothing', hasUpnp: true })
    home.pass(18)
    t.equal(mappings.way.name, 'upnp')
    t.equal(mappings.fault(home.now()), undefined)
    t.same([...router.table.keys()].sort(), PORTS.map(mappedPortKey).sort())
    t.same(mappings.external, Uint8Array.of(80, 1, 1, 7))

    router.address = [80, 1, 1, 99]
    router.restart(home.now())
    home.pass(11)
    t.equal(router.table.size, PORTS.length, 'mapped again')
    t.same(mappings.external, Uint8Array.of(80, 1, 1, 99))

    mappings.release(home.now())
    home.pass(0)
    t.equal(router.table.size, 0)
    t.ok(mappings.isReleased)
  },
)

t.test(
  'a router that permits nothing by PCP is asked by UPnP, and its refusal is told where that is silent',
  async t => {
    const permitted = scene([PCP, NAT_PMP, UPNP])
    Object.assign(permitted.router, { refuses: 2, hasUpnp: true })
    permitted.pass(1)
    t.equal(permitted.mappings.way.name, 'upnp')
    t.equal(permitted.mappings.fault(permitted.now()), undefined)

    const { mappings, router, ...home } = scene([PCP, NAT_PMP, UPNP])
    router.refuses = 2
    home.pass(1)
    t.match(mappings.fault(home.now()), { why: 'refused', code: 2 })
    t.ok(router.heard.length <= PORTS.length, 'not asked again at once')
    router.refuses = 0
    home.pass(61)
    t.equal(mappings.fault(home.now()), undefined)
    t.equal(mappings.way.name, 'pcp')
  },
)

t.test('a router that refuses some ports only is not left for UPnP', async t => {
  const { mappings, router, ...home } = scene([PCP, NAT_PMP, UPNP])
  home.pass(1)
  Object.assign(router, { refuses: 2, hasUpnp: true })
  home.pass(1900)
  t.equal(mappings.way.name, 'pcp', 'as long as some are held')
  home.pass(3600)
  t.equal(mappings.way.name, 'upnp')
})

t.test('answers for what was not asked change nothing', async t => {
  const { mappings, router, ...home } = scene()
  home.pass(1)
  const [held, address] = [mappings.held(home.now()).length, mappings.external]
  const foreign = router.answer(PCP.dialect.map(udp(9999), 3600), home.now())!
  router.address = [6, 6, 6, 6]
  mappings.received(foreign, home.now())

  t.equal(mappings.held(home.now()).length, held)
  t.equal(mappings.external, address)
})

t.test('an unasked answer of NAT-PMP, which anybody could have written, changes nothing', async t => {
  const { mappings, router, ...home } = scene([NAT_PMP])
  home.pass(1)
  router.address = [6, 6, 6, 6]
  mappings.received(router.answer(NAT_PMP.dialect.address(), home.now())!, home.now())
  t.same(mappings.external, Uint8Array.of(80, 1, 1, 7))
})

t.test(
  'an unasked error of NAT-PMP, which may name no port, does not make the router look restarted',
  async t => {
    const { mappings, ...home } = scene([NAT_PMP])
    home.pass(1)
    const held = mappings.held(home.now()).length
    for (const length of [8, 9, 10, 12]) {
      // Refused, an epoch of 0, and port 9999 where there is room for one.
      const error = Uint8Array.of(0, 0x81, 0, 2, 0, 0, 0, 0, 0x27, 0x0f, 0, 0).subarray(0, length)
      mappings.received(error, home.now())
      t.equal(mappings.fault(home.now()), undefined)
      home.pass(1)
      t.equal(mappings.held(home.now()).length, held)
    }
  },
)

t.test('mappings are given back, and a router that does not answer holds nothing up', async t => {
  const { mappings, router, ...home } = scene()
  home.pass(1)
  mappings.release(home.now())
  home.pass(0)
  t.equal(router.table.size, 0)
  t.ok(mappings.isReleased)

  const lost = scene()
  lost.pass(100)
  lost.router.startedAt = lost.now()
  lost.mappings.received(lost.router.answer(PCP.dialect.map(PORTS[0]!, 3600), lost.now())!, lost.now())
  lost.mappings.release(lost.now())
  lost.pass(0)
  t.equal(lost.router.table.size, 0, 'also those of a router that only seems to have lost its table')

  const other = scene()
  other.pass(1)
  other.down()
  other.mappings.release(other.now())
  other.pass(5)
  t.ok(other.mappings.isReleased)
})

t.test('whatever a router sends, mappings go on, and send little', async t => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('octets' as const), octets: fc.uint8Array({ maxLength: 80 }) }),
    fc.record({ kind: fc.constant('pass' as const), seconds: fc.nat(700) }),
    fc.record({ kind: fc.constant('set' as const), refuses: fc.nat(14), longest: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant('restart' as const) }),
    fc.record({
      kind: fc.constant('speak' as const),
      speaks: fc.constantFrom('both', 'nat-pmp', 'nothing'),
      hasUpnp: fc.boolean(),
    }),
  )
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const { mappings, router, sentAt, ...home } = scene([PCP, NAT_PMP, UPNP])
        let passed = 0
        let restarts = 1
        for (const one of steps) {
          if (one.kind === 'octets') mappings.received(one.octets, home.now())
          else if (one.kind === 'restart') {
            router.restart(home.now())
            restarts++
          } else if (one.kind === 'set') Object.assign(router, { refuses: one.refuses, longest: one.longest })
          else if (one.kind === 'speak') Object.assign(router, { speaks: one.speaks, hasUpnp: one.hasUpnp })
          else {
            passed += one.seconds
            home.pass(one.seconds)
          }
        }
        // A mapping is asked for every four seconds at most.
        if (sentAt.length > (PORTS.length + 1) * (passed / 4 + 2 * restarts + steps.length + 1)) return false
        Object.assign(router, { refuses: 0, longest: 7200, speaks: 'both', hasUpnp: true })
        home.pass(400)
        return mappings.fault(home.now()) === undefined && router.table.size === PORTS.length
      }),
      { numRuns: 50 },
    ),
  )
})

function scene(ways: readonly MappingWay[] = [PCP, NAT_PMP]) {
  const home = new SimHome(PORTS, ways)
  const { mappings, router, sentAt } = home
  return {
    mappings,
    router,
    sentAt,
    now: () => home.now,
    pass: (seconds: number) => home.pass(seconds),
    down: () => {
      home.isDown = true
    },
    up: () => {
      home.isDown = false
    },
  }
}
