import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { Crowd } from '../../../src/net/stream/crowd.ts'

t.test('an address may have so many connections and no more', async t => {
  const crowd = new Crowd(10, 2)
  const one = parseIp('192.0.2.1')!

  t.strictSame([crowd.enter(one), crowd.enter(one), crowd.enter(one)], [true, true, false])
  t.equal(crowd.enter(parseIp('192.0.2.2')!), true)
  crowd.leave(one)
  t.equal(crowd.enter(one), true)
})

t.test('all together may have so many and no more', async t => {
  const crowd = new Crowd(2, 2)

  t.equal(crowd.enter(parseIp('192.0.2.1')!), true)
  t.equal(crowd.enter(parseIp('192.0.2.2')!), true)
  t.equal(crowd.enter(parseIp('192.0.2.3')!), false)
  crowd.limit(3, 2)
  t.equal(crowd.enter(parseIp('192.0.2.3')!), true)
})

t.test('the addresses of one IPv6 network of 64 bits count as one', async t => {
  const crowd = new Crowd(10, 1)

  t.equal(crowd.enter(parseIp('2001:db8:0:1::1')!), true)
  t.equal(crowd.enter(parseIp('2001:db8:0:1::2')!), false)
  t.equal(crowd.enter(parseIp('2001:db8:0:2::1')!), true)
})
