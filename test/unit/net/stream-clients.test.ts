import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { compare } from '../../../src/base/range.ts'
import { StreamWorld, stunFrame } from './stream-world.ts'

const ONE = parseIp('127.0.0.1')!
/** Serves everybody but 127.0.0.1. */
const serves = (ip: Uint8Array) => compare(ip, ONE) !== 0

t.test('OW-11: a connection of a client that is not served ends before anything is read', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen()
  world.streams.keepOut(serves)
  const denied = await world.client(at)
  denied.write(stunFrame(1, 0))
  await denied.closed
  const served = await world.client(at, '127.0.0.2')
  served.write(stunFrame(2, 0))
  await world.inbox.some(1)

  t.equal(world.inbox.all.length, 1)
  t.equal(world.counters.read('dropClient'), 1)
  t.equal(world.counters.read('streamOpened'), 1, 'it takes nobody’s place')
})

t.test('OW-11: connections that are there end when their client is no longer served', async t => {
  const world = new StreamWorld(t)
  const at = await world.listen()
  const [one, two] = [await world.client(at), await world.client(at, '127.0.0.2')]
  one.write(stunFrame(1, 0))
  two.write(stunFrame(2, 0))
  await world.inbox.some(2)
  world.streams.keepOut(serves)
  await one.closed
  // The relay works off closed connections in turns.
  for (let turns = 0; world.streams.open > 1 && turns < 1000; turns++) await setImmediate()
  t.equal(world.streams.open, 1)
  world.streams.keepOut(undefined)
  const again = await world.client(at)
  again.write(stunFrame(3, 0))
  await world.inbox.some(3)
  t.equal(world.streams.open, 2)
})
