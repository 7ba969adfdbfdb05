import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { Privacy } from '../../../src/log/privacy.ts'
import { Pseudonyms } from '../../../src/log/pseudonyms.ts'

const client = parseAddress('192.0.2.77:50000')!
const client6 = parseAddress('[2001:db8:1:2:3::9]:50000')!

t.test(
  'a pseudonym is sixteen hexadecimal digits, the same all day, for all ports and all expiries',
  async t => {
    const privacy = new Privacy(
      'pseudonym',
      at(() => 0),
    )

    t.match(privacy.address(client), /^[0-9a-f]{16}$/)
    t.equal(privacy.address(client), privacy.address(parseAddress('192.0.2.77:9')!))
    t.not(privacy.address(client), privacy.address(parseAddress('192.0.2.78:50000')!))
    t.equal(
      privacy.username('1789000000:@alice:example.org'),
      privacy.username('1889000000:@alice:example.org'),
    )
    t.equal(privacy.username('1789000000:@alice:example.org'), privacy.user('@alice:example.org'))
  },
)

t.test('a pseudonym of yesterday says nothing today', async t => {
  let now = 86_400_000 - 1
  const privacy = new Privacy(
    'pseudonym',
    at(() => now),
  )
  const before = privacy.user('@alice:example.org')

  now = 86_400_000

  t.not(privacy.user('@alice:example.org'), before)
})

t.test('a user and an address of the same spelling have different pseudonyms', async t => {
  const pseudonyms = at(() => 0)

  t.not(pseudonyms.of('user', '192.0.2.77'), pseudonyms.of('address', '192.0.2.77'))
})

t.test('two relays, or one after a restart, give different pseudonyms', async t => {
  const one = new Privacy('pseudonym')
  const other = new Privacy('pseudonym')

  t.not(one.address(client), other.address(client))
})

t.test('truncated shows the network and the homeserver, not the person', async t => {
  const privacy = new Privacy('truncated')

  t.equal(privacy.address(client), '192.0.2.0/24')
  t.equal(privacy.address(client6), '2001:db8:1::/48')
  t.equal(privacy.username('1789000000:@alice:example.org'), '@…:example.org')
  t.equal(privacy.user('guest'), '…')
})

t.test('full shows all of it, none shows nothing', async t => {
  const full = new Privacy('full')
  const none = new Privacy('none')

  t.equal(full.address(client6), '[2001:db8:1:2:3::9]:50000')
  t.equal(full.username('1789000000:@alice:example.org'), '1789000000:@alice:example.org')
  t.equal(none.address(client), undefined)
  t.equal(none.user('@alice:example.org'), undefined)
})

t.test('a name that starts with digits but is no credential is hidden whole', async t => {
  const privacy = new Privacy('truncated')

  t.equal(privacy.username('12345678901234567890:secret'), '…')
  t.equal(privacy.username('1789000000'), '')
})

/** Pseudonyms at a time that the test sets; each key is another. */
function at(now: () => number): Pseudonyms {
  let keys = 0
  return new Pseudonyms(now, octets => Buffer.alloc(octets, ++keys))
}
