import t from 'tap'
import { Arrivals, DUPLICATE, FRESH, REORDERED } from '../../../src/load/measure/arrivals.ts'

t.test('packets in their order are fresh', async t => {
  const arrivals = new Arrivals(1)
  for (let n = 0; n < 2000; n++) t.equal(arrivals.take(0, n), FRESH)
})

t.test('a packet behind a later one is out of order, and fresh packets go on after it', async t => {
  const arrivals = new Arrivals(1)

  t.same(
    [0, 1, 3, 2, 4].map(n => arrivals.take(0, n)),
    [FRESH, FRESH, FRESH, REORDERED, FRESH],
  )
})

t.test('a packet that comes again is a duplicate, however it came first', async t => {
  const arrivals = new Arrivals(1)

  t.same(
    [0, 0, 5, 3, 3, 5, 0].map(n => arrivals.take(0, n)),
    [FRESH, DUPLICATE, FRESH, REORDERED, DUPLICATE, DUPLICATE, DUPLICATE],
  )
})

t.test('a gap wider than the window forgets what was before it', async t => {
  const arrivals = new Arrivals(1)
  for (let n = 0; n < 300; n++) arrivals.take(0, n)

  t.equal(arrivals.take(0, 1000), FRESH)
  t.equal(arrivals.take(0, 999), REORDERED)
  t.equal(arrivals.take(0, 999), DUPLICATE)
  t.equal(arrivals.take(0, 500), REORDERED)
})

t.test('streams do not know of one another', async t => {
  const arrivals = new Arrivals(3)

  t.same(
    [0, 1, 2].map(stream => arrivals.take(stream, 0)),
    [FRESH, FRESH, FRESH],
  )
  t.equal(arrivals.take(1, 0), DUPLICATE)
  t.equal(arrivals.take(2, 1), FRESH)
})

t.test('what is lost, late and twice in a long shuffle adds up', async t => {
  const arrivals = new Arrivals(1)
  const tally = [0, 0, 0]
  for (let block = 0; block < 500; block++) {
    const first = block * 10
    // The fifth of ten is lost, the eighth comes before the sixth and seventh, the ninth twice.
    for (const n of [0, 1, 2, 3, 7, 5, 6, 8, 8, 9]) {
      const order = arrivals.take(0, first + n)
      tally[order] = tally[order]! + 1
    }
  }
  t.same(tally, [3500, 1000, 500])
})
