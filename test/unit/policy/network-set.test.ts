import fc from 'fast-check'
import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import { contains } from '../../../src/base/range.ts'
import { NetworkSet } from '../../../src/policy/network-set.ts'
import { range } from '../../support/ranges.ts'

const ip = (text: string) => address(parseIp(text)!, 1).ip

t.test('an address is in it while a network with it is, of its own family', async t => {
  const set = new NetworkSet()
  t.notOk(set.has(ip('0.0.0.0')))
  for (const text of ['203.0.113.0/24', '203.0.113.7', '2001:db8::/48']) set.add(range(text))
  t.same(
    ['203.0.113.7', '203.0.113.255', '203.0.114.0', '203.0.112.255', '2001:db8::9', '2001:db8:1::'].map(
      text => set.has(ip(text)),
    ),
    [true, true, false, false, true, false],
  )
  set.remove(range('203.0.113.0/24'))
  t.same(
    ['203.0.113.7', '203.0.113.8'].map(text => set.has(ip(text))),
    [true, false],
  )
  set.remove(range('198.51.100.0/24'))
  set.remove(range('203.0.113.7'))
  set.remove(range('2001:db8::/48'))
  t.ok(set.isEmpty)
})

t.test('all there is can be in it, and single addresses at both ends', async t => {
  for (const [all, first, last] of [
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const) {
    const set = new NetworkSet()
    set.add(range(all))
    t.ok(set.has(ip(first)))
    t.ok(set.has(ip(last)))
    set.remove(range(all))
    set.add(range(last))
    t.notOk(set.has(ip(first)))
    t.ok(set.has(ip(last)))
  }
})

t.test('any ranges that come and go leave what a look at each of them says', async () => {
  const octet = fc.integer({ min: 0, max: 255 })
  const some = fc.array(
    fc
      .tuple(octet, octet, fc.boolean())
      .map(([a, b, isSix]) =>
        [Math.min(a, b), Math.max(a, b)].map(n => (isSix ? `2001:db8::${n.toString(16)}` : `10.0.0.${n}`)),
      )
      .map(([from, to]) => range(`${from}-${to}`)),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(some, some, (stay, go) => {
      const set = new NetworkSet()
      for (const one of [...go, ...stay]) set.add(one)
      for (const one of go) set.remove(one)
      for (let last = 0; last < 256; last++) {
        for (const client of [ip(`10.0.0.${last}`), ip(`2001:db8::${last.toString(16)}`)])
          if (set.has(client) !== stay.some(one => contains(one, client))) return false
      }
      for (const one of stay) set.remove(one)
      return set.isEmpty
    }),
  )
})
