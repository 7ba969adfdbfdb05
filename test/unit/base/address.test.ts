import fc from 'fast-check'
import t from 'tap'
import {
  address,
  formatAddress,
  formatIp,
  ipKey,
  parseAddress,
  parseIp,
  RECORD,
  readRecord,
  sameAddress,
  writeRecord,
} from '../../../src/base/address.ts'

const READ: readonly (readonly [string, string])[] = [
  ['0.0.0.0', '00000000'],
  ['203.0.113.7', 'cb007107'],
  ['255.255.255.255', 'ffffffff'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['2001:db8::7', '20010db8000000000000000000000007'],
  ['2001:DB8::aB', '20010db80000000000000000000000ab'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
  ['fe80::', 'fe800000000000000000000000000000'],
  ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ['1:2:3:4:5:6:192.0.2.33', '000100020003000400050006c0000221'],
  ['::ffff:203.0.113.7', '00000000000000000000ffffcb007107'],
]
for (const [text, hex] of READ) {
  t.test(`${text} is an IP address`, async t => {
    t.equal(Buffer.from(parseIp(text) ?? []).toString('hex'), hex)
  })
}

const NOT_IP = [
  '',
  ' 1.2.3.4',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '1.2.3.04',
  '01.2.3.4',
  '1.2.3.-4',
  '1.2.3.0x4',
  '1.2..4',
  ':',
  ':::',
  '1::2::3',
  ':1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '::1:2:3:4:5:6:7:8',
  '12345::',
  'g::',
  '::1.2.3',
  '::1.2.3.04',
  '1.2.3.4::',
  '1.2.3.4::5',
  '::1.2.3.4:5',
  '1:2:3:4:5:6:7:1.2.3.4',
  'fe80::1%eth0',
  '[::1]',
  'example.org',
]
for (const text of NOT_IP) {
  t.test(`"${text}" is no IP address`, async t => {
    t.equal(parseIp(text), undefined)
  })
}

const WRITTEN: readonly (readonly [string, string])[] = [
  ['0:0:0:0:0:0:0:0', '::'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:0db8:0:0:0:0:0:0', '2001:db8::'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::ABCD', '2001:db8::abcd'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['198.51.100.7', '198.51.100.7'],
]
for (const [text, canonical] of WRITTEN) {
  t.test(`${text} is written ${canonical} (RFC 5952)`, async t => {
    t.equal(formatIp(parseIp(text)!), canonical)
  })
}

t.test('what is written is read as the same address, whatever the octets', async t => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // Runs of zeros, which :: stands for.
    fc
      .array(fc.constantFrom(0, 0, 0, 255), { minLength: 16, maxLength: 16 })
      .map(list => Uint8Array.from(list)),
  )
  fc.assert(
    fc.property(octets, fc.nat(65535), (ip, port) => {
      const written = address(ip, port)
      const read = parseAddress(formatAddress(written))
      return read !== undefined && sameAddress(read, written) && read.port === port
    }),
  )
  t.pass()
})

t.test('text of any kind is an address or undefined, and never an error', async t => {
  const near = fc.string({ unit: fc.constantFrom(...'0123456789abcdef.:[]%'), maxLength: 45 })
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), text => {
      parseIp(text)
      const found = parseAddress(text)
      return found === undefined || found.ip.length === (found.family === 4 ? 4 : 16)
    }),
    { numRuns: 1000 },
  )
  t.pass()
})

t.test('an address is IP and port, with brackets around IPv6', async t => {
  t.match(parseAddress('203.0.113.7:3478'), { family: 4, port: 3478 })
  t.match(parseAddress('[2001:db8::7]:3478'), { family: 6, port: 3478 })
  t.match(parseAddress('0.0.0.0:0'), { family: 4, port: 0 })
  t.match(parseAddress('[::]:65535'), { family: 6, port: 65535 })
})

for (const text of [
  '',
  ':',
  '203.0.113.7',
  '203.0.113.7:',
  '203.0.113.7:65536',
  '203.0.113.7:123456',
  '203.0.113.7:-1',
  '203.0.113.7:+1',
  '203.0.113.7: 1',
  '203.0.113.7:1e3',
  '[203.0.113.7]:1',
  '2001:db8::7:1',
  '[2001:db8::7]',
  '[2001:db8::7:1',
  '[]:1',
  'turn.example.org:3478',
]) {
  t.test(`"${text}" is no address`, async t => {
    t.equal(parseAddress(text), undefined)
  })
}

t.test('an IPv4-mapped IPv6 address is the IPv4 address it stands for', async t => {
  const mapped = address(parseIp('::ffff:203.0.113.7')!, 80)
  const plain = parseAddress('203.0.113.7:80')!

  t.equal(mapped.family, 4)
  t.equal(mapped.ip.length, 4)
  t.equal(formatAddress(mapped), '203.0.113.7:80')
  t.ok(sameAddress(mapped, plain))
  t.equal(parseAddress('[::ffff:203.0.113.7]:80')?.key, plain.key)
})

t.test('an address that only resembles a mapped one stays IPv6', async t => {
  for (const text of [
    '::203.0.113.7',
    '::fffe:203.0.113.7',
    '0:0:0:0:1:ffff:203.0.113.7',
    '64:ff9b::203.0.113.7',
  ]) {
    t.equal(address(parseIp(text)!, 80).family, 6, text)
  }
})

t.test('keys are equal for equal addresses and for no others', async t => {
  const texts = [
    '203.0.113.7:80',
    '203.0.113.7:81',
    '203.0.113.8:80',
    '255.255.255.255:65535',
    '0.0.0.0:0',
    '0.0.0.1:0',
    '[::]:0',
    '[::1]:0',
    '[::]:1',
    '[::]:256',
    '[cb00:7107::]:80',
    '[2001:db8::7]:80',
  ]
  const keys = texts.map(text => parseAddress(text)!.key)

  t.equal(new Set(keys).size, texts.length)
  t.same(
    texts.map(text => parseAddress(text)!.key),
    keys,
  )
  t.equal(parseAddress('255.255.255.255:65535')!.key, 2 ** 48 - 1)
  t.equal(String(parseAddress('[::1]:80')!.key).length, 18)
})

t.test('keys of IP addresses leave the port out', async t => {
  t.equal(ipKey(parseIp('255.255.255.255')!), 2 ** 32 - 1)
  t.equal(ipKey(parseIp('128.0.0.1')!), 2 ** 31 + 1)
  t.equal(ipKey(parseIp('2001:db8::7')!), ipKey(parseIp('2001:DB8:0::7')!))
  t.not(ipKey(parseIp('2001:db8::7')!), ipKey(parseIp('2001:db8::8')!))
})

t.test('a record holds family, port and IP in their places', async t => {
  const bytes = Buffer.alloc(RECORD + 2, 0xee)

  writeRecord(parseAddress('203.0.113.7:3478')!, bytes, 1)
  t.equal(bytes.toString('hex'), `ee04000d96cb007107${'00'.repeat(12)}ee`)

  writeRecord(parseAddress('[2001:db8::7]:3478')!, bytes, 1)
  t.equal(bytes.toString('hex'), 'ee06000d9620010db8000000000000000000000007ee')
})

t.test('a record is read as what was written, and keeps nothing of the buffer', async t => {
  for (const text of ['203.0.113.7:3478', '[2001:db8::7]:3478', '0.0.0.0:0', '[::1]:65535']) {
    const bytes = Buffer.alloc(RECORD)
    writeRecord(parseAddress(text)!, bytes, 0)
    const read = readRecord(bytes, 0)
    bytes.fill(0xff)

    t.equal(formatAddress(read), text)
  }
})

t.test('a record with a mapped address is read as IPv4', async t => {
  const bytes = Buffer.from(`06000050${'00'.repeat(10)}ffffcb007107`, 'hex')

  t.equal(formatAddress(readRecord(bytes, 0)), '203.0.113.7:80')
})
