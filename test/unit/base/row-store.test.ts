import fc from 'fast-check'
import t from 'tap'
import type { LifetimeId } from '../../../src/base/ids.ts'
import { Lifetimes } from '../../../src/base/lifetimes.ts'
import { emptyList, RowStore } from '../../../src/base/row-store.ts'
import type { Time } from '../../../src/base/time.ts'

const ROW = 4
const steps = fc.array(fc.record({ list: fc.nat(3), take: fc.boolean(), which: fc.nat(1000) }), {
  maxLength: 600,
  size: 'max',
})

t.test('rows are in one list each, whatever is taken and given back', async t => {
  fc.assert(
    fc.property(steps, play => {
      const store = new RowStore(ROW)
      const lists = Array.from({ length: 4 }, emptyList)
      const models = lists.map(() => new Set<number>())
      for (const { list: which, take, which: nth } of play) {
        const list = lists[which]!
        const model = models[which]!
        if (take) {
          const row = store.take(list)
          if (models.some(other => other.has(row))) return false
          model.add(row)
          store.words[row * ROW] = row + 1
        } else if (model.size > 0) {
          const row = [...model][nth % model.size]!
          model.delete(row)
          store.give(list, row)
        }
      }
      const held = models.reduce((sum, model) => sum + model.size, 0)
      return (
        store.taken === held &&
        lists.every((list, i) => {
          const rows = [...store.of(list)]
          const isRight = rows.every(row => models[i]!.has(row) && store.words[row * ROW] === row + 1)
          return isRight && list.size === rows.length && rows.length === models[i]!.size
        })
      )
    }),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('the row at hand may be given back on the way through a list', async t => {
  const store = new RowStore(ROW)
  const list = emptyList()
  for (let i = 0; i < 10; i++) store.take(list)

  for (const row of store.of(list)) if (row % 2 === 0) store.give(list, row)

  t.same([...store.of(list)].sort(), [1, 3, 5, 7, 9])
})

t.test('a row that is taken again is empty', async t => {
  const store = new RowStore(ROW)
  const list = emptyList()
  const row = store.take(list)
  store.words[row * ROW] = 7
  store.give(list, row)

  t.equal(store.take(list), row)
  t.equal(store.words[row * ROW], 0)
})

t.test('a lifetime ends at its moment, is renewed by one number, and is over once closed', async t => {
  const lifetimes = new Lifetimes()
  const ids: LifetimeId[] = []
  for (let i = 0; i < 500; i++) ids.push(lifetimes.open((1000 + i) as Time))
  t.ok(lifetimes.isOver(ids[0]!, 1000 as Time))
  t.notOk(lifetimes.isOver(ids[0]!, 999 as Time))
  lifetimes.set(ids[0]!, 5000 as Time)
  t.notOk(lifetimes.isOver(ids[0]!, 4999 as Time))
  t.equal(lifetimes.until(ids[499]!), 1499)

  for (const id of ids) lifetimes.close(id)
  t.ok(ids.every(id => lifetimes.isOver(id, 0 as Time)))
  t.equal(lifetimes.size, 0)
  const again = ids.map(() => lifetimes.open(9 as Time))
  t.equal(new Set(again).size, 500)
  t.ok(Math.max(...again) < 500, 'the numbers are used again')
})
