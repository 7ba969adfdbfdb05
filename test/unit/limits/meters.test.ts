import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import type { MeterId } from '../../../src/base/ids.ts'
import { after, type Time } from '../../../src/base/time.ts'
import { Meters } from '../../../src/limits/meters.ts'

const NOW = 1_800_000_000_000 as Time
const milliseconds = (n: number) => (NOW + n) as Time

const KINDS: readonly (readonly [string, () => Meters])[] = [
  ['of one thread', () => new Meters()],
  ['of several', () => shared(2048)],
]

for (const [name, create] of KINDS) {
  t.test(`a new bucket lets one second of octets through at once (${name})`, async t => {
    const meters = create()
    const id = meters.open(1000, NOW)

    t.ok(meters.take([id], 600, NOW))
    t.ok(meters.take([id], 400, NOW))
    t.notOk(meters.take([id], 1, NOW))
  })

  t.test(`a bucket fills again at its rate, and no higher than one second (${name})`, async t => {
    const meters = create()
    const id = meters.open(100_000, NOW)
    meters.take([id], 100_000, NOW)

    t.notOk(meters.take([id], 10_000, milliseconds(99)))
    t.ok(meters.take([id], 10_000, milliseconds(100)))
    t.notOk(meters.take([id], 100_001, after(NOW, 3600)))
    t.ok(meters.take([id], 100_000, after(NOW, 3600)))
    t.notOk(meters.take([id], 1, after(NOW, 3600)))
  })

  t.test(`what one bucket refuses is taken from none (${name})`, async t => {
    const meters = create()
    const wide = meters.open(1000, NOW)
    const narrow = meters.open(100, NOW)

    t.notOk(meters.take([wide, narrow], 101, NOW))
    t.notOk(meters.take([narrow, wide], 101, NOW))
    t.ok(meters.take([wide, narrow], 100, NOW))
    t.notOk(meters.take([wide], 901, NOW))
    t.ok(meters.take([wide], 900, NOW))
  })

  t.test(`no buckets, no limit (${name})`, async t => {
    t.ok(create().take([], 1e9, NOW))
  })

  t.test(`a rate of nothing lets nothing through but empty payloads (${name})`, async t => {
    const meters = create()
    const id = meters.open(0, NOW)

    t.ok(meters.take([id], 0, NOW))
    t.notOk(meters.take([id], 1, after(NOW, 3600)))
  })

  t.test(`a rate that is lowered counts at once; one that is raised fills faster (${name})`, async t => {
    const meters = create()
    const id = meters.open(1000, NOW)

    meters.setRate(id, 10, NOW)
    t.notOk(meters.take([id], 11, NOW))
    t.ok(meters.take([id], 10, NOW))

    meters.setRate(id, 1000, NOW)
    t.notOk(meters.take([id], 501, milliseconds(500)))
    t.ok(meters.take([id], 500, milliseconds(500)))
  })

  t.test(`a bucket that is used again starts full and with its own rate (${name})`, async t => {
    const meters = create()
    const first = meters.open(1000, NOW)
    meters.take([first], 1000, NOW)
    meters.close(first)

    const second = meters.open(50, NOW)

    t.equal(second, first)
    t.ok(meters.take([second], 50, NOW))
    t.notOk(meters.take([second], 1, NOW))
  })

  t.test(`a thousand buckets do not disturb each other (${name})`, async t => {
    const meters = create()
    const ids = Array.from({ length: 1000 }, (_, i) => meters.open(i, NOW))

    t.equal(new Set(ids).size, 1000)
    t.ok(ids.every((id, rate) => meters.take([id], rate, NOW)))
    t.notOk(ids.some(id => meters.take([id], 1, NOW)))
  })

  t.test(`over any time at most the burst and the rate pass (${name})`, async t => {
    const steps = fc.array(fc.record({ wait: fc.nat(2000), bytes: fc.nat(1500) }), { maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 100_000 }), (list, rate) => {
        const meters = create()
        const id: MeterId = meters.open(rate, NOW)
        let now = NOW as number
        let passed = 0
        for (const { wait, bytes } of list) {
          now += wait
          if (meters.take([id], bytes, now as Time)) passed += bytes
          if (passed > rate + ((now - NOW) * rate) / 1000 + 0.001) return false
        }
        return true
      }),
    )
    t.pass()
  })
}

t.test('what one thread takes is gone for the others', async t => {
  const memory = memoryFor(4)
  const one = new Meters(memory)
  const two = new Meters(memory)
  const id = one.open(1000, NOW)

  t.ok(one.take([id], 600, NOW))
  t.notOk(two.take([id], 401, NOW))
  t.ok(two.take([id], 400, NOW))
  t.ok(two.take([id], 100, milliseconds(100)))
  t.notOk(one.take([id], 1, milliseconds(100)), 'what flowed back is given out once')
})

t.test('small payloads at any rate get what the rate allows, to two per cent', async t => {
  for (const rate of [1000, 1536, 9999, 250_000]) {
    const meters = shared(4)
    const id = meters.open(rate, NOW)
    let passed = -rate
    for (let at = 0; at <= 60_000; at++) while (meters.take([id], 20, milliseconds(at))) passed += 20

    t.ok(Math.abs(passed / (60 * rate) - 1) < 0.02, `${passed / 60} of ${rate}`)
  }
})

t.test('a bucket that rested for a month is full, not stuck', async t => {
  const meters = shared(4)
  const id = meters.open(1000, NOW)
  meters.take([id], 1000, NOW)

  const later = after(NOW, 30 * 86_400)
  t.ok(meters.take([id], 1000, later))
  t.notOk(meters.take([id], 1000, later))
})

t.test('buckets run out, and come back', async t => {
  const meters = shared(2)
  const first = meters.open(1, NOW)
  meters.open(1, NOW)

  t.equal(meters.left, 0)
  t.throws(() => meters.open(1, NOW), RangeError)
  meters.close(first)
  t.equal(meters.open(1, NOW), first)
})

t.test('what a bucket owes can be carried to another relay', async t => {
  const meters = new Meters()
  const id = meters.open(1000, NOW)
  meters.take([id], 700, NOW)
  t.equal(meters.owed(id, milliseconds(100)), 600)

  const next = new Meters()
  const same = next.open(1000, milliseconds(100))
  next.setOwed(same, 600, milliseconds(100))

  t.notOk(next.take([same], 401, milliseconds(100)))
  t.ok(next.take([same], 400, milliseconds(100)))
})

t.test('a fast bucket that rested is full, however often 32 bits have wrapped', async t => {
  const meters = new Meters()
  const id = meters.open(125_000_000, NOW)
  for (let rest = 1001; rest < 100_000; rest += 997) {
    const at = milliseconds(rest * 1000)
    if (!meters.take([id], 125_000_000, at)) t.fail(`not full after ${rest} s`)
  }
  t.pass()
})

t.test('threads that race for a bucket get its rate between them, not each', async t => {
  const memory = memoryFor(4)
  const meters = new Meters(memory)
  const id = meters.open(2_000_000, NOW)
  const data = { memory, id, epoch: NOW, gate: new SharedArrayBuffer(4) }

  const passed = await Promise.all([run(data), run(data)])

  // One second's burst and two seconds of the rate.
  const share = (passed[0]! + passed[1]!) / 6_000_000
  t.ok(share > 0.95 && share < 1.05, `${share} of what may pass`)
})

function shared(buckets: number): Meters {
  return new Meters(memoryFor(buckets))
}

function memoryFor(buckets: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Meters.bytes(buckets))
}

function run(workerData: unknown): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('../../support/taker.ts', import.meta.url), { workerData })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}
