import fc from 'fast-check'
import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import { contains, type Range } from '../../../src/base/range.ts'
import { ClientPolicy, compileClients } from '../../../src/policy/client-policy.ts'
import { range } from '../../support/ranges.ts'

const rules = ({ allow = [] as string[], deny = [] as string[] }) =>
  compileClients({ allow: allow.map(range), deny: deny.map(range) })
const bans = (networks: readonly Range[], isBanned = true) => networks.map(range => ({ range, isBanned }))
/** As a socket's address is judged: canonical. */
const ip = (text: string) => address(parseIp(text)!, 1).ip

t.test('without rules nobody is asked about', async t => {
  t.equal(rules({}), undefined)
})

t.test('OW-11: a denied network is not served, whatever way its addresses are written', async t => {
  const spellings = [
    '198.51.100.0/24',
    '::ffff:198.51.100.0/120',
    '::FFFF:c633:6400/120',
    '198.51.100.0-198.51.100.255',
  ]
  for (const spelling of spellings) {
    const serves = rules({ deny: [spelling] })!
    for (const client of [
      '198.51.100.0',
      '198.51.100.7',
      '198.51.100.255',
      '::ffff:198.51.100.7',
      '::ffff:c633:6407',
    ])
      t.notOk(serves(ip(client)), `${spelling} ${client}`)
    for (const client of ['198.51.99.255', '198.51.101.0', '::', '2001:db8::1', '255.255.255.255', '0.0.0.0'])
      t.ok(serves(ip(client)), `${spelling} ${client}`)
  }
  const six = rules({ deny: ['2001:0DB8:0:0::/64'] })!
  t.notOk(six(ip('2001:db8::ffff:ffff:ffff:ffff')))
  t.ok(six(ip('2001:db8:0:1::')))
})

t.test('OW-11: with allowed networks, others are not served', async t => {
  const serves = rules({ allow: ['203.0.113.0/24', '2001:db8::/32'] })!
  t.same(
    ['203.0.113.9', '2001:db8::9', '203.0.114.0', '2001:db9::', '127.0.0.1', '::1'].map(client =>
      serves(ip(client)),
    ),
    [true, true, false, false, false, false],
  )
})

t.test('OW-11: the narrower range wins, and of two equal ones the denial', async t => {
  const serves = rules({
    allow: ['0.0.0.0/0', '10.1.0.0/16', '192.0.2.7'],
    deny: ['10.0.0.0/8', '10.1.2.0/24', '192.0.2.7'],
  })!
  t.same(
    ['8.8.8.8', '10.0.0.1', '10.1.1.1', '10.1.2.1', '192.0.2.7', '2001:db8::1'].map(client =>
      serves(ip(client)),
    ),
    [true, false, true, false, false, false],
  )
  t.ok(
    rules({ deny: ['255.255.255.255', 'ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'] })!(
      ip('255.255.255.254'),
    ),
  )
  t.notOk(rules({ deny: ['0.0.0.0/0'] })!(ip('255.255.255.255')), 'to the last address')
  t.notOk(rules({ deny: ['::/0'] })!(ip('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')))
})

t.test('OW-11: any rules say what a look at each of them says', async () => {
  const octet = fc.integer({ min: 0, max: 255 })
  const some = fc.array(
    fc.tuple(octet, octet).map(([a, b]) => range(`10.0.0.${Math.min(a, b)}-10.0.0.${Math.max(a, b)}`)),
    { maxLength: 12 },
  )
  const size = ({ from, to }: Range) => to[3]! - from[3]!
  fc.assert(
    fc.property(some, some, some, (allow, deny, banned) => {
      const policy = new ClientPolicy()
      policy.configure({ allow, deny })
      // Some come and go before.
      policy.change([...bans(allow), ...bans(banned), ...bans(allow, false)])
      for (let last = 0; last < 256; last++) {
        const client = Uint8Array.of(10, 0, 0, last)
        const least = (ranges: readonly Range[]) =>
          Math.min(Number.POSITIVE_INFINITY, ...ranges.filter(one => contains(one, client)).map(size))
        const [allowed, denied] = [least(allow), least(deny)]
        const isServed =
          !banned.some(one => contains(one, client)) &&
          (allowed === denied ? allowed === Number.POSITIVE_INFINITY && allow.length === 0 : allowed < denied)
        if (policy.serves(client) !== isServed) return false
      }
      return true
    }),
  )
})

t.test('OW-11: a look does not become slower with the number of rules', async t => {
  // Every second /24 of 10.0.0.0/8 and a half: 32,768 verdicts in turns, which halving finds in 16 steps.
  const deny = Array.from({ length: 16_384 }, (_, i) => range(`10.${i >> 7}.${(i & 127) * 2}.0/24`))
  const serves = compileClients({ allow: [], deny })!
  let compared = 0
  const { compare } = Buffer
  Buffer.compare = (a, b) => {
    compared++
    return compare(a, b)
  }
  try {
    t.notOk(serves(ip('10.100.0.1')))
    t.ok(serves(ip('10.100.1.1')))
  } finally {
    Buffer.compare = compare
  }
  t.ok(compared <= 32, `${compared} comparisons for two looks`)
})
