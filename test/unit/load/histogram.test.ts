import t from 'tap'
import { Histogram } from '../../../src/load/measure/histogram.ts'

t.test('small numbers are kept exactly', async t => {
  const histogram = new Histogram()
  for (let value = 1; value <= 100; value++) histogram.record(value)

  t.equal(histogram.total, 100)
  t.equal(histogram.quantile(0.5), 50)
  t.equal(histogram.quantile(0.99), 99)
  t.equal(histogram.quantile(1), 100)
  t.equal(histogram.quantile(0), 1)
})

t.test('large numbers are off by less than two per cent, upwards, up to the largest there is', async t => {
  for (const value of [128, 129, 255, 256, 1000, 4095, 65_537, 1_000_003, 2 ** 31, 2 ** 32 - 1]) {
    const histogram = new Histogram()
    histogram.record(value)
    histogram.record(2 ** 32 - 1)
    const found = histogram.quantile(0.5)
    t.ok(found >= value && found <= value * 1.016, `${value} became ${found}`)
  }
})

t.test('every number falls into one bucket, and larger numbers into none before it', async t => {
  let last = 0
  for (let value = 0; value < 5000; value++) {
    const histogram = new Histogram()
    histogram.record(value)
    const bucket = histogram.counts.indexOf(1)
    t.ok(bucket === last || bucket === last + 1, `${value}`)
    last = bucket
  }
})

t.test('the largest number is exact, and no quantile exceeds it', async t => {
  const histogram = new Histogram()
  histogram.record(1_000_003)

  t.equal(histogram.max, 1_000_003)
  t.equal(histogram.quantile(1), 1_000_003)
})

t.test('two histograms add up to one of all their numbers', async t => {
  const [one, other, all] = [new Histogram(), new Histogram(), new Histogram()]
  for (let value = 0; value < 3000; value += 7) {
    const part = value % 2 === 0 ? one : other
    part.record(value)
    all.record(value)
  }

  one.add(other)

  t.equal(one.total, all.total)
  t.equal(one.max, all.max)
  t.same(one.counts, all.counts)
})

t.test('a histogram goes on from the counts of another', async t => {
  const before = new Histogram()
  for (const value of [5, 700, 700]) before.record(value)

  const after = new Histogram(before.counts, before.max)
  after.record(3)

  t.equal(after.total, 4)
  t.equal(after.max, 700)
  t.equal(after.quantile(0.25), 3)
})

t.test('nothing has no quantile', async t => {
  t.equal(new Histogram().quantile(0.99), 0)
})

t.test('counts of another size are refused', async t => {
  t.throws(() => new Histogram(new Float64Array(3)), RangeError)
})
