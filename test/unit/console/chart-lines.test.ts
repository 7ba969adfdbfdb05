import t from 'tap'
import {
  gridValues,
  linePath,
  roundTop,
  stretches,
  thin,
  timeTicks,
} from '../../../src/console/parts/chart-lines.ts'

const moment = (at: number, ...values: number[]) => ({ at, values })

t.test('the top of a chart is round and never below the highest value', t => {
  for (const value of [0.004, 1, 7.2, 99, 100, 101, 350, 1e6, 987_654_321]) {
    t.ok(roundTop(value) >= value * 0.999999, `${value}`)
    t.ok(roundTop(value) <= value * 2.001, `${value}`)
  }
  t.equal(roundTop(0), 1)
  t.equal(roundTop(Number.NaN), 1)
  t.equal(roundTop(3.1e6), 4e6)
  t.end()
})

t.test('U-47: the grid divides the top into round parts', t => {
  t.same(gridValues(400), [0, 100, 200, 300, 400])
  t.same(gridValues(600), [0, 200, 400, 600])
  t.same(gridValues(0.3).length, 4)
  t.same(gridValues(roundTop(0)), [0, 1], 'an idle relay has no label twice')
  t.same(gridValues(2), [0, 1, 2])
  t.end()
})

t.test('a line breaks where moments are missing', t => {
  const frame = { width: 100, height: 50, from: 0, to: 10_000, top: 10 }
  const moments = [moment(0, 0), moment(1000, 10), moment(6000, 5), moment(7000, 20), moment(11_000, 1)]
  t.equal(linePath(moments, 0, frame, 2500), 'M0 50L10 0M60 25L70 0')
  t.end()
})

t.test('many moments become few, the newest always among them', t => {
  const moments = Array.from({ length: 10 }, (_, i) => moment(i, i))
  t.same(thin(moments, 10), moments)
  t.same(thin(moments, 4), [moment(0, 0), moment(3, 2), moment(6, 5), moment(9, 8)])
  t.end()
})

t.test('a table has the average of each stretch', t => {
  t.same(stretches([moment(100, 1), moment(900, 3), moment(1100, 7)], 1000), [moment(0, 2), moment(1000, 7)])
  t.end()
})

t.test('times below a chart are round in local time', t => {
  const frame = { width: 100, height: 50, from: 90_000, to: 690_000, top: 1 }
  t.same(timeTicks(frame, 6, 0), [120_000, 240_000, 360_000, 480_000, 600_000])
  const day = { ...frame, from: 0, to: 86_400_000 }
  const offset = -2 * 3_600_000
  for (const at of timeTicks(day, 6, offset)) t.equal((at - offset) % (4 * 3_600_000), 0)
  t.same(timeTicks({ ...frame, from: 5, to: 5 }, 6, 0), [])
  t.end()
})
