import t from 'tap'
import { formatIp, parseIp } from '../../../src/base/address.ts'
import { contains, formatRange, knownRange, networkOf, parseRange } from '../../../src/base/range.ts'
import { failed } from '../../../src/base/result.ts'

const ends = (text: string) => {
  const range = parseRange(text)
  return range.ok ? [formatIp(range.value.from), formatIp(range.value.to)] : range.error
}

for (const [text, from, to] of [
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255'],
  ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
  ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
  ['192.0.2.7/32', '192.0.2.7', '192.0.2.7'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255'],
  ['192.0.2.3-192.0.2.9', '192.0.2.3', '192.0.2.9'],
  ['192.0.2.3 - 192.0.2.9', '192.0.2.3', '192.0.2.9'],
  ['fe80::/10', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['::1', '::1', '::1'],
  ['2001::/23', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::1-2001:db8::ff', '2001:db8::1', '2001:db8::ff'],
] as const) {
  t.test(`${text} reaches from ${from} to ${to}`, async t => {
    t.same(ends(text), [from, to])
  })
}

for (const [text, fault] of [
  ['10.0.0.0/33', 'not-a-prefix'],
  ['10.0.0.0/', 'not-a-prefix'],
  ['10.0.0.0/08', 'not-a-prefix'],
  ['::/129', 'not-a-prefix'],
  ['10.0.0.5/8', 'host-bits'],
  ['10.0.0', 'not-an-address'],
  ['10.0.0.256', 'not-an-address'],
  ['', 'not-an-address'],
  ['10.0.0.9-10.0.0.1', 'backwards'],
  ['10.0.0.1-::1', 'two-families'],
  ['fe80::1%eth0', 'not-an-address'],
] as const) {
  t.test(`"${text}" is no range: ${fault}`, async t => {
    t.same(parseRange(text), failed(fault))
  })
}

t.test('a range inside ::ffff:0:0/96 is the IPv4 range it stands for', async t => {
  t.same(ends('::ffff:10.0.0.0/104'), ['10.0.0.0', '10.255.255.255'])
})

t.test('the whole of ::ffff:0:0/96 does not become all of IPv4', async t => {
  const range = knownRange('::ffff:0.0.0.0-::ffff:255.255.255.255')

  t.equal(range.family, 6)
  t.notOk(contains(range, parseIp('203.0.113.7')!))
})

t.test('a range holds its first and last address, and not the ones beside them', async t => {
  const range = knownRange('172.16.0.0/12')

  t.same(
    ['172.15.255.255', '172.16.0.0', '172.31.255.255', '172.32.0.0', '::1'].map(ip =>
      contains(range, parseIp(ip)!),
    ),
    [false, true, true, false, false],
  )
})

for (const text of [
  '10.0.0.0/8',
  '192.0.2.7',
  '192.0.2.3-192.0.2.9',
  '0.0.0.0/0',
  'fe80::/10',
  '::/0',
  '100::/64',
]) {
  t.test(`${text} is written as it was read`, async t => {
    t.equal(formatRange(knownRange(text)), text)
  })
}

t.test('the network of an address with host bits is found for the error message', async t => {
  t.equal(formatRange(networkOf('10.0.0.5/8')!), '10.0.0.0/8')
  t.equal(networkOf('10.0.0.5'), undefined)
})
