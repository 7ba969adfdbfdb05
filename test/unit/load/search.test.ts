import t from 'tap'
import { Search } from '../../../src/load/search.ts'

/** Searches where everything up to `limit` passes; returns what was tried. */
function searchFor(limit: number, options = { start: 20, most: 100_000, within: 0.05 }) {
  const search = new Search(options)
  const tried: number[] = []
  for (let n = search.next(); n !== undefined; n = search.next()) {
    tried.push(n)
    search.tell(n, n <= limit)
    if (tried.length > 100) throw new Error('the search does not end')
  }
  return { best: search.best, tried }
}

t.test('the best is within five per cent of the truth, and never above it', async t => {
  for (const limit of [21, 39, 40, 41, 100, 333, 1000, 4711, 99_000]) {
    const { best, tried } = searchFor(limit)
    t.ok(best <= limit && best >= limit * 0.95 - 1, `${best} for ${limit}`)
    t.ok(tried.length < 22, `${tried.length} trials`)
  }
})

t.test('it doubles until one fails, then halves the gap', async t => {
  t.same(searchFor(130).tried, [20, 40, 80, 160, 120, 140, 130, 135])
})

t.test('a start that fails is come down from', async t => {
  const { best, tried } = searchFor(3)
  t.equal(best, 3)
  t.same(tried.slice(0, 2), [20, 5])
})

t.test('where nothing passes, the best is none', async t => {
  t.equal(searchFor(0).best, 0)
})

t.test('it does not go beyond the most', async t => {
  t.same(searchFor(1e9, { start: 20, most: 70, within: 0.05 }), { best: 70, tried: [20, 40, 70] })
  t.same(searchFor(1e9, { start: 20, most: 8, within: 0.05 }), { best: 8, tried: [8] })
})

t.test('a failure below what has passed counts', async t => {
  const search = new Search({ start: 100, most: 1000, within: 0.05 })
  search.tell(100, true)
  search.tell(200, true)
  search.tell(150, false)

  t.equal(search.best, 149)
  t.equal(search.next(), undefined)
})
