import t from 'tap'
import { COUNTER_NAMES, COUNTERS_LENGTH, Counter, CounterSum, Counters } from '../../../src/base/counters.ts'
import { VIA, viaNumber } from '../../../src/base/via.ts'

const NOTHING = { toPeer: { packets: 0, bytes: 0 }, toClient: { packets: 0, bytes: 0 } }

t.test('every counter has a place of its own', async t => {
  t.equal(new Set(COUNTER_NAMES).size, COUNTER_NAMES.length)
  t.equal(new Set(Object.values(Counter)).size, COUNTER_NAMES.length)
})

t.test('counting one thing counts nothing else', async t => {
  for (const name of COUNTER_NAMES) {
    const counters = new Counters()

    counters.add(Counter[name])
    counters.add(Counter[name], 4)

    t.same(
      COUNTER_NAMES.filter(other => counters.read(other) !== 0),
      [name],
    )
    t.equal(counters.read(name), 5)
    t.ok(VIA.every(via => counters.traffic(via).toPeer.packets + counters.traffic(via).toClient.bytes === 0))
  }
})

t.test('traffic is kept apart by transport and direction', async t => {
  for (const via of VIA) {
    const counters = new Counters()

    counters.toPeer(viaNumber(via), 100)
    counters.toPeer(viaNumber(via), 20)
    counters.toClient(viaNumber(via), 3)

    t.same(counters.traffic(via), { toPeer: { packets: 2, bytes: 120 }, toClient: { packets: 1, bytes: 3 } })
    for (const other of VIA) if (other !== via) t.same(counters.traffic(other), NOTHING)
    t.ok(COUNTER_NAMES.every(name => counters.read(name) === 0))
  }
})

t.test('another thread reads the same memory', async t => {
  const counters = new Counters()
  const elsewhere = new Counters(counters.values)

  counters.add(Counter.binding)
  counters.toPeer(viaNumber('tls'), 7)

  t.equal(counters.values.length, COUNTERS_LENGTH)
  t.type(counters.values.buffer, SharedArrayBuffer)
  t.equal(elsewhere.read('binding'), 1)
  t.equal(elsewhere.traffic('tls').toPeer.bytes, 7)
})

t.test('counts beyond 32 bits are exact', async t => {
  const counters = new Counters()

  counters.add(Counter.passed, 2 ** 40)
  counters.add(Counter.passed)

  t.equal(counters.read('passed'), 2 ** 40 + 1)
})

t.test('the counters of several shards are read as one', async t => {
  const parts = [new Counters(), new Counters()] as const
  const sum = new CounterSum(parts)
  for (const counters of parts) {
    counters.add(Counter.binding, 3)
    counters.toPeer(viaNumber('tcp'), 100)
  }
  parts[1].toClient(viaNumber('tcp'), 7)

  t.equal(sum.read('binding'), 6)
  t.same(sum.traffic('tcp'), { toPeer: { packets: 2, bytes: 200 }, toClient: { packets: 1, bytes: 7 } })
})
