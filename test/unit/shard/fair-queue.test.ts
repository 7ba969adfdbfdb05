import fc from 'fast-check'
import t from 'tap'
import { FairQueue } from '../../../src/shard/fair-queue.ts'

t.test('S-01: senders are served in turn, and each in the order of its items', t => {
  const queue = new FairQueue<string>(100)
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.add(item[0]!, item)
  t.same([queue.take(), queue.take()], ['a1', 'b1'])
  queue.add('d', 'd1')
  queue.add('b', 'b2')
  t.same(
    Array.from({ length: 6 }, () => queue.take()),
    ['c1', 'a2', 'd1', 'b2', 'c2', 'a3'],
  )
  t.ok(queue.isEmpty)
  t.equal(queue.take(), undefined)
  t.end()
})

t.test('S-01: above the bound the oldest item goes of the sender with most', t => {
  const queue = new FairQueue<string>(4)
  for (const item of ['a1', 'a2', 'a3', 'b1']) t.equal(queue.add(item[0]!, item), 0)
  t.equal(queue.add('b', 'b2'), 1)
  t.equal(queue.add('c', 'large', { weight: 2 }), 2, 'a heavy item counts as several')
  t.same(
    Array.from({ length: 4 }, () => queue.take()),
    ['a3', 'b2', 'large', undefined],
  )
  t.notOk(queue.has('a'))
  t.end()
})

t.test('S-01: of the sender with most, what can be spared goes first, and order stays', t => {
  const queue = new FairQueue<string>(4)
  queue.add('a', 'a1')
  queue.add('a', 'a2', { isSpare: true })
  queue.add('a', 'a3')
  queue.add('a', 'a4', { isSpare: true })
  for (const item of ['a5', 'a6', 'a7']) t.equal(queue.add('a', item, { isSpare: true }), 1)
  for (const item of ['a8', 'a9']) t.equal(queue.add('a', item), 1)
  t.equal(queue.add('a', 'b1'), 1, 'where none can be spared, the oldest')
  t.same(
    Array.from({ length: 5 }, () => queue.take()),
    ['a3', 'a8', 'a9', 'b1', undefined],
  )
  t.end()
})

t.test(
  'S-01: whatever is added and taken, nothing is lost but what is dropped, and nobody waits for two of another',
  t => {
    const step = fc.oneof(
      fc.record({
        sender: fc.constantFrom('a', 'b', 'c', 'd'),
        weight: fc.integer({ min: 1, max: 3 }),
        isSpare: fc.boolean(),
      }),
      fc.constant(undefined),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const most = 12
        const queue = new FairQueue<{ sender: string; number: number }>(most)
        let [added, dropped, taken] = [0, 0, 0]
        const last = new Map<string, number>()
        const waitedFor = new Map<string, string[]>()
        const take = () => {
          const item = queue.take()
          if (!item) return false
          taken++
          if (item.number <= (last.get(item.sender) ?? -1)) throw new Error('out of order')
          last.set(item.sender, item.number)
          waitedFor.delete(item.sender)
          for (const [sender, others] of waitedFor) {
            if (!queue.has(sender)) waitedFor.delete(sender)
            else others.push(item.sender)
            if (others.filter(other => other === item.sender).length > 2) throw new Error('not in turn')
          }
          if (queue.has(item.sender)) waitedFor.set(item.sender, [])
          return true
        }
        for (const one of steps) {
          if (!one) take()
          else {
            if (!queue.has(one.sender)) waitedFor.set(one.sender, [])
            dropped += queue.add(one.sender, { sender: one.sender, number: added++ }, one)
          }
        }
        while (take());
        return queue.isEmpty && added === taken + dropped
      }),
    )
    t.end()
  },
)
