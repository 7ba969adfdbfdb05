import t from 'tap'
import { CountingWindow, FixedWindow } from '../../../src/limits/fixed-window.ts'

t.test('a window begins with its first use and ends after its time', async t => {
  const windows = new FixedWindow<string, { seen: number }>(1000, 10, () => ({ seen: 0 }))
  windows.of('a', 500).seen++
  windows.of('a', 1499).seen++

  t.strictSame(windows.find('a', 1499), { seen: 2 })
  t.equal(windows.find('b', 1499), undefined)
  t.strictSame(windows.of('a', 1500), { seen: 0 })
})

t.test('windows that are over are handed out once', async t => {
  const windows = new FixedWindow<string, { seen: number }>(1000, 10, () => ({ seen: 0 }))
  windows.of('a', 0).seen = 7
  windows.of('b', 900)

  t.strictSame(windows.end(1000), [['a', { seen: 7 }]])
  t.strictSame(windows.end(1000), [])
  t.equal(windows.size, 1)
})

t.test('no more keys than the bound are remembered; an active one is not displaced by idle ones', async t => {
  const windows = new CountingWindow<number>(2, 1000, 3)
  t.ok(windows.pass(0, 0))
  t.ok(windows.pass(0, 0))
  for (let key = 1; key < 100; key++) {
    windows.pass(key, 1)
    t.notOk(windows.pass(0, 1))
  }
})

t.test('a key may do something so many times in a window, and again in the next', async t => {
  const windows = new CountingWindow<string>(2, 1000, 10)
  t.notOk(windows.isSpent('a', 0))
  t.ok(windows.pass('a', 0))
  t.ok(windows.pass('a', 10))
  t.ok(windows.isSpent('a', 20))
  t.notOk(windows.pass('a', 20))
  t.ok(windows.pass('b', 20), 'another key')
  t.notOk(windows.isSpent('a', 1000))
  t.ok(windows.pass('a', 1000))
})
