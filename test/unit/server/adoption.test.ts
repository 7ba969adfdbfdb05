import t from 'tap'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event } from '../../../src/core/event.ts'
import { Adoption } from '../../../src/operate/adoption.ts'
import type { TakenAllocation } from '../../../src/relay/hand-over/shard-hand-over.ts'

const opened = (id: number) =>
  ({ kind: 'opened', allocation: id as AllocationId }) as unknown as TakenAllocation
const closed = (id: number) => ({ kind: 'closed', allocation: id as AllocationId }) as unknown as Event
const from = { at: 0 as Time, count: 1 }

t.test('everybody is told once of each call that was taken over', async t => {
  const told: number[] = []
  const adoption = new Adoption(({ allocation }) => void told.push(allocation))
  await adoption.adopt(Array.from({ length: 1000 }, (_, i) => opened(i + 1)))
  t.equal(told.length, 1000)
  t.equal(new Set(told).size, 1000)
  adoption.before(closed(7))
  t.equal(told.length, 1000)
})

t.test('what happens to a call is told after that it is there', async t => {
  const told: number[] = []
  const adoption = new Adoption(({ allocation }) => void told.push(allocation))
  const adopting = adoption.adopt([opened(1), opened(2), opened(3)])
  t.same(told, [], 'packets come first')
  adoption.before(closed(3))
  adoption.before(closed(3))
  adoption.before(closed(99))
  adoption.before({ kind: 'throttled', why: 'guessing', ...from } as unknown as Event)
  t.same(told, [3])
  await adopting
  t.same(told, [3, 1, 2])
})
