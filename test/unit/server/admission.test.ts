import fc from 'fast-check'
import t from 'tap'
import { type Address, parseAddress } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import { after, type Time } from '../../../src/base/time.ts'
import type { Claim } from '../../../src/core/command.ts'
import type { Owner } from '../../../src/core/event.ts'
import { Admission, type Quotas } from '../../../src/relay/admission.ts'

const alice: Owner = { tenant: 'example.org', user: '@alice:example.org' }
const bob: Owner = { tenant: 'example.org', user: '@bob:example.org' }
const home = parseAddress('192.0.2.10:50000')!

t.test(
  'a user gets as many allocations as the quota says, and 486 for the next [TURN-ALLOC-17] [ABU-08]',
  async t => {
    const admission = open({ perUser: 2 })

    t.equal(admission.reserve(claim(1, alice)), undefined)
    t.equal(admission.reserve(claim(2, alice)), undefined)

    t.equal(admission.reserve(claim(3, alice))?.code, 486)
    t.equal(admission.reserve(claim(4, bob)), undefined, 'another user still gets one')
  },
)

t.test('a quota is keyed on who the user is, not on the address or on the credential [REST-06]', async t => {
  const admission = open({ perUser: 1 })
  admission.reserve(claim(1, { ...alice }, '192.0.2.10:50000'))

  const refusal = admission.reserve(claim(2, { ...alice }, '198.51.100.9:50000'))

  t.equal(refusal?.code, 486)
})

t.test(
  'a user opens a minute’s worth of allocations at once, and then as they flow back [ABU-08]',
  async t => {
    let now = 1_800_000_000_000 as Time
    const admission = new Admission(quotas({ perUserPerMinute: 60 }), { now: () => now })
    const open = (owner: Owner, count: number) => {
      let opened = 0
      for (let i = 0; i < count; i++) {
        if (admission.reserve(claim(i, owner))) continue
        opened++
        admission.release(id(i))
      }
      return opened
    }

    t.equal(open(alice, 100), 60)
    t.same(admission.reserve(claim(1, alice)), {
      code: 486,
      why: 'limits.allocationsPerUserPerMinute',
      tooFast: true,
    })
    t.equal(open(bob, 100), 60, 'another user has as many')
    now = after(now, 5)
    t.equal(open(alice, 100), 5)
    now = after(now, 3600)
    t.equal(open(alice, 100), 60)
  },
)

t.test('whom a quota refuses is not slowed down as well', async t => {
  const now = 1_800_000_000_000 as Time
  const admission = new Admission(quotas({ perUser: 1, perUserPerMinute: 3 }), { now: () => now })
  admission.reserve(claim(1, alice))
  for (let i = 2; i < 50; i++) t.notOk(admission.reserve(claim(i, alice))?.tooFast)
  admission.release(id(1))

  t.equal(admission.reserve(claim(50, alice)), undefined)
})

t.test('the same name at two homeservers is two users', async t => {
  const admission = open({ perUser: 1 })
  admission.reserve(claim(1, { tenant: 'one.example', user: 'guest' }))

  t.equal(admission.reserve(claim(2, { tenant: 'two.example', user: 'guest' })), undefined)
})

t.test('a client address has a quota of its own, whatever port it comes from', async t => {
  const admission = open({ perAddress: 1 })
  admission.reserve(claim(1, alice, '192.0.2.10:50000'))

  t.equal(admission.reserve(claim(2, bob, '192.0.2.10:50001'))?.code, 486)
  t.equal(admission.reserve(claim(3, bob, '192.0.2.11:50001')), undefined)
})

t.test('S-04: an IPv6 customer is counted by the /56', async t => {
  const admission = open({ perAddress: 1 })
  admission.reserve(claim(1, alice, '[2001:db8:0:1::1]:50000'))

  t.equal(admission.reserve(claim(2, bob, '[2001:db8:0:ff:ffff::9]:50000'))?.code, 486)
  t.equal(admission.reserve(claim(3, bob, '[2001:db8:0:100::1]:50000')), undefined)
})

t.test('a homeserver can be given a share of its own', async t => {
  const admission = open({ perTenant: new Map([['example.org', 1]]) })
  admission.reserve(claim(1, alice))

  t.equal(admission.reserve(claim(2, bob))?.code, 486)
  t.equal(admission.reserve(claim(3, { tenant: 'other.example', user: 'x' })), undefined)
})

t.test('a full server is 508, not 486', async t => {
  const admission = open({ total: 1 })
  admission.reserve(claim(1, alice))

  t.equal(admission.reserve(claim(2, bob))?.code, 508)
})

t.test('a claim whose bind failed gives its units back [SEC-61]', async t => {
  const admission = open({ perUser: 4 })

  for (let id = 1; id <= 100; id++) {
    t.equal(admission.reserve(claim(id, alice, undefined, 'pair')), undefined)
    admission.release(id as AllocationId)
  }

  t.equal(admission.total, 0)
  for (let id = 101; id <= 104; id++) t.equal(admission.reserve(claim(id, alice)), undefined)
})

t.test('a reserved port counts against its user until it goes back [TURN-RES-08]', async t => {
  const admission = open({ perUser: 2 })
  admission.reserve(claim(1, alice, undefined, 'pair'))
  admission.confirm(id(1))

  t.equal(admission.reserve(claim(2, alice))?.code, 486)
  admission.unreserve(alice, home)
  t.equal(admission.reserve(claim(3, alice)), undefined)
})

t.test('a token that is used moves its unit, so a user at the limit can use it [TURN-RES-08]', async t => {
  const admission = open({ perUser: 2 })
  admission.reserve(claim(1, alice, undefined, 'pair'))
  admission.confirm(id(1))

  t.equal(admission.reserve(token(2, alice, alice)), undefined)
  admission.confirm(id(2))

  t.equal(admission.total, 2)
  admission.unreserve(alice, home)
  t.equal(admission.total, 2, 'the reservation is used up, so nothing goes back twice')
  admission.release(id(1))
  admission.release(id(2))
  t.equal(admission.total, 0)
})

t.test('a token that is refused keeps its unit with whoever reserved it', async t => {
  const admission = open({ perUser: 2 })
  admission.reserve(claim(1, bob))
  admission.reserve(claim(2, bob))
  admission.reserve(claim(3, alice, undefined, 'pair'))
  admission.confirm(id(3))

  t.equal(admission.reserve(token(4, bob, alice))?.code, 486)

  t.equal(admission.heldByUser(alice), 2)
  t.equal(admission.heldByUser(bob), 2)
})

t.test('a release that comes twice counts once', async t => {
  const admission = open({})
  admission.reserve(claim(1, alice))
  admission.reserve(claim(2, alice))

  admission.release(id(1))
  admission.release(id(1))

  t.equal(admission.total, 1)
})

t.test('other limits apply to new claims and leave live ones alone', async t => {
  const admission = open({ perUser: 2 })
  admission.reserve(claim(1, alice))
  admission.reserve(claim(2, alice))

  admission.configure(quotas({ perUser: 1 }))

  t.equal(admission.heldByUser(alice), 2)
  t.equal(admission.reserve(claim(3, alice))?.code, 486)
})

t.test(
  'whatever comes in whatever order, no count passes its limit or zero, and all is given back [SEC-61]',
  async () => {
    const owners = [alice, bob, { tenant: '', user: 'guest' }]
    const clients = ['192.0.2.10:1', '192.0.2.11:1', '[2001:db8::1]:1', '[2001:db8::2]:1']
    const step = fc.record({
      what: fc.constantFrom('reserve', 'pair', 'token', 'confirm', 'release', 'unreserve'),
      id: fc.integer({ min: 1, max: 12 }),
      owner: fc.nat(owners.length - 1),
      client: fc.nat(clients.length - 1),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const limits = quotas({
          perUser: 3,
          perAddress: 4,
          total: 7,
          perTenant: new Map([['example.org', 4]]),
        })
        const admission = new Admission(limits)
        const live = new Map<number, { owner: Owner; confirmed: boolean; pair: boolean; client: Address }>()
        const spare: { owner: Owner; client: Address }[] = []
        for (const { what, id: number, owner: o, client: c } of steps) {
          const owner = owners[o]!
          const client = clients[c]!
          if ((what === 'reserve' || what === 'pair') && !live.has(number)) {
            const pair = what === 'pair'
            if (!admission.reserve(claim(number, owner, client, pair ? 'pair' : 'any'))) {
              live.set(number, { owner, confirmed: false, pair, client: parseAddress(client)! })
            }
          } else if (what === 'token' && !live.has(number) && spare.length > 0) {
            const from = spare[0]!
            const before = admission.total
            if (
              !admission.reserve({
                ...claim(number, owner, client),
                reserved: reserved(from.owner, from.client),
              })
            ) {
              spare.shift()
              admission.confirm(id(number))
              live.set(number, { owner, confirmed: true, pair: false, client: parseAddress(client)! })
            }
            if (admission.total !== before) throw new Error('a token changed the total')
          } else if (what === 'confirm' && live.get(number)?.confirmed === false) {
            const held = live.get(number)!
            admission.confirm(id(number))
            held.confirmed = true
            if (held.pair) spare.push({ owner: held.owner, client: held.client })
          } else if (what === 'release') {
            admission.release(id(number))
            live.delete(number)
          } else if (what === 'unreserve' && spare.length > 0) {
            const one = spare.pop()!
            admission.unreserve(one.owner, one.client)
          }
          const expected =
            spare.length +
            [...live.values()].reduce((n, held) => n + (held.pair && !held.confirmed ? 2 : 1), 0)
          if (admission.total !== expected) throw new Error(`holds ${admission.total}, should be ${expected}`)
          if (admission.total > limits.total) throw new Error('total passed')
          for (const someone of owners) {
            const held = admission.heldByUser(someone)
            if (held < 0 || held > limits.perUser) throw new Error(`user holds ${held}`)
          }
          if (admission.heldByTenant('example.org') > 4) throw new Error('homeserver passed')
        }
        for (const number of live.keys()) admission.release(id(number))
        for (const one of spare) admission.unreserve(one.owner, one.client)
        if (admission.total !== 0 || admission.users !== 0) throw new Error('something is left')
        for (const client of clients) {
          if (admission.heldByAddress(parseAddress(client)!) !== 0) throw new Error('an address is left')
        }
      }),
    )
  },
)

function quotas(some: Partial<Quotas>): Quotas {
  return { perUser: 100, perAddress: 100, total: 100, perTenant: new Map(), ...some }
}

function open(some: Partial<Quotas>): Admission {
  return new Admission(quotas(some))
}

function claim(
  number: number,
  owner: Owner,
  client = '192.0.2.10:50000',
  port: Claim['port'] = 'any',
): Claim {
  return { allocation: id(number), owner, client: parseAddress(client)!, families: [4], port }
}

function token(number: number, owner: Owner, from: Owner): Claim {
  return { ...claim(number, owner), reserved: reserved(from, home) }
}

function reserved(owner: Owner, client: Address): NonNullable<Claim['reserved']> {
  return {
    relay: { family: 4, socket: 9 as SocketId, address: parseAddress('203.0.113.7:50001')! },
    owner,
    client,
  }
}

function id(number: number): AllocationId {
  return number as AllocationId
}
