import t from 'tap'
import { FloodGate } from '../../../src/log/flood-gate.ts'

t.test('the first lines of a kind pass, the rest of the window is counted', async t => {
  const gate = new FloodGate({ lines: 2, milliseconds: 1000 })

  t.same(
    [gate.pass('a', 0), gate.pass('a', 1), gate.pass('a', 2), gate.pass('a', 999)],
    [true, true, false, false],
  )
  t.same(gate.sweep(999), [])
  t.same(gate.sweep(1000), [{ key: 'a', count: 2 }])
  t.equal(gate.pass('a', 1001), true, 'and a new window begins')
})

t.test('kinds do not hold each other back', async t => {
  const gate = new FloodGate({ lines: 1, milliseconds: 1000 })
  gate.pass('a', 0)
  gate.pass('a', 0)

  t.equal(gate.pass('b', 0), true)
})

t.test('a quiet window ends without a word', async t => {
  const gate = new FloodGate({ lines: 1, milliseconds: 1000 })
  gate.pass('a', 0)

  t.same(gate.sweep(5000), [])
})

t.test('lines that somebody else held back are counted with the others', async t => {
  const gate = new FloodGate({ lines: 1, milliseconds: 1000 })
  gate.pass('a', 0)
  gate.pass('a', 1)
  gate.hold('a', 40, 2)
  gate.hold('b', 7, 500)

  t.same(gate.sweep(1000), [{ key: 'a', count: 41 }])
  t.same(gate.sweep(1500), [{ key: 'b', count: 7 }])
})
