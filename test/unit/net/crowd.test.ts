import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { Crowd } from '../../../src/net/stream/crowd.ts'

t.test('an address may have so many connections and no more', async t => {
  const crowd = new Crowd(10, 2)
  const one = parseIp('192.0.2.1')!

  t.strictSame([crowd.enter(one), crowd.enter(one), crowd.enter(one)], ['in', 'in', 'customer-full'])
  t.equal(crowd.enter(parseIp('192.0.2.2')!), 'in')
  crowd.leave(one)
  t.equal(crowd.enter(one), 'in')
})

t.test('all together may have so many and no more', async t => {
  const crowd = new Crowd(2, 2)

  t.equal(crowd.enter(parseIp('192.0.2.1')!), 'in')
  t.equal(crowd.enter(parseIp('192.0.2.2')!), 'in')
  t.equal(crowd.enter(parseIp('192.0.2.3')!), 'all-full')
  crowd.limit(3, 2)
  t.equal(crowd.enter(parseIp('192.0.2.3')!), 'in')
})

t.test('S-04: the addresses of one IPv6 /56 count as one customer', async t => {
  const crowd = new Crowd(10, 1)

  t.equal(crowd.enter(parseIp('2001:db8:0:1::1')!), 'in')
  t.equal(crowd.enter(parseIp('2001:db8:0:ff::2')!), 'customer-full')
  t.equal(crowd.enter(parseIp('2001:db8:0:200::1')!), 'in')
})

t.test('S-04: a network has four times what a customer has', async t => {
  const crowd = new Crowd(100, 2)
  let entered = 0
  for (let i = 0; i < 100; i++) if (crowd.enter(parseIp(`192.0.2.${i}`)!) === 'in') entered++

  t.equal(entered, 8)
  t.equal(crowd.enter(parseIp('192.0.2.200')!), 'network-full')
  t.equal(crowd.enter(parseIp('192.0.3.1')!), 'in')
  crowd.leave(parseIp('192.0.2.1')!)
  t.equal(crowd.enter(parseIp('192.0.2.200')!), 'in')
})
