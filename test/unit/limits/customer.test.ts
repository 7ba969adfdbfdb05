import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { customerKey, customerKeyOf, type Span } from '../../../src/limits/customer.ts'

const key = (text: string, span?: Span) => customerKey(parseIp(text)!, span)

t.test('S-04: a customer is an IPv4 address or an IPv6 /56', async t => {
  t.not(key('192.0.2.1'), key('192.0.2.2'))
  t.equal(key('2a00:1:2:300::1'), key('2a00:1:2:3ff:1:2:3:4'))
  t.not(key('2a00:1:2:300::1'), key('2a00:1:2:400::1'))
})

t.test('a host is an IPv4 address or an IPv6 /64, a network an IPv4 /24 or an IPv6 /48', async t => {
  t.equal(key('2a00:1:2:3::1', 'host'), key('2a00:1:2:3:f::', 'host'))
  t.not(key('2a00:1:2:3::1', 'host'), key('2a00:1:2:4::1', 'host'))
  t.equal(key('192.0.2.1', 'network'), key('192.0.2.255', 'network'))
  t.not(key('192.0.2.1', 'network'), key('192.0.3.1', 'network'))
  t.equal(key('2a00:1:2:3::1', 'network'), key('2a00:1:2:ffff::1', 'network'))
  t.not(key('2a00:1:2::1', 'network'), key('2a00:1:3::1', 'network'))
})

t.test('the same client is one customer however its address is written', async t => {
  t.equal(customerKeyOf('::ffff:192.0.2.1'), key('192.0.2.1'))
  t.equal(customerKeyOf('fe80::1%eth0'), key('fe80::1'))
  t.equal(customerKeyOf('2A00:0001:0002:0300::1'), key('2a00:1:2:3aa::9'))
  t.equal(customerKeyOf(undefined), customerKeyOf('no address'))
})
