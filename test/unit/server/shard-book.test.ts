import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event } from '../../../src/core/event.ts'
import { Meters } from '../../../src/limits/meters.ts'
import type { ParkedPort } from '../../../src/net/ports/parked-port.ts'
import { Admission, type AdmissionRequest } from '../../../src/relay/admission.ts'
import { quotas } from '../../../src/relay/relay-config.ts'
import { ShardBook } from '../../../src/workers/shard-book.ts'
import { loaded } from '../../support/settings.ts'

const NOW = 1_800_000_000_000 as Time
const alice = { tenant: 'example.org', user: '@alice:example.org' }
const bob = { tenant: 'example.org', user: '@bob:example.org' }
const client = parseAddress('192.0.2.10:50000')!
const relayed = [parseAddress('203.0.113.7:50000')!]

t.test('a user has one quota, whichever shards the claims come from', async t => {
  const { book, admission } = start({ allocationsPerUser: 2 })

  t.match(book.claim(0, ask(5)), { kind: 'admitted', allocation: 5 })
  t.match(book.claim(1, ask(6)), { kind: 'admitted', allocation: 6 })
  t.match(book.claim(1, ask(7)), { kind: 'refused', allocation: 7, code: 486 })
  book.release(0, id(5))

  t.match(book.claim(1, ask(8)), { kind: 'admitted' })
  t.equal(admission.total, 2)
  t.equal(book.allocations, 2)
})

t.test('what a shard releases twice, or never had, changes nothing', async t => {
  const { book, admission } = start({})
  book.claim(0, ask(5))
  book.claim(1, ask(6))

  book.release(0, id(5))
  book.release(0, id(5))
  book.release(0, id(9))
  book.confirm(0, id(9))

  t.equal(admission.total, 1)
})

t.test('an allocation is found with the worker that has it, and nowhere once that is gone', async t => {
  const { book } = start({})
  book.claim(0, ask(4))
  book.claim(1, ask(5))
  book.told(1, opened(5))

  t.equal(book.shardOf(id(4)), 0)
  t.equal(book.shardOf(id(5)), 1)
  t.equal(book.shardOf(id(6)), undefined)
  t.match(book.lose(1, NOW), [{ kind: 'closed', allocation: 5, reason: 'lost' }])
  t.equal(book.shardOf(id(5)), undefined, 'and nobody is disconnected for another')
})

t.test('a shard that is lost gives back everything, and what had opened is told as closed', async t => {
  const { book, admission } = start({})
  book.claim(0, ask(1))
  book.confirm(0, id(1))
  book.told(0, opened(1))
  book.claim(0, ask(2))
  book.claim(0, { ...ask(3), port: 'pair' })
  book.confirm(0, id(3), parked(3))
  book.told(0, opened(3))
  book.claim(1, { ...ask(4), owner: bob })
  t.equal(admission.total, 5)

  const lost = book.lose(0, NOW + 1000)

  t.equal(admission.total, 2)
  t.equal(admission.heldByUser(alice), 1, 'the reserved port, which needs no worker')
  t.equal(book.allocations, 1)
  t.match(lost, [
    { kind: 'closed', reason: 'lost', owner: alice, client, relayed, since: NOW, at: NOW + 1000 },
    { kind: 'closed', reason: 'lost' },
  ])
  t.same(book.lose(0, NOW + 2000), [])
})

t.test('P-08: any worker is given the port of a token, once, and its unit goes along', async t => {
  const { book, admission, adopted, freed } = start({ allocationsPerUser: 2 })
  book.claim(0, { ...ask(1), port: 'pair' })
  book.confirm(0, id(1), parked(1))
  t.equal(admission.total, 2)

  t.match(book.claim(1, { ...ask(2), token: token(1) }), { kind: 'admitted', parked: parked(1) })
  t.match(book.claim(0, { ...ask(3), token: token(1) }), { kind: 'refused', code: 508, cause: 'reservation' })
  book.confirm(1, id(2))

  t.equal(admission.total, 2)
  t.same(adopted, [parked(1)])
  book.lose(1, NOW)
  book.lose(0, NOW)
  t.equal(admission.total, 0)
  t.same(freed, [], 'the port was the worker’s to give back')
})

t.test('P-08: a reserved port outlives the worker that gave its token, but not its time', async t => {
  const { book, admission, freed, clock } = start({})
  for (const one of [1, 2]) {
    book.claim(0, { ...ask(one), port: 'pair' })
    book.confirm(0, id(one), parked(one))
  }

  book.lose(0, NOW)
  t.equal(admission.total, 2, 'the reserved ports')
  t.match(book.claim(1, { ...ask(3), token: token(1) }), { kind: 'admitted' })
  clock.at += 29_999
  t.same(book.tick(), [])
  clock.at++
  t.match(book.claim(1, { ...ask(4), token: token(2) }), { kind: 'refused', cause: 'reservation' })
  t.match(book.tick(), [{ kind: 'unreserved', owner: alice, client }])

  t.same(freed, [parked(2)])
  t.same(book.tick(), [])
  t.equal(admission.total, 1)
})

t.test('P-08: a token is used up by a claim that comes to nothing', async t => {
  const { book, admission, adopted, freed } = start({ allocationsPerUser: 2 })
  for (const one of [1, 2]) {
    book.claim(0, { ...ask(one), port: 'pair' })
    book.confirm(0, id(one), parked(one))
    book.release(0, id(one))
    if (one === 1) book.claim(1, { ...ask(3), token: token(1) })
    if (one === 1) book.release(1, id(3))
  }
  t.same(freed, [parked(1)], 'the worker could not adopt it')
  t.equal(admission.total, 1)
  book.claim(0, { ...ask(5), owner: bob })
  book.claim(0, { ...ask(6), owner: bob })

  t.match(book.claim(1, { ...ask(7), owner: bob, token: token(2) }), { kind: 'refused', code: 486 })

  t.same(freed, [parked(1), parked(2)], 'a quota stood against it')
  t.equal(admission.total, 2)
  book.claim(1, { ...ask(8), owner: alice, port: 'pair' })
  book.confirm(1, id(8), parked(8))
  book.close()
  t.same(freed.at(-1), parked(8))
  t.same(adopted, [])
})

t.test('P-08: the port of a claim that was given up meanwhile is closed', async t => {
  const { book, admission, freed } = start({})
  book.claim(0, { ...ask(1), port: 'pair' })
  book.lose(0, NOW)

  book.confirm(0, id(1), parked(1))

  t.same(freed, [parked(1)])
  t.notOk(book.knows(token(1)))
  t.equal(admission.total, 0)
})

t.test('shards of one user take from the same buckets, while anybody holds an allocation', async t => {
  const { book, meters, settings } = start({ bitratePerUser: '800 kbit/s' })

  const one = book.claim(0, ask(1))
  const other = book.claim(1, ask(1))
  const stranger = book.claim(1, { ...ask(2), owner: bob })

  t.match(one, { kind: 'admitted', meters: [0] })
  t.match(other, { kind: 'admitted', meters: [0] })
  t.match(stranger, { kind: 'admitted', meters: [1] })
  const left = meters.left
  book.release(0, id(1))
  t.equal(meters.left, left)
  book.release(1, id(1))
  t.equal(meters.left, left + 1)

  t.same(book.configure(withLimits({})), [[], [{ owner: bob, ids: [] }]], 'no limit, no bucket')
  t.equal(meters.left, 16)
  t.match(book.configure(settings), [[], [{ owner: bob, ids: [Number] }]])
})

t.test('without a bucket to count by, nobody is let in uncounted', async t => {
  const { book, admission } = start({ bitratePerUser: '800 kbit/s' }, 3)
  book.claim(0, ask(1))

  t.match(book.claim(0, { ...ask(2), owner: bob }), { kind: 'refused', code: 508 })
  t.equal(admission.total, 1)
})

t.test('what a worker takes over from another process is entered, and given back like any other', async t => {
  const { book, admission, meters } = start({ bitratePerUser: '800 kbit/s' })
  for (const allocation of [4, 5]) admission.take(alice, client, id(allocation))
  const left = meters.left

  const held = book.adopt(1, [opened(4), opened(5)])

  t.match(held, [
    { allocation: 4, owner: alice, ids: [Number] },
    { allocation: 5, owner: alice, ids: [Number] },
  ])
  t.equal(meters.left, left - 1, 'both count against one bucket')
  t.equal(book.shardOf(id(4)), 1)
  t.equal(book.allocations, 2)
  t.match(book.lose(1, NOW + 1), [
    { kind: 'closed', allocation: 4, owner: alice, reason: 'lost' },
    { kind: 'closed', allocation: 5 },
  ])
  t.equal(admission.total, 0)
  t.equal(meters.left, left)
})

t.test(
  'a port that another process has reserved is claimed by its token, or runs out when it would have',
  async t => {
    const { book, admission, clock, adopted, freed } = start({})
    for (const n of [1, 2]) {
      admission.take(alice, client, 'reserved')
      book.reserve({ parked: parked(n), owner: alice, client, expires: (NOW + 5000) as Time })
    }
    t.equal(book.reserved().length, 2)

    t.match(book.claim(1, { ...ask(8), token: token(1) }), { kind: 'admitted', parked: parked(1) })
    book.confirm(1, id(8))
    t.same(adopted, [parked(1)])
    clock.at = NOW + 6000
    t.match(book.tick(), [{ kind: 'unreserved', owner: alice }])
    t.same(freed, [parked(2)])
    t.equal(admission.total, 1)
  },
)

function start(limits: Readonly<Record<string, unknown>>, buckets = 16) {
  const settings = withLimits(limits)
  const admission = new Admission(quotas(settings))
  const meters = new Meters(new SharedArrayBuffer(Meters.bytes(buckets)))
  const clock = { at: NOW as number, now: () => clock.at as Time }
  const adopted: ParkedPort[] = []
  const freed: ParkedPort[] = []
  return {
    book: new ShardBook(settings, {
      shards: 2,
      admission,
      meters,
      clock,
      adopted: port => void adopted.push(port),
      freed: port => void freed.push(port),
    }),
    clock,
    adopted,
    freed,
    admission,
    meters,
    settings,
  }
}

function withLimits(limits: Readonly<Record<string, unknown>>) {
  return loaded({ limits }).settings
}

function id(allocation: number): AllocationId {
  return allocation as AllocationId
}

function token(n: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, n)
}

function parked(n: number): ParkedPort {
  return { token: token(n), fd: 100 + n, local: parseAddress(`203.0.113.7:${50_000 + n}`)! }
}

function ask(allocation: number): AdmissionRequest {
  return { allocation: id(allocation), owner: alice, client, port: 'any' }
}

function opened(allocation: number): Event & { kind: 'opened' } {
  return { kind: 'opened', at: NOW, allocation: id(allocation), owner: alice, client, via: 'udp', relayed }
}
