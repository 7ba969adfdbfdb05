import t from 'tap'
import { createBatch } from '../../../src/base/batch.ts'
import type { AllocationId, RouteId, SocketId } from '../../../src/base/ids.ts'
import { nothingCarried } from '../../../src/base/route.ts'
import type { Forwarder } from '../../../src/forward/forwarder.ts'
import { Log } from '../../../src/log/log.ts'
import { GuardedInbox } from '../../../src/relay/guarded-inbox.ts'
import type { Inbox } from '../../../src/shard/world.ts'

t.test('a batch that makes the shard throw is lost, and the next one is not [NODE-01]', async t => {
  const { inbox, taken, lines, shard } = start()

  shard.broken = true
  inbox.received(createBatch(1, 64))
  shard.broken = false
  inbox.received(createBatch(1, 64))

  t.equal(taken.length, 1)
  t.equal(inbox.faults, 1)
  t.match(lines()[0], { level: 'error', where: 'received', error: /broken/ })
})

t.test('ticks, hang-ups and errors of the network are guarded too [NODE-01]', async t => {
  const { inbox, shard } = start()
  shard.broken = true

  inbox.tick()
  inbox.hungUp(1 as SocketId)
  inbox.unreachable({ socket: 1 as SocketId, peer: {} as never, type: 3, code: 3, data: 0 })

  t.equal(inbox.faults, 3)
})

t.test('C-11: answers, which come later than what asked for them, are guarded too [NODE-01]', async t => {
  const { inbox, shard } = start()
  shard.broken = true

  inbox.opened({ allocation: 1 as AllocationId, relays: [] })
  inbox.refused({ allocation: 1 as AllocationId, code: 508, why: 'no port' })
  inbox.settled({} as Forwarder, 1 as RouteId, nothingCarried())

  t.equal(inbox.faults, 3)
})

t.test('a fault in every batch does not fill the disk [NODE-01, ABU-15]', async t => {
  const { inbox, lines, shard } = start()
  shard.broken = true

  for (let i = 0; i < 10_000; i++) inbox.received(createBatch(1, 64))

  t.equal(inbox.faults, 10_000)
  t.ok(lines().length <= 10)
})

t.test('what arrives before there is a shard is dropped', async t => {
  const inbox = new GuardedInbox(new Log({ level: 'info', format: 'json', sink: { write() {} } }))

  inbox.received(createBatch(1, 64))
  inbox.tick()

  t.equal(inbox.faults, 0)
})

function start() {
  const written: string[] = []
  const taken: string[] = []
  const shard = { broken: false }
  const take = (what: string) => () => {
    if (shard.broken) throw new Error('broken')
    taken.push(what)
  }
  const inbox = new GuardedInbox(
    new Log({ level: 'info', format: 'json', sink: { write: line => written.push(line) } }),
  )
  inbox.attach({
    received: take('received'),
    hungUp: take('hungUp'),
    unreachable: take('unreachable'),
    tick: take('tick'),
    opened: take('opened'),
    refused: take('refused'),
    settled: take('settled'),
  } as Partial<Inbox> as Inbox)
  return {
    inbox,
    taken,
    shard,
    lines: () => written.map(line => JSON.parse(line) as Record<string, unknown>),
  }
}
