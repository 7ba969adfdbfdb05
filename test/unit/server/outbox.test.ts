import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Event, RejectReason } from '../../../src/core/event.ts'
import { Outbox } from '../../../src/workers/outbox.ts'
import type { FromWorker } from '../../../src/workers/protocol.ts'

t.test('what comes up in one turn of the event loop goes out as one list, in order', async t => {
  const { outbox, lists, turn } = start()

  outbox.push({ kind: 'ready' })
  outbox.tell(permitted(1))
  outbox.push({ kind: 'released', allocation: 1 as AllocationId })
  t.same(lists, [])
  turn()

  t.match(lists, [[{ kind: 'ready' }, { kind: 'told' }, { kind: 'released' }]])
  turn()
  t.equal(lists.length, 1)
})

t.test('rejections wait a little, and a flood of them is a number', async t => {
  const { outbox, lists, turn, wait } = start()
  for (let i = 0; i < 10_000; i++) outbox.tell(rejected('first-401'))
  for (let i = 0; i < 3; i++) outbox.tell(rejected('wrong-secret'))

  turn()
  t.same(lists, [])
  wait()

  t.equal(lists.length, 1)
  const told = (why: RejectReason) =>
    lists[0]!.filter(
      ({ kind, ...one }) => kind === 'told' && 'event' in one && 'why' in one.event && one.event.why === why,
    )
  t.equal(told('first-401').length, 10)
  t.equal(told('wrong-secret').length, 3)
  t.match(lists[0]!.at(-1), { kind: 'rejected', why: 'first-401', count: 9990 })

  outbox.tell(rejected('first-401'))
  wait()
  t.match(lists[1], [{ kind: 'told' }], 'and begins anew')
})

t.test('other news take waiting rejections along, and none is told twice', async t => {
  const { outbox, lists, turn, wait } = start()
  outbox.tell(rejected('quota'))
  outbox.push({ kind: 'ready' })

  turn()
  wait()

  t.match(lists, [[{ kind: 'told' }, { kind: 'ready' }]])
  t.equal(lists.length, 1)
})

t.test('P-05: of a flood of connections that are not served the first few are told', async t => {
  const { outbox, lists, turn, wait } = start()
  const unserved = { kind: 'unserved', at: 0 as Time, why: 'tls-version', detail: '' } as const
  const from = parseAddress('192.0.2.1:1')!

  for (let i = 0; i < 10_000; i++) {
    outbox.tell({ ...unserved, from })
    if (i % 100 === 0) turn()
  }
  turn()
  t.equal(lists.flat().length, 10)
  wait()
  outbox.tell({ ...unserved, from })
  turn()

  t.equal(lists.flat().length, 11)
})

function start() {
  const lists: (readonly FromWorker[])[] = []
  const soon: (() => void)[] = []
  const later: (() => void)[] = []
  const outbox = new Outbox({
    post: messages => void lists.push(messages),
    soon: run => void soon.push(run),
    later: run => void later.push(run),
  })
  const runAll = (list: (() => void)[]) => () => {
    for (const run of list.splice(0)) run()
  }
  return { outbox, lists, turn: runAll(soon), wait: runAll(later) }
}

function permitted(allocation: number): Event {
  return { kind: 'permitted', at: 0 as Time, allocation: allocation as AllocationId, peers: [] }
}

function rejected(why: RejectReason): Event {
  const from = parseAddress('192.0.2.10:50000')!
  return { kind: 'rejected', at: 0 as Time, from, via: 'udp', method: 'Allocate', code: 401, why, detail: '' }
}
