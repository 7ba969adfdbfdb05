import fc from 'fast-check'
import t from 'tap'
import { address, formatAddress, parseAddress } from '../../../src/base/address.ts'
import { crc32c } from '../../../src/net/proxy/crc32c.ts'
import { readProxyHeader } from '../../../src/net/proxy/proxy-header.ts'
import { localProxyHeader, writeProxyHeader } from '../../../src/net/proxy/write-proxy-header.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'

/** What is read of octets that are given in hexadecimal, blanks apart: `client`, what kind of reading else. */
function read(hex: string): string {
  return said(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

function said(bytes: Buffer): string {
  const reading = readProxyHeader(bytes)
  if (reading.kind !== 'header') return reading.kind
  return `${reading.client ? formatAddress(reading.client) : 'nobody'} in ${reading.length}`
}

for (const [line, outcome] of [
  ['PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n', '192.0.2.1:51000 in 42'],
  ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', '255.255.255.255:65535 in 56'],
  ['PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n', '[2001:db8::7]:51000 in 46'],
  ['PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 51000 443\r\n', '192.0.2.1:51000 in 56'],
  [
    'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
    '[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 in 104',
  ],
  ['PROXY UNKNOWN\r\n', 'nobody in 15'],
  [
    'PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
    'nobody in 107',
  ],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\nmore', '192.0.2.1:51000 in 42'],
  ['', 'more'],
  ['P', 'more'],
  ['PROXY', 'more'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r', 'more'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\n', 'more'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 51000\r\n', 'malformed'],
  ['PROXY TCP4  192.0.2.1 192.0.2.2 51000 443\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 51000 443 \r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 051000 443\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 70000 443\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.01 192.0.2.2 51000 443\r\n', 'malformed'],
  ['PROXY TCP4 2001:db8::7 192.0.2.2 51000 443\r\n', 'malformed'],
  ['PROXY TCP6 192.0.2.1 192.0.2.2 51000 443\r\n', 'malformed'],
  ['PROXY TCP4 0.0.0.0 192.0.2.2 51000 443\r\n', 'malformed'],
  ['PROXY UDP4 192.0.2.1 192.0.2.2 51000 443\r\n', 'malformed'],
  ['PROXY UNKNOWNS\r\n', 'malformed'],
  ['PROXY \r\n', 'malformed'],
  [`PROXY UNKNOWN ${' '.repeat(92)}\r\n`, 'malformed'],
  [`PROXY TCP4 ${'1'.repeat(200)}`, 'malformed'],
  ['proxy TCP4 192.0.2.1 192.0.2.2 51000 443\r\n', 'none'],
  ['POST / HTTP/1.1\r\n\r\n', 'none'],
  ['GET / HTTP/1.1\r\n\r\n', 'none'],
  ['\x16\x03\x01\x02\x00\x01', 'none'],
  ['\x00\x01\x00\x00\x21\x12\xa4\x42', 'none'],
] as const) {
  t.test(`O-23: version 1: ${JSON.stringify(line).slice(0, 70)} is ${outcome}`, async t => {
    t.equal(said(Buffer.from(line, 'latin1')), outcome)
  })
}

for (const [what, hex, outcome] of [
  ['TCP over IPv4', `${SIGNATURE} 21 11 000c c0000201 c0000202 c738 01bb`, '192.0.2.1:51000 in 28'],
  [
    'TCP over IPv6',
    `${SIGNATURE} 21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 c738 01bb`,
    '[2001:db8::7]:51000 in 52',
  ],
  [
    'an IPv4 address that is written as IPv6',
    `${SIGNATURE} 21 21 0024 00000000000000000000ffffc0000201 00000000000000000000ffffc0000202 c738 01bb`,
    '192.0.2.1:51000 in 52',
  ],
  ['what the proxy says for itself', `${SIGNATURE} 20 00 0000`, 'nobody in 16'],
  [
    'LOCAL with addresses, which are skipped',
    `${SIGNATURE} 20 11 000c c0000201 c0000202 c738 01bb`,
    'nobody in 28',
  ],
  ['LOCAL of a family that nobody knows', `${SIGNATURE} 20 ff 0003 ffffff`, 'nobody in 19'],
  ['an unspecified family', `${SIGNATURE} 21 00 0000`, 'nobody in 16'],
  ['a Unix socket', `${SIGNATURE} 21 31 00d8 ${'00'.repeat(216)}`, 'nobody in 232'],
  [
    'TLVs',
    `${SIGNATURE} 21 11 0015 c0000201 c0000202 c738 01bb 010002 6832 04 0001 00`,
    '192.0.2.1:51000 in 37',
  ],
  ['what follows', `${SIGNATURE} 20 00 0000 0001`, 'nobody in 16'],
  ['the signature alone', SIGNATURE, 'more'],
  ['all but the last octet', `${SIGNATURE} 21 11 000c c0000201 c0000202 c738 01`, 'more'],
  ['version 1 in this form', `${SIGNATURE} 11 11 000c c0000201 c0000202 c738 01bb`, 'malformed'],
  ['version 3', `${SIGNATURE} 31 11 000c c0000201 c0000202 c738 01bb`, 'malformed'],
  ['an unknown command', `${SIGNATURE} 22 11 000c c0000201 c0000202 c738 01bb`, 'malformed'],
  ['a datagram', `${SIGNATURE} 21 12 000c c0000201 c0000202 c738 01bb`, 'malformed'],
  ['an unknown family', `${SIGNATURE} 21 41 000c c0000201 c0000202 c738 01bb`, 'malformed'],
  ['addresses that are cut off', `${SIGNATURE} 21 11 000b c0000201 c0000202 c738 01`, 'malformed'],
  ['IPv6 addresses that are cut off', `${SIGNATURE} 21 21 000c c0000201 c0000202 c738 01bb`, 'malformed'],
  ['a client without an address', `${SIGNATURE} 21 11 000c 00000000 c0000202 c738 01bb`, 'malformed'],
  ['half a TLV', `${SIGNATURE} 21 11 000e c0000201 c0000202 c738 01bb 0100`, 'malformed'],
  [
    'a TLV that is longer than the header',
    `${SIGNATURE} 21 11 0010 c0000201 c0000202 c738 01bb 010002 68`,
    'malformed',
  ],
  ['a wrong checksum', `${SIGNATURE} 21 11 0013 c0000201 c0000202 c738 01bb 030004 00000000`, 'malformed'],
  [
    'a checksum of three octets',
    `${SIGNATURE} 21 11 0012 c0000201 c0000202 c738 01bb 030003 000000`,
    'malformed',
  ],
  ['the longest header', `${SIGNATURE} 20 00 0ff0 ${'00'.repeat(4080)}`, 'nobody in 4096'],
  ['a longer one, before it has come', `${SIGNATURE} 20 00 0ff1`, 'malformed'],
  ['another signature', '0d0a0d0a000d0a515549540b 20 00 0000', 'none'],
] as const) {
  t.test(`O-23: version 2: ${what} is ${outcome}`, async t => {
    t.equal(read(hex), outcome)
  })
}

t.test('O-23: a checksum is verified as RFC 3720 has it', async t => {
  t.equal(crc32c(Buffer.alloc(32)).toString(16), '8a9136aa')
  t.equal(crc32c(Buffer.alloc(32, 0xff)).toString(16), '62a8ab43')
  t.equal(crc32c(Buffer.from('123456789')).toString(16), 'e3069283')

  const header = Buffer.from(
    `${SIGNATURE} 21 11 0013 c0000201 c0000202 c738 01bb 030004 00000000`.replaceAll(' ', ''),
    'hex',
  )
  header.writeUInt32BE(crc32c(header), header.length - 4)

  t.equal(said(header), '192.0.2.1:51000 in 35')
})

t.test('O-23: how the proxy names a connection is kept, and nothing that could break a log line', async t => {
  const named = (id: Buffer) => {
    const length = Buffer.from([0, 12 + 3 + id.length])
    const bytes = Buffer.concat([
      Buffer.from(SIGNATURE, 'hex'),
      Buffer.from([0x21, 0x11]),
      length,
      Buffer.from('c0000201c0000202c73801bb', 'hex'),
      Buffer.from([5, 0, id.length]),
      id,
    ])
    const reading = readProxyHeader(bytes)
    return reading.kind === 'header' ? reading.uniqueId : reading.kind
  }

  t.equal(named(Buffer.from('C0A80001:C738_01BB')), 'C0A80001:C738_01BB')
  t.equal(named(Buffer.from('a\nb "c"')), '610a6220226322')
  t.equal(named(Buffer.alloc(200, 'x'))?.length, 128)
})

t.test('O-23: what we write is what we read', async t => {
  const to = parseAddress('198.51.100.1:443')!
  for (const from of ['192.0.2.1:51000', '[2001:db8::7]:1']) {
    const header = writeProxyHeader(parseAddress(from)!, to)
    t.equal(said(header), `${from} in ${header.length}`)
  }
  t.equal(said(localProxyHeader()), 'nobody in 16')
})

const addresses = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), fc.nat(65535))
  .map(([ip, isFour, port]) => address(isFour ? ip.subarray(0, 4) : ip, port))
  .filter(({ ip }) => ip.some(octet => octet !== 0))

t.test('O-23: a header can be read as soon as it is whole, and not before, wherever it is cut', async t => {
  fc.assert(
    fc.property(addresses, addresses, fc.uint8Array({ maxLength: 8 }), (from, to, rest) => {
      const header = writeProxyHeader(from, to)
      const all = Buffer.concat([header, rest])
      for (let cut = 0; cut < header.length; cut++) {
        if (readProxyHeader(all.subarray(0, cut)).kind !== 'more') return false
      }
      return said(all) === `${formatAddress(from)} in ${header.length}`
    }),
  )
  t.pass()
})

t.test('O-23: whatever comes, nothing throws, and a reading is never taken back', async t => {
  const octets = fc.uint8Array({ maxLength: 300 })
  const starts = fc.constantFrom(
    '',
    'PROXY ',
    'PROXY TCP4 ',
    '\r\n\r\n\0\r\nQUIT\n',
    '\r\n\r\n\0\r\nQUIT\n!\x11',
  )
  fc.assert(
    fc.property(starts, octets, fc.nat(300), (start, rest, cut) => {
      const all = Buffer.concat([Buffer.from(start, 'latin1'), rest])
      const [some, more] = [readProxyHeader(all.subarray(0, cut)), readProxyHeader(all)]
      return some.kind === 'more' || some.kind === more.kind
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
