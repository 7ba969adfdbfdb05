import t from 'tap'
import { formatAddress, parseAddress } from '../../../src/base/address.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ADDRESS_ERROR_CODE,
  DONT_FRAGMENT,
  DRAFT_ADDITIONAL_ADDRESS_FAMILY,
  EVEN_PORT,
  LIFETIME,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
  UNKNOWN_ATTRIBUTES,
  XOR_MAPPED_ADDRESS,
  XOR_RELAYED_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { all, get, has, type Message, type MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { rawAttribute } from '../../sim/craft.ts'
import { minutes, Sim } from '../../sim/sim.ts'
import { codeOf, type SimClient } from '../../sim/sim-client.ts'

const ALICE = '192.0.2.10:50000'
const UDP = 17
const TOKEN = Buffer.alloc(8, 1)

t.test('success carries relayed address, lifetime and mapped address [TURN-ALLOC-18]', t => {
  const alice = new Sim().client(ALICE)

  const answer = allocate(alice)!

  t.same(
    answer.attributes.map(attribute => attribute.type),
    [0x0016, 0x000d, 0x0020, 0x0008],
  )
  t.equal(formatAddress(get(answer, XOR_MAPPED_ADDRESS)!), ALICE)
  t.match(formatAddress(get(answer, XOR_RELAYED_ADDRESS)!), /^203\.0\.113\.1:/)
  t.equal(get(answer, LIFETIME), 600)
  t.end()
})

t.test('the answer goes to the 5-tuple of the request, and nowhere else [TURN-ALLOC-19]', t => {
  const sim = new Sim({ openDelay: 50 })
  const alice = sim.client(ALICE)
  const neighbour = sim.client('192.0.2.10:50001')

  alice.allocate()

  t.equal(alice.raw.length, 2)
  t.same(neighbour.raw, [])
  t.end()
})

t.test('without REQUESTED-TRANSPORT: 400 [TURN-ALLOC-02, TURN-ERR-400]', t => {
  const alice = new Sim().client(ALICE)

  const answer = alice.ask(Method.Allocate)!

  t.equal(codeOf(answer), 400)
  t.ok(has(answer, rawAttribute(0x0008)), 'signed')
  t.end()
})

for (const transport of [0, 1, 6, 16, 18, 132, 255]) {
  t.test(`transport protocol ${transport} towards peers: 442 [TURN-ALLOC-03, TURN-ERR-442]`, t => {
    const alice = new Sim().client(ALICE)

    const code = alice.code(Method.Allocate, { fields: writer => writer.set(REQUESTED_TRANSPORT, transport) })

    t.equal(code, 442)
    t.end()
  })
}

t.test(
  'the reserved octets of REQUESTED-TRANSPORT and of the families are not looked at [TURN-ALLOC-04, TURN-ALLOC-11]',
  t => {
    const alice = new Sim().client(ALICE)

    const code = alice.code(Method.Allocate, {
      fields: writer =>
        writer
          .set(rawAttribute(REQUESTED_TRANSPORT.type), Buffer.of(UDP, 0xff, 0xff, 0xff))
          .set(rawAttribute(REQUESTED_ADDRESS_FAMILY.type), Buffer.of(1, 0xff, 0xff, 0xff)),
    })

    t.equal(code, 0)
    t.end()
  },
)

t.test('DONT-FRAGMENT where DF cannot be set: 420 that lists it [TURN-ALLOC-05, TURN-ERR-420]', t => {
  const alice = new Sim().client(ALICE)

  const answer = allocate(alice, writer => writer.set(DONT_FRAGMENT, true))!

  t.equal(codeOf(answer), 420)
  t.same(get(answer, UNKNOWN_ATTRIBUTES), [0x001a])
  t.end()
})

t.test('DONT-FRAGMENT where DF can be set: success [TURN-ALLOC-05]', t => {
  const alice = new Sim({ config: { dontFragment: true } }).client(ALICE)

  t.equal(codeOf(allocate(alice, writer => writer.set(DONT_FRAGMENT, true))), 0)
  t.end()
})

for (const [name, other] of [
  ['EVEN-PORT', (writer: MessageWriter) => writer.set(EVEN_PORT, false)],
  ['EVEN-PORT with R', (writer: MessageWriter) => writer.set(EVEN_PORT, true)],
  ['REQUESTED-ADDRESS-FAMILY', (writer: MessageWriter) => writer.set(REQUESTED_ADDRESS_FAMILY, 1)],
  ['ADDITIONAL-ADDRESS-FAMILY', (writer: MessageWriter) => writer.set(ADDITIONAL_ADDRESS_FAMILY, 2)],
] as const) {
  t.test(`RESERVATION-TOKEN and ${name}, in either order: 400 [TURN-ALLOC-06]`, t => {
    const alice = new Sim().client(ALICE)

    t.equal(codeOf(allocate(alice, writer => other(writer.set(RESERVATION_TOKEN, TOKEN)))), 400)
    t.equal(codeOf(allocate(alice, writer => other(writer).set(RESERVATION_TOKEN, TOKEN))), 400)
    t.end()
  })
}

t.test('an unknown token: 508 [TURN-ALLOC-07, TURN-ERR-508]', t => {
  const alice = new Sim().client(ALICE)

  t.equal(codeOf(allocate(alice, writer => writer.set(RESERVATION_TOKEN, TOKEN))), 508)
  t.end()
})

t.test('REQUESTED- and ADDITIONAL-ADDRESS-FAMILY together: 400 [TURN-ALLOC-08]', t => {
  const alice = new Sim().client(ALICE)

  for (const family of [1, 2]) {
    const both = (writer: MessageWriter) =>
      writer.set(REQUESTED_ADDRESS_FAMILY, family).set(ADDITIONAL_ADDRESS_FAMILY, 2)
    t.equal(codeOf(allocate(alice, both)), 400)
  }
  t.end()
})

for (const [served, wanted, code] of [
  [[4], 1, 0],
  [[4], 2, 440],
  [[6], 1, 440],
  [[6], 2, 0],
  [[4, 6], 1, 0],
  [[4, 6], 2, 0],
  [[4], undefined, 0],
  [[6], undefined, 440],
  [[4, 6], undefined, 0],
] as const) {
  t.test(
    `family ${wanted ?? 'not named'} where ${served} is served: ${code} [TURN-ALLOC-09, TURN-ALLOC-10, TURN-ERR-440]`,
    t => {
      const alice = new Sim({ config: { families: served }, relayFamilies: served }).client(ALICE)

      const answer = allocate(alice, writer => {
        if (wanted !== undefined) writer.set(REQUESTED_ADDRESS_FAMILY, wanted)
      })!

      t.equal(codeOf(answer), code)
      if (code === 0) t.equal(get(answer, XOR_RELAYED_ADDRESS)?.family, wanted === 2 ? 6 : 4)
      t.end()
    },
  )
}

t.test(
  'an IPv6 client that names no family gets IPv4, unless the operator says otherwise [TURN-ALLOC-10]',
  t => {
    const at = '[2001:db8::10]:50000'
    const usual = new Sim().client(at)
    const listener = new Sim({ config: { defaultFamily: 'listener' } }).client(at)

    usual.allocate()
    listener.allocate()

    t.equal(usual.relayed.family, 4)
    t.equal(listener.relayed.family, 6)
    t.end()
  },
)

t.test('a family that does not exist: 440 [TURN-ALLOC-11]', t => {
  const alice = new Sim().client(ALICE)

  for (const family of [0, 3, 4, 6, 255]) {
    t.equal(codeOf(allocate(alice, writer => writer.set(REQUESTED_ADDRESS_FAMILY, family))), 440)
  }
  t.end()
})

t.test(
  'a reservation together with ADDITIONAL-ADDRESS-FAMILY: 400; an even port with it is fine [TURN-ALLOC-12]',
  t => {
    const alice = new Sim().client(ALICE)

    const pair = allocate(alice, writer => writer.set(EVEN_PORT, true).set(ADDITIONAL_ADDRESS_FAMILY, 2))
    const even = allocate(alice, writer => writer.set(EVEN_PORT, false).set(ADDITIONAL_ADDRESS_FAMILY, 2))!

    t.equal(codeOf(pair), 400)
    t.equal(codeOf(even), 0)
    t.same(
      all(even, XOR_RELAYED_ADDRESS).map(relayed => relayed.port % 2),
      [0, 0],
    )
    t.end()
  },
)

t.test('no even port to be had: 508 [TURN-ALLOC-13]', t => {
  const sim = new Sim({ ports: [50_001, 50_001] })
  const alice = sim.client(ALICE)

  t.equal(codeOf(allocate(alice, writer => writer.set(EVEN_PORT, false))), 508)
  t.equal(codeOf(allocate(alice)), 0)
  t.end()
})

t.test('no pair to be had: 508 [TURN-ALLOC-13]', t => {
  const sim = new Sim({ ports: [50_000, 50_001] })
  const alice = sim.client(ALICE)
  const bob = sim.client('192.0.2.11:50000')
  alice.allocate({ port: 'even' })

  t.equal(codeOf(allocate(bob, writer => writer.set(EVEN_PORT, true))), 508)
  t.equal(codeOf(allocate(bob)), 0)
  t.end()
})

t.test('ADDITIONAL-ADDRESS-FAMILY that is not IPv6: 400 [TURN-ALLOC-14]', t => {
  const alice = new Sim().client(ALICE)

  for (const family of [0, 1, 3, 255]) {
    t.equal(codeOf(allocate(alice, writer => writer.set(ADDITIONAL_ADDRESS_FAMILY, family))), 400)
  }
  t.end()
})

t.test('a dual allocation has an IPv4 and an IPv6 relayed address, and relays on both [TURN-ALLOC-15]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const four = sim.peer('198.51.100.7:40000')
  const six = sim.peer('[2001:db8::b0b]:40000')

  alice.allocate({ dual: true })
  alice.bind(0x4001, four)
  alice.bind(0x4002, six)
  alice.send(0x4001, 'to four')
  alice.send(0x4002, 'to six')
  four.send(alice.turn.relayed[0]!, 'from four')
  six.send(alice.turn.relayed[1]!, 'from six')

  t.same(
    alice.turn.relayed.map(relayed => relayed.family),
    [4, 6],
  )
  t.same([four.inbox, six.inbox, alice.inbox], [['to four'], ['to six'], ['from four', 'from six']])
  t.end()
})

for (const [why, options, lost, code] of [
  ['no IPv6 is served', { config: { families: [4] }, relayFamilies: [4] }, 6, 440],
  ['no IPv4 is served', { config: { families: [6] }, relayFamilies: [6] }, 4, 440],
] as const) {
  t.test(
    `a dual allocation where ${why} succeeds for one family and reports the other [TURN-ALLOC-16]`,
    t => {
      const alice = new Sim(options).client(ALICE)

      const answer = allocate(alice, writer => writer.set(ADDITIONAL_ADDRESS_FAMILY, 2))!

      t.equal(codeOf(answer), 0)
      t.match(get(answer, ADDRESS_ERROR_CODE), { family: lost === 4 ? 1 : 2, code })
      t.same(
        all(answer, XOR_RELAYED_ADDRESS).map(relayed => relayed.family),
        [lost === 4 ? 6 : 4],
      )
      t.end()
    },
  )
}

t.test("a dual allocation may be asked for by the draft's number, as coturn's client does", t => {
  const alice = new Sim().client(ALICE)

  const answer = allocate(alice, writer =>
    writer.set(EVEN_PORT, false).set(DRAFT_ADDITIONAL_ADDRESS_FAMILY, 2),
  )!

  t.same(
    all(answer, XOR_RELAYED_ADDRESS).map(relayed => relayed.family),
    [4, 6],
  )
  t.end()
})

for (const family of [4, 6] as const) {
  t.test(
    `a dual allocation whose IPv${family} port cannot be bound succeeds for the other family and reports this one [TURN-ALLOC-16]`,
    t => {
      const sim = new Sim()
      const alice = sim.client(ALICE)
      sim.failNextBind('EADDRINUSE', family)

      const answer = allocate(alice, writer => writer.set(ADDITIONAL_ADDRESS_FAMILY, 2))!

      t.equal(codeOf(answer), 0)
      t.match(get(answer, ADDRESS_ERROR_CODE), { family: family === 4 ? 1 : 2, code: 508 })
      t.same(
        all(answer, XOR_RELAYED_ADDRESS).map(relayed => relayed.family),
        [family === 4 ? 6 : 4],
      )
      t.end()
    },
  )
}

t.test('a dual allocation that can be had in neither family: 508 [TURN-ALLOC-16]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  sim.failNextBind('EADDRINUSE', 4)
  sim.failNextBind('EADDRINUSE', 6)

  t.equal(codeOf(allocate(alice, writer => writer.set(ADDITIONAL_ADDRESS_FAMILY, 2))), 508)
  t.end()
})

t.test('a quota is 486, by user and not by address [TURN-ALLOC-17, TURN-ERR-486]', t => {
  const sim = new Sim({ allocationsPerUser: 2 })
  const clients = [1, 2, 3].map(i => sim.client(`192.0.2.${i}:50000`))
  const other = sim.client('192.0.2.1:50001', { user: '@carol:example.org' })

  for (const client of [...clients, other]) client.allocate()

  t.same(
    clients.map(client => client.errors),
    [[], [], [486]],
  )
  t.same(other.errors, [])
  t.end()
})

t.test('what a user gives back may be had again [TURN-ALLOC-17]', t => {
  const sim = new Sim({ allocationsPerUser: 1 })
  const first = sim.client(ALICE)
  const second = sim.client('192.0.2.10:50001')

  first.allocate()
  second.allocate()
  first.release()
  second.allocate()

  t.same(second.errors, [486])
  t.match(second.events.at(-1), { kind: 'allocated' })
  t.end()
})

t.test('a new allocation permits nobody and has no channels [TURN-ALLOC-20, TURN-SEC-04]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()

  bob.send(alice.relayed, 'hello')
  alice.send(0x4001, 'hello')
  alice.send(bob, 'hello')

  t.same([alice.inbox, bob.inbox], [[], []])
  t.end()
})

t.test('what the last owner of a 5-tuple permitted is gone for the next [TURN-ALLOC-20]', t => {
  const sim = new Sim({ ports: [50_000, 50_000] })
  const alice = sim.client(ALICE)
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()
  alice.bind(0x4001, bob)
  alice.release()

  alice.allocate()
  bob.send(alice.relayed, 'hello')
  alice.send(0x4001, 'hello')

  t.same([alice.inbox, bob.inbox], [[], []])
  t.end()
})

for (const [asked, granted] of [
  [undefined, 600],
  [0, 600],
  [1, 600],
  [599, 600],
  [600, 600],
  [777, 777],
  [3600, 3600],
  [3601, 3600],
  [2 ** 32 - 1, 3600],
] as const) {
  t.test(
    `LIFETIME ${asked ?? 'not named'} is granted as ${granted}, and that is how long it lasts [TURN-ALLOC-23]`,
    t => {
      const sim = new Sim()
      const alice = sim.client(ALICE)

      const event = alice.allocate(asked === undefined ? {} : { lifetime: asked })

      t.match(event, { kind: 'allocated', lifetime: granted })
      sim.advance(granted * 1000 - 1)
      t.equal(sim.allocations, 1)
      sim.advance(1)
      t.equal(sim.allocations, 0)
      t.end()
    },
  )
}

t.test(
  'a relay port that cannot be bound is answered 508, and nothing is left of it [TURN-ALLOC-25, TURN-ERR-508]',
  t => {
    const sim = new Sim({ allocationsPerUser: 1 })
    const alice = sim.client(ALICE)
    const before = sim.relay.sizes()
    sim.failNextBind('EADDRINUSE')

    alice.allocate()

    t.same(alice.errors, [508])
    t.same(sim.relay.sizes(), before)
    t.same(sim.world.relaySockets(), [])
    t.equal(sim.world.held.size, 0)
    t.match(alice.allocate(), { kind: 'allocated' })
    t.end()
  },
)

t.test('when all ports are taken: 508, until one is given back [TURN-ALLOC-25, OPS-09]', t => {
  const sim = new Sim({ ports: [50_000, 50_002] })
  const clients = [1, 2, 3, 4].map(i => sim.client(`192.0.2.${i}:50000`))

  for (const client of clients) client.allocate()
  clients[0]!.release()
  clients[3]!.allocate()

  t.same(
    clients.map(client => client.errors),
    [[], [], [], [508]],
  )
  t.equal(new Set(clients.slice(1).map(client => client.relayed.port)).size, 3)
  t.end()
})

t.test('the relayed address a client is told is the one peers see [TURN-ALLOC-26]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()
  alice.permit(bob)

  alice.send(bob, 'hello')

  t.equal(formatAddress(bob.datagrams[0]!.from), formatAddress(alice.relayed))
  t.end()
})

t.test('while draining: 508, and live allocations go on [TURN-ALLOC-27, STUN-ALT-07]', t => {
  const sim = new Sim()
  const alice = sim.client(ALICE)
  const late = sim.client('192.0.2.11:50000')
  const bob = sim.peer('198.51.100.7:40000')
  alice.allocate()

  sim.drain(true)
  late.allocate()
  alice.refresh()
  alice.bind(0x4001, bob)
  alice.send(0x4001, 'hello')

  t.same(late.errors, [508])
  t.same(alice.errors, [])
  t.same(bob.inbox, ['hello'])

  sim.drain(false)
  t.match(late.allocate(), { kind: 'allocated' })
  t.end()
})

t.test('two Allocates at once on one 5-tuple make one allocation and one 437 [TURN-ALLOC-28]', t => {
  for (const openDelay of [0, 100]) {
    const sim = new Sim({ openDelay })
    const alice = sim.client(ALICE)
    const fields = (writer: MessageWriter) => {
      writer.set(REQUESTED_TRANSPORT, UDP)
    }
    const [first, second] = [
      alice.craft(Method.Allocate, { fields }),
      alice.craft(Method.Allocate, { fields }),
    ]
    const before = alice.raw.length

    alice.post(first!)
    alice.post(second!)
    sim.advance(1000)

    const codes = alice.raw.slice(before).map(bytes => codeOf(parse(bytes) as Message))
    t.same(codes.sort(), [0, 437])
    t.equal(sim.allocations, 1)
    t.equal(sim.world.claims.length, 1)
  }
  t.end()
})

t.test('an allocation made by a request that was lost on the way is not made twice', t => {
  const sim = new Sim({ seed: 5, loss: 0.3, latency: 20 })
  const clients = Array.from({ length: 20 }, (_, i) => sim.client(`192.0.2.${i + 1}:50000`))

  const events = clients.map(client => client.allocate())

  t.ok(events.filter(event => event.kind === 'allocated').length >= 18)
  t.ok(sim.allocations <= 20)
  t.equal(sim.allocations, sim.world.claims.length)
  t.end()
})

t.test(
  'an allocation is told of with its owner, client and relayed address, and its end with what it carried [TURN-SEC-05]',
  t => {
    for (const forwarder of ['table', 'none'] as const) {
      const sim = new Sim({ forwarder })
      const alice = sim.client(ALICE)
      const bob = sim.peer('198.51.100.7:40000')
      alice.allocate()
      alice.bind(0x4001, bob)
      const { relayed } = alice
      alice.send(0x4001, 'hello')
      alice.send(bob, 'hello again')
      bob.send(relayed, 'hi')
      sim.advance(minutes(1))
      alice.release()

      const owner = { tenant: 'example.org', user: '@alice:example.org' }
      const client = parseAddress(ALICE)!
      t.match(sim.told('opened'), [{ owner, client, via: 'udp', relayed: [relayed] }])
      t.match(sim.told('closed'), [
        {
          owner,
          client,
          relayed: [relayed],
          reason: 'released',
          peers: 1,
          traffic: { toPeer: { packets: 2, bytes: 16 }, toClient: { packets: 1, bytes: 2 } },
        },
      ])
      t.equal(sim.told('closed')[0]!.at - sim.told('closed')[0]!.since, minutes(1))
    }
    t.end()
  },
)

/** An authenticated Allocate for UDP with more attributes in it. */
function allocate(
  client: SimClient,
  more: (writer: MessageWriter) => unknown = () => {},
): Message | undefined {
  return client.ask(Method.Allocate, {
    fields: writer => {
      more(writer.set(REQUESTED_TRANSPORT, UDP))
    },
  })
}
