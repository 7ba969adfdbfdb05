import t from 'tap'
import { BoundedMap } from '../../../src/limits/bounded-map.ts'

t.test('a full map forgets what was set or found longest ago', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.get('a', 0)
  map.set('c', 3)

  t.equal(map.get('b', 0), undefined)
  t.equal(map.get('a', 0), 1)
  t.equal(map.get('c', 0), 3)
  t.equal(map.size, 2)
})

t.test('setting a key again takes no second place', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('b', 3)

  t.equal(map.get('a', 0), 1)
  t.equal(map.get('b', 0), 3)
})

t.test('an entry is there until the moment at which it ends', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1, 100)

  t.ok(map.has('a', 99))
  t.equal(map.get('a', 99), 1)
  t.notOk(map.has('a', 100))
  t.equal(map.get('a', 100), undefined)
  t.equal(map.size, 0)
})

t.test('a peek changes nothing about who makes room', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  t.equal(map.peek('a'), 1)
  map.set('c', 3)

  t.equal(map.peek('a'), undefined)
})

t.test('what has ended is removed once, and told', async t => {
  const map = new BoundedMap<string, number>(3)
  map.set('a', 1, 100)
  map.set('b', 2, 300)
  map.set('c', 3, 200)

  t.strictSame(map.forget(200), [
    ['a', 1],
    ['c', 3],
  ])
  t.strictSame(map.forget(200), [])
  t.strictSame([...map.entries(200)], [['b', 2, 300]])
})
