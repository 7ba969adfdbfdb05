import t from 'tap'
import {
  FIGURE_KEYS,
  FIGURES,
  type FigureKey,
  middleSearch,
  ratio,
  readReport,
  summarise,
} from '../../../src/load/report/report.ts'
import { measurement, report, round, server } from './sample-report.ts'

const figure = (key: FigureKey) => FIGURES.find(one => one.key === key)!
const costing = (...micros: (number | null)[]) =>
  micros.map(serverCpuMicrosPerPacket => round({ full: measurement({ serverCpuMicrosPerPacket }) }))

t.test('every figure has one row', async t => {
  t.same(FIGURES.map(one => one.key).sort(), [...FIGURE_KEYS].sort())
})

t.test('a figure is the median of the rounds, between the least and the most', async t => {
  t.same(summarise(figure('serverCpu'), costing(9, 4, 5)), { median: 5, least: 4, most: 9 })
})

t.test('rounds that do not know a figure do not count, and none that do make it unknown', async t => {
  t.same(summarise(figure('serverCpu'), costing(null, 4)), { median: 4, least: 4, most: 4 })
  t.equal(summarise(figure('serverCpu'), costing(null, null)), undefined)
  t.equal(summarise(figure('calls'), [round({ search: null })]), undefined)
})

t.test('calls are what a search for allocations found, not one for packets', async t => {
  const search = { ...round().search!, unit: 'packets-per-second' as const }

  t.equal(summarise(figure('calls'), [round()])?.median, 100)
  t.equal(summarise(figure('calls'), [round({ search })]), undefined)
})

t.test('the ratio is of the medians, first to second', async t => {
  const [first, second] = [server('a', costing(2, 3, 90)), server('b', costing(6, 6, 1))]

  t.equal(ratio(figure('serverCpu'), first, second), 0.5)
})

t.test('there is no ratio to nothing', async t => {
  const [first, second] = [server('a', costing(2)), server('b', costing(null))]

  t.equal(ratio(figure('serverCpu'), first, second), undefined)
  t.equal(ratio(figure('loss'), server('a'), server('b')), undefined)
})

t.test('packets that were corrupt, misdelivered or came twice are errors', async t => {
  const full = measurement({ corrupt: 1, misdelivered: 20, duplicates: 300 })

  t.equal(summarise(figure('errors'), [round({ full })])?.median, 321)
})

t.test('the search of the middle round is shown with the median of all', async t => {
  const found = (best: number) => round({ search: { ...round().search!, best } })

  t.equal(middleSearch(server('a', [found(10), found(90), found(50)]))?.best, 50)
  t.equal(middleSearch(server('a', [found(10), found(21)]))?.best, 16)
  t.equal(middleSearch(server('a', [round({ search: null })])), undefined)
})

t.test('what was printed as JSON is read again', async t => {
  t.same(readReport(JSON.stringify(report())), report())
})

t.test('other files are no reports', async t => {
  for (const text of [
    '',
    '[]',
    'null',
    '{"format":"taciturn-bench"}',
    JSON.stringify({ ...report(), version: 2 }),
    JSON.stringify({ ...report(), format: 'other' }),
  ]) {
    t.equal(readReport(text), undefined, text.slice(0, 40))
  }
})
