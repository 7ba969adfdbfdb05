import t from 'tap'
import { floors, quantile, slope, tail } from '../../../bench/soak/slope.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

t.test('a straight line has its slope, and no error', t => {
  const points = Array.from({ length: 10 }, (_, i) => [i * MINUTE, 100 + i] as const)
  const found = slope(points)!
  t.ok(Math.abs(found.perHour - 60) < 1e-9)
  t.ok(found.error < 1e-9)
  t.end()
})

t.test('noise shows in the error', t => {
  const points = Array.from({ length: 100 }, (_, i) => [i * MINUTE, 100 + (i % 2) * 8] as const)
  const found = slope(points)!
  t.ok(Math.abs(found.perHour) < 2 * found.error, `${found.perHour} ± ${found.error}`)
  t.end()
})

t.test('a slow swing has more of it than the same noise in no order', t => {
  const wave = Array.from({ length: 120 }, (_, i) => [i * MINUTE, Math.sin(i / 10)] as const)
  const shuffled = wave.map(([x], i) => [x, wave[(i * 67) % 120]![1]] as const)
  t.ok(slope(wave)!.error > 3 * slope(shuffled)!.error)
  t.end()
})

t.test('too few points, or all at one moment, have no slope', t => {
  t.equal(slope([]), undefined)
  t.equal(
    slope([
      [0, 1],
      [1, 2],
    ]),
    undefined,
  )
  t.equal(
    slope([
      [5, 1],
      [5, 2],
      [5, 3],
    ]),
    undefined,
  )
  t.end()
})

t.test('the floor of each minute is what a collector leaves', t => {
  const saw = Array.from({ length: 240 }, (_, i) => [i * 1000, 50 + (i % 30)] as const)
  t.strictSame(
    floors(saw, MINUTE).map(([, least]) => least),
    [50, 50, 50, 50],
  )
  t.end()
})

t.test('the tail leaves the beginning out', t => {
  const samples = Array.from({ length: 11 }, (_, i) => ({ at: (i * HOUR) / 10 }))
  t.equal(tail(samples, 0.8).length, 9)
  t.equal(tail([], 0.8).length, 0)
  t.end()
})

t.test('a quantile is a number of the list', t => {
  t.equal(quantile([5, 1, 3], 0.5), 3)
  t.equal(quantile([5, 1, 3], 0.99), 5)
  t.ok(Number.isNaN(quantile([], 0.5)))
  t.end()
})
