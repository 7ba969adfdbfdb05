import t from 'tap'
import { median, middleOf, range } from '../../../src/load/measure/statistics.ts'

t.test('the median is the middle one, or the mean of the two in the middle', async t => {
  t.equal(median([3, 1, 200]), 3)
  t.equal(median([4, 1, 200, 2]), 3)
  t.equal(median([5]), 5)
  t.equal(median([]), undefined)
})

t.test('the range is the least and the most', async t => {
  t.same(range([3, 1, 2]), [1, 3])
  t.equal(range([]), undefined)
})

t.test('what is in the middle is found by its number, and nothing is put in order but a copy', async t => {
  const all = [{ n: 9 }, { n: 1 }, { n: 5 }]

  t.equal(
    middleOf(all, one => one.n),
    all[2],
  )
  t.same(all, [{ n: 9 }, { n: 1 }, { n: 5 }])
})
