import t from 'tap'
import { Pacer } from '../../../src/load/pace/pacer.ts'

t.test('as many bursts are due as the time that has passed calls for', async t => {
  const pacer = new Pacer(1000, 5)

  t.same(
    [5, 6, 6.5, 8, 8].map(now => pacer.due(now)),
    [0, 1, 0, 2, 0],
  )
})

t.test('fractions are not lost', async t => {
  const pacer = new Pacer(333, 0)
  let taken = 0
  for (let now = 0; now <= 10_000; now += 0.25) taken += pacer.due(now)

  t.equal(taken, 3330)
  t.equal(pacer.missed(10_000), 0)
})

t.test('who comes too late catches up on fifty milliseconds, and the rest is missed', async t => {
  const pacer = new Pacer(1000, 0)

  t.equal(pacer.due(1000), 50)
  t.equal(pacer.missed(1000), 950)
  t.equal(pacer.due(1001), 1)
  t.equal(pacer.missed(1001), 950)
})

t.test('what was due at the end and not taken is missed too', async t => {
  const pacer = new Pacer(1000, 0)
  pacer.due(10)

  t.equal(pacer.missed(25), 15)
})

t.test('a pace below one burst in fifty milliseconds still sends', async t => {
  const pacer = new Pacer(2, 0)

  t.equal(pacer.due(400), 0)
  t.equal(pacer.due(500), 1)
  t.equal(pacer.due(5000), 1)
  t.equal(pacer.missed(5000), 8)
})
