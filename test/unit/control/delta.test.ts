import t from 'tap'
import { deltaOf, shown } from '../../../src/control/feed/delta.ts'
import type { HistoryPoint, SessionView, Status } from '../../../src/control/view.ts'

const COUNT = 20_000
const rows = (rate: number) =>
  shown({
    status: {} as Status,
    sessions: Array.from({ length: COUNT }, (_, i) => ({ id: `${i}`, rate }) as unknown as SessionView),
    more: 0,
  })

t.test('S-14: while looks are compared, others have their turn', async t => {
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const { changed } = await deltaOf(rows(1), rows(2), 1, {} as HistoryPoint)
  isOver = true
  t.equal(changed.length, COUNT)
  t.ok(turns > 1, `${turns} turns`)
})
