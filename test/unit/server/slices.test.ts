import t from 'tap'
import { DescriptorCount } from '../../../src/system/descriptor-count.ts'
import { DEAR, inSlices, rest, sortInSlices } from '../../../src/system/slices.ts'

t.test('S-14: no slice does more than half a millisecond of work, and all is done in the end', async t => {
  const { clock, slices, work } = rig(0.01)
  await inSlices(Array(10_000).keys(), work, undefined, clock)
  t.equal(
    slices.reduce((sum, count) => sum + count, 0),
    10_000,
  )
  t.ok(Math.max(...slices) <= 66, `${Math.max(...slices)} items of 10 µs at most`)
})

t.test('S-14: few items are done at once', async t => {
  const { clock, slices, work } = rig(0.01)
  await inSlices(Array(50).keys(), work, undefined, clock)
  t.same(slices, [50])
})

t.test('S-14: where one item may take long, the time is looked at after each', async t => {
  const { clock, slices, work } = rig(0.3)
  await inSlices(Array(100).keys(), work, DEAR, clock)
  t.equal(Math.max(...slices), 2)
})

t.test('S-14: what a map loses meanwhile is left out', async t => {
  const map = new Map(Array.from({ length: 1000 }, (_, i) => [i, i]))
  const { clock, work } = rig(1)
  const seen: number[] = []
  await inSlices(
    map.values(),
    item => {
      work()
      seen.push(item)
      map.delete(item + 1)
    },
    undefined,
    clock,
  )
  t.equal(seen.length, 500)
})

t.test('S-14: of several that work in slices one has a slice in each turn of the event loop', async t => {
  let turn = 0
  const turns: number[] = []
  const count = () => {
    turn++
    if (turns.length < 30) setImmediate(count)
  }
  setImmediate(count)
  const look = async () => {
    for (let i = 0; i < 10; i++) {
      await rest()
      turns.push(turn)
    }
  }
  await Promise.all([look(), look(), look()])
  t.equal(turns.length, 30, 'and all come to their end')
  t.equal(new Set(turns).size, 30)
})

t.test('S-14: a sort in slices sorts as Array.sort does, and rests all the time', async t => {
  const { clock, slices, work } = rig(0.001)
  const items = Array.from({ length: 5000 }, (_, i) => ({ key: (i * 7919) % 1000, i }))
  const compare = (a: { key: number }, b: { key: number }) => {
    work()
    return a.key - b.key
  }
  const sorted = await sortInSlices(items, compare, clock)
  t.same(
    sorted,
    [...items].sort((a, b) => a.key - b.key),
  )
  t.ok(slices.length > 20)
  t.ok(Math.max(...slices) <= 1300, `${Math.max(...slices)} comparisons of 1 µs at most`)
  t.same(await sortInSlices([], compare, clock), [])
})

t.test('S-14: descriptors are counted by the kernel where it can', async t => {
  const { count, did } = counting(() => 17)
  t.equal(count.read(), 17)
  t.same(did, [])
})

t.test('S-14: elsewhere they are listed once, and then counted in the background', async t => {
  const { count, did, clock } = counting(() => 0)
  t.equal(count.read(), 5)
  clock.now += 4000
  t.equal(count.read(), 5)
  t.same(did, ['list'])

  clock.now += 2000
  t.equal(count.read(), 5, 'the count from before')
  t.equal(count.read(), 5)
  await new Promise(setImmediate)
  t.equal(count.read(), 9)
  t.same(did, ['list', 'walk'])
})

t.test('where none is left to count with, all are in use', async t => {
  const { count } = counting(() => 0, 'EMFILE')
  t.equal(count.read(), Number.POSITIVE_INFINITY)
  t.equal(counting(() => 0, 'ENOENT').count.read(), undefined)
})

function counting(size: () => number, fails?: string) {
  const did: string[] = []
  const clock = { now: 0 }
  const count = new DescriptorCount({
    size,
    list: () => {
      if (fails) throw Object.assign(new Error(fails), { code: fails })
      did.push('list')
      return 5
    },
    walk: async () => {
      did.push('walk')
      return 9
    },
    now: () => clock.now,
  })
  return { count, did, clock }
}

/** A clock that every item moves on, and the items that each slice had. */
function rig(milliseconds: number) {
  let now = 0
  const slices = [0]
  const work = () => {
    now += milliseconds
    slices[slices.length - 1]!++
  }
  const clock = {
    now: () => now,
    rest: async () => {
      slices.push(0)
    },
  }
  return { clock, slices, work }
}
