import fc from 'fast-check'
import t from 'tap'
import type { MeterId } from '../../../src/base/ids.ts'
import { Meters } from '../../../src/base/meters.ts'
import { after, type Time } from '../../../src/base/time.ts'

const NOW = 1_800_000_000_000 as Time
const milliseconds = (n: number) => (NOW + n) as Time

t.test('a new bucket lets one second of octets through at once', async t => {
  const meters = new Meters()
  const id = meters.open(1000, NOW)

  t.ok(meters.take([id], 600, NOW))
  t.ok(meters.take([id], 400, NOW))
  t.notOk(meters.take([id], 1, NOW))
})

t.test('a bucket fills again at its rate, and no higher than one second', async t => {
  const meters = new Meters()
  const id = meters.open(1000, NOW)
  meters.take([id], 1000, NOW)

  t.notOk(meters.take([id], 100, milliseconds(99)))
  t.ok(meters.take([id], 100, milliseconds(100)))
  t.notOk(meters.take([id], 1001, after(NOW, 3600)))
  t.ok(meters.take([id], 1000, after(NOW, 3600)))
  t.notOk(meters.take([id], 1, after(NOW, 3600)))
})

t.test('what one bucket refuses is taken from none', async t => {
  const meters = new Meters()
  const wide = meters.open(1000, NOW)
  const narrow = meters.open(100, NOW)

  t.notOk(meters.take([wide, narrow], 101, NOW))
  t.notOk(meters.take([narrow, wide], 101, NOW))
  t.ok(meters.take([wide, narrow], 100, NOW))
  t.notOk(meters.take([wide], 901, NOW))
  t.ok(meters.take([wide], 900, NOW))
})

t.test('no buckets, no limit', async t => {
  t.ok(new Meters().take([], 1e9, NOW))
})

t.test('a rate of nothing lets nothing through but empty payloads', async t => {
  const meters = new Meters()
  const id = meters.open(0, NOW)

  t.ok(meters.take([id], 0, NOW))
  t.notOk(meters.take([id], 1, after(NOW, 3600)))
})

t.test('a rate that is lowered counts at once; one that is raised fills faster', async t => {
  const meters = new Meters()
  const id = meters.open(1000, NOW)

  meters.setRate(id, 10)
  t.notOk(meters.take([id], 11, NOW))
  t.ok(meters.take([id], 10, NOW))

  meters.setRate(id, 1000)
  t.notOk(meters.take([id], 501, milliseconds(500)))
  t.ok(meters.take([id], 500, milliseconds(500)))
})

t.test('a bucket that is used again starts full and with its own rate', async t => {
  const meters = new Meters()
  const first = meters.open(1000, NOW)
  meters.take([first], 1000, NOW)
  meters.close(first)

  const second = meters.open(50, NOW)

  t.equal(second, first)
  t.ok(meters.take([second], 50, NOW))
  t.notOk(meters.take([second], 1, NOW))
})

t.test('a thousand buckets do not disturb each other', async t => {
  const meters = new Meters()
  const ids = Array.from({ length: 1000 }, (_, i) => meters.open(i, NOW))

  t.equal(new Set(ids).size, 1000)
  t.ok(ids.every((id, rate) => meters.take([id], rate, NOW)))
  t.notOk(ids.some(id => meters.take([id], 1, NOW)))
})

t.test('over any time at most the burst and the rate pass', async t => {
  const steps = fc.array(fc.record({ wait: fc.nat(2000), bytes: fc.nat(1500) }), { maxLength: 200 })
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 100_000 }), (list, rate) => {
      const meters = new Meters()
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
