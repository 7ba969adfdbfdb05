import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import type { Time } from '../../../src/base/time.ts'
import { GcraTable } from '../../../src/limits/gcra-table.ts'
import { dice, octets } from '../../sim/random.ts'

const NOW = 1_800_000_000_000 as Time
const later = (milliseconds: number) => (NOW + milliseconds) as Time
const fresh = (seed = 1) => new GcraTable(GcraTable.memory(octets(dice(seed))))
const ip4 = (n: number) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n)

t.test('a debt is what was charged, less the time since', async t => {
  const debts = fresh()
  const key = debts.key(1, { ip: parseIp('192.0.2.1')!, octets: 3 })
  t.equal(debts.owed(key, NOW), 0)

  debts.charge(key, 500, NOW)
  debts.charge(key, 250, later(100))

  t.equal(debts.owed(key, later(100)), 650)
  t.equal(debts.owed(key, later(700)), 50)
  t.equal(debts.owed(key, later(800)), 0, 'nobody is ever owed')
  debts.charge(key, 10, later(10_000))
  t.equal(debts.owed(key, later(10_000)), 10)
})

t.test('only what names a debtor counts', async t => {
  const debts = fresh()
  const base = debts.key(1, { ip: parseIp('192.0.2.1')!, octets: 3 })

  t.equal(debts.key(1, { ip: parseIp('192.0.2.200')!, octets: 3 }), base, 'the same /24')
  t.not(debts.key(1, { ip: parseIp('192.0.3.1')!, octets: 3 }), base, 'another')
  t.not(debts.key(2, { ip: parseIp('192.0.2.1')!, octets: 3 }), base, 'another kind')
  t.not(debts.key(1, { ip: parseIp('192.0.2.1')!, octets: 3, number: 7 }), base, 'another number')
  const network = debts.key(1, { ip: parseIp('2a00:1:2:300::1')!, octets: 7 })
  t.equal(debts.key(1, { ip: parseIp('2a00:1:2:3ff::2')!, octets: 7 }), network, 'the same /56')
  t.not(debts.key(1, { ip: parseIp('2a00:1:2:400::1')!, octets: 7 }), network)
})

t.test('the secret decides who meets whom, so nobody can aim [SEC-07]', async t => {
  const one = fresh(1)
  const other = fresh(2)
  const keys = (debts: GcraTable) =>
    Array.from({ length: 100 }, (_, i) => debts.key(1, { ip: ip4(i * 256), octets: 3 }))

  t.equal(new Set(keys(one)).size, 100)
  t.equal(keys(one).filter((key, i) => key === keys(other)[i]).length, 0)
})

t.test('a flood from ever new networks does not wash away what an exhausted one owes [SEC-29]', async t => {
  const debts = fresh()
  const victim = debts.key(1, { ip: parseIp('192.0.2.1')!, octets: 3 })
  debts.charge(victim, 10_000, NOW)
  for (let i = 0; i < 500_000; i++)
    debts.charge(debts.key(1, { ip: ip4(i << 8), octets: 3 }), 10, later(i / 200))

  t.equal(debts.owed(victim, later(2500)), 7500)
})

t.test('names count whole: their order, their length, and whose they are', async t => {
  const debts = fresh()
  const name = (text: string) => debts.key(1, { text })
  const names = ['', 'a', 'b', 'ab', 'ba', 'a\0', 'aa', '\0a', `${'x'.repeat(500)}1`, `${'x'.repeat(500)}2`]

  t.equal(new Set(names.map(name)).size, names.length)
  t.equal(name('ab'), name('ab'))
})

t.test('what would be too much is refused and not charged', async t => {
  const debts = fresh()
  const key = debts.key(1, { text: '@a:example.org' })
  t.ok(debts.take(key, 400, 1000, NOW))
  t.ok(debts.take(key, 600, 1000, NOW))
  t.notOk(debts.take(key, 1, 1000, NOW))

  t.equal(debts.owed(key, NOW), 1000)
  t.ok(debts.take(key, 500, 1000, later(500)))
})

t.test('costs of less than a millisecond add up', async t => {
  const debts = fresh()
  for (let i = 0; i < 10_000; i++) debts.chargeAll(0.1, NOW)

  t.equal(debts.owedInAll(NOW), 1000)
})

t.test('a table is carried to another process as octets', async t => {
  const one = fresh(1)
  const key = one.key(1, { ip: ip4(7) })
  one.charge(key, 500, NOW)
  one.chargeAll(9, NOW)

  const other = fresh(2)
  other.octets.set(one.octets)
  t.equal(other.key(1, { ip: ip4(7) }), key)
  t.equal(other.owed(key, later(100)), 400)
  t.equal(other.owedInAll(NOW), 9)
})

t.test('a debtor that was not seen for long owes nothing, whenever it comes back', async t => {
  const debts = fresh()
  const key = debts.key(1, { ip: ip4(7) })
  debts.charge(key, 100_000, NOW)
  for (let minutes = 6; minutes < 1_000_000; minutes += 7) {
    if (debts.owed(key, later(minutes * 60_000)) > 0) return t.fail(`${minutes} minutes later`)
  }
  t.pass()
})

t.test('the table is as large at the end as at the start [SEC-28]', async t => {
  const debts = fresh()
  const octetsBefore = debts.memory.byteLength
  for (let i = 0; i < 100_000; i++) debts.charge(debts.key(1, { ip: ip4(i << 8), octets: 3 }), 10, NOW)

  t.equal(debts.memory.byteLength, octetsBefore)
  t.ok(octetsBefore < 2_000_000, `${octetsBefore} octets`)
})

t.test('two threads with one memory see the same debts', async t => {
  const one = fresh()
  const other = new GcraTable(one.memory)
  const key = one.key(1, { ip: parseIp('192.0.2.1')!, octets: 3 })
  t.equal(other.key(1, { ip: parseIp('192.0.2.1')!, octets: 3 }), key)
  one.charge(key, 500, NOW)
  other.charge(key, 500, NOW)
  one.chargeAll(5, NOW)

  t.equal(one.owed(key, NOW), 1000)
  t.equal(other.owedInAll(NOW), 5)
})
