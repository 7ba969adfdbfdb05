import t from 'tap'
import type { SocketId } from '../../../src/base/ids.ts'
import { SocketIds } from '../../../src/net/socket-ids.ts'
import type { Transport } from '../../../src/net/transport.ts'

t.test('ids are small, start at one and know their transport', async t => {
  const ids = new SocketIds()
  const udp = transport()
  const tcp = transport()

  const a = ids.take(udp, 'relay')
  const b = ids.take(tcp, 'tls')

  t.strictSame([a, b], [1, 2])
  t.equal(ids.transport(a), udp)
  t.equal(ids.transport(b), tcp)
  t.strictSame([ids.via(a), ids.via(b)], ['relay', 'tls'])
  t.equal(ids.open, 2)
})

t.test('a released id is given out again, the one that waited longest first', async t => {
  const ids = new SocketIds()
  const owner = transport()
  const taken = Array.from({ length: 130 }, () => ids.take(owner, 'udp'))

  for (const id of taken.toReversed()) ids.release(id)

  t.equal(ids.transport(taken[0]!), undefined)
  t.strictSame([ids.take(owner, 'udp'), ids.take(owner, 'udp')], [130, 129])
})

t.test('an id that was released within the batch is not given out yet', async t => {
  const ids = new SocketIds()
  const owner = transport()
  const taken = Array.from({ length: 128 }, () => ids.take(owner, 'udp'))

  for (const id of taken) ids.release(id)

  t.equal(ids.take(owner, 'udp'), 129)
  t.equal(ids.transport(1 as SocketId), undefined)
})

t.test('releasing an id twice does not give it out twice', async t => {
  const ids = new SocketIds()
  const taken = Array.from({ length: 200 }, () => ids.take(transport(), 'udp'))

  for (const id of taken) {
    ids.release(id)
    ids.release(id)
  }
  const again = Array.from({ length: 200 }, () => ids.take(transport(), 'udp'))

  t.equal(new Set(again).size, 200)
  t.equal(ids.open, 200)
})

t.test('thousands of ids keep what they know', async t => {
  const ids = new SocketIds()
  const owner = transport()

  for (let i = 0; i < 3000; i++) ids.take(owner, i % 2 === 0 ? 'relay' : 'tcp')

  t.equal(ids.via(2999 as SocketId), 'relay')
  t.equal(ids.via(3000 as SocketId), 'tcp')
  for (let i = 1; i <= 3000; i++) ids.release(i as SocketId)
  t.equal(ids.open, 0)
  t.equal(ids.take(owner, 'udp'), 1)
})

function transport(): Transport {
  return { send: () => {}, sendOne: () => {}, owns: () => true, close: () => {} }
}

t.test('ids that a shard before this one gave out are taken again, and those between them later', async t => {
  const ids = new SocketIds()
  const owner = transport()
  const wanted = [7, 300, 3] as SocketId[]

  t.strictSame(
    wanted.map(id => ids.take(owner, 'udp', id)),
    wanted,
  )
  t.equal(ids.open, 3)
  for (const id of wanted) ids.release(id)
  const others = Array.from({ length: 400 }, () => ids.take(owner, 'relay'))

  t.strictSame(others.slice(0, 4), [1, 2, 4, 5])
  t.equal(new Set(others).size, 400)
  t.notOk(others.includes(0 as SocketId))
})

t.test('an id that waits can be wanted, and is not given out a second time', async t => {
  const ids = new SocketIds()
  const owner = transport()
  const taken = Array.from({ length: 140 }, () => ids.take(owner, 'udp'))
  for (const id of taken) ids.release(id)

  for (const id of [1, 140, 2, 70]) t.equal(ids.take(owner, 'relay', id as SocketId), id)
  const others = Array.from({ length: 200 }, () => ids.take(owner, 'udp'))

  t.equal(new Set([...others, 1, 140, 2, 70]).size, 204)
  t.equal(ids.open, 204)
})

t.test('a socket that was given away and comes back has its id, counted once', async t => {
  const ids = new SocketIds()
  const owner = transport()
  const id = ids.take(owner, 'relay')

  t.equal(ids.take(owner, 'relay', id), id)
  t.equal(ids.open, 1)
})
