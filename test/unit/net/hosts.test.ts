import t from 'tap'
import {
  type Address,
  address,
  formatAddress,
  parseAddress,
  parseIp,
  RECORD,
  readRecord,
  writeRecord,
} from '../../../src/base/address.ts'
import { Hosts } from '../../../src/net/udp/peer-records.ts'

const { bytes, words } = memory()

for (const [host, expected] of [
  ['203.0.113.7', '203.0.113.7:5000'],
  ['0.0.0.0', '0.0.0.0:5000'],
  ['255.255.255.255', '255.255.255.255:5000'],
  ['2001:db8::7', '[2001:db8::7]:5000'],
  ['::1', '[::1]:5000'],
  ['1::2', '[1::2]:5000'],
  ['fe80::1%eth0', '[fe80::1]:5000'],
] as const) {
  t.test(`${host} becomes the record of ${expected}`, async t => {
    const hosts = new Hosts()
    for (const offset of [0, RECORD]) {
      bytes.fill(0xee)

      t.equal(hosts.write(host, 5000, bytes, words, offset), true)

      t.strictSame([...bytes.subarray(offset, offset + RECORD)], [...recordOf(parseAddress(expected)!)])
    }
  })
}

t.test('an IPv4-mapped source is the IPv4 client it stands for [STUN-BIND-12]', async t => {
  const hosts = new Hosts()

  hosts.write('::ffff:192.0.2.1', 4711, bytes, words, 0)

  t.equal(formatAddress(readRecord(bytes, 0)), '192.0.2.1:4711')
})

for (const host of ['', 'localhost', '1.2.3', '1.2.3.4.5', '1..2.3', '1.2.3.256', '12345', ':::']) {
  t.test(`"${host}" is no address, and nothing is thrown`, async t => {
    t.equal(new Hosts().write(host, 1, bytes, words, 0), false)
  })
}

t.test('a record becomes a string that means the same address', async t => {
  const hosts = new Hosts()
  for (const text of ['203.0.113.7', '10.0.0.1', '2001:db8::7', '::1', '2001:db8:1:2:3:4:5:6']) {
    // The second time it comes from the cache.
    for (let i = 0; i < 2; i++) {
      writeRecord(address(parseIp(text)!, 99), bytes, RECORD)
      const name = hosts.name(bytes, words, RECORD)
      t.strictSame(parseIp(name), parseIp(text))
    }
  }
})

t.test('an IPv6 address with the octets of an IPv4 one is not taken for it', async t => {
  const hosts = new Hosts()
  const four = parseIp('32.1.13.184')!
  const six = new Uint8Array(16)
  six.set(four)

  writeRecord(address(four, 0), bytes, 0)
  t.equal(hosts.name(bytes, words, 0), '32.1.13.184')
  writeRecord(address(six, 0), bytes, 0)
  t.strictSame(parseIp(hosts.name(bytes, words, 0)), six)
})

t.test('a hundred thousand strangers leave every name right', async t => {
  const hosts = new Hosts()
  let wrong = 0
  for (let i = 0; i < 100_000; i++) {
    const ip = Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255)
    writeRecord(address(ip, i & 65_535), bytes, 0)
    if (hosts.name(bytes, words, 0) !== ip.join('.')) wrong++
    if (i % 10 === 0 && !hosts.write(`2001:db8::${(i & 0xffff).toString(16)}`, 1, bytes, words, 0)) wrong++
  }

  t.equal(wrong, 0)
})

function memory(): { bytes: Uint8Array; words: Int32Array } {
  const both = new Uint8Array(2 * RECORD)
  return { bytes: both, words: new Int32Array(both.buffer) }
}

function recordOf(a: Address): Uint8Array {
  const record = new Uint8Array(RECORD)
  writeRecord(a, record, 0)
  return record
}
