import t from 'tap'
import { formatFigure, formatMicros, formatRatio, formatShort } from '../../../src/load/report/format.ts'

t.test('a latency is written in the unit that suits it', async t => {
  t.equal(formatMicros(84, 'en'), '84 µs')
  t.equal(formatMicros(1234, 'en'), '1.23 ms')
  t.equal(formatMicros(2_500_000, 'en'), '2.5 s')
})

t.test('figures have their units, and numbers the manners of the language', async t => {
  t.equal(formatFigure('packetsPerSecond', 36_651.2, 'en'), '36,651')
  t.equal(formatFigure('packetsPerSecond', 36_651.2, 'de'), '36.651')
  t.equal(formatFigure('serverCpu', 4.3412, 'de'), '4,34 µs')
  t.equal(formatFigure('loss', 0, 'en'), '0 %')
  t.equal(formatFigure('loss', 0.000_512, 'en'), '0.0512 %')
  t.equal(formatFigure('openMemory', 16_384, 'en'), '16.4 kB')
  t.equal(formatFigure('megabitsPerSecond', 474.52, 'en'), '475 Mbit/s')
  t.equal(formatFigure('joules', 12.34, 'en'), '12.3 J/GB')
  t.equal(formatFigure('halfP999', 1500, 'en'), '1.5 ms')
  t.equal(formatRatio(1.2, 'de'), '1,20 ×')
})

t.test('counts on an axis are short', async t => {
  t.same(
    [0, 500, 9999, 20_000, 1_500_000].map(count => formatShort(count, 'en')),
    ['0', '500', '9,999', '20k', '1.5M'],
  )
})
