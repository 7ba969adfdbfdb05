import t from 'tap'
import { address, formatAddress, parseAddress } from '../../../src/base/address.ts'
import type { Seconds } from '../../../src/base/time.ts'
import * as table from '../../../src/wire/attributes.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ADDRESS_ERROR_CODE,
  ALTERNATE_DOMAIN,
  ALTERNATE_SERVER,
  ATTRIBUTES,
  type Attribute,
  CHANGE_REQUEST,
  CHANNEL_NUMBER,
  CONNECTION_ID,
  DATA,
  DONT_FRAGMENT,
  ERROR_CODE,
  EVEN_PORT,
  ICMP,
  LIFETIME,
  MAPPED_ADDRESS,
  MOBILITY_TICKET,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  PRIORITY,
  REALM,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
  RESPONSE_PORT,
  SOFTWARE,
  UNKNOWN_ATTRIBUTES,
  USE_CANDIDATE,
  USERHASH,
  USERNAME,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { get, MessageWriter, parse } from '../../../src/wire/message.ts'
import { bare, hex, message, TRANSACTION, tlv } from '../../support/bytes.ts'

const ALLOCATE = 0x0003

t.test('every attribute stands in the table under its registered type and name', async t => {
  const registered: Record<number, string> = {
    1: 'MAPPED-ADDRESS',
    2: 'RESPONSE-ADDRESS',
    3: 'CHANGE-REQUEST',
    4: 'SOURCE-ADDRESS',
    5: 'CHANGED-ADDRESS',
    6: 'USERNAME',
    7: 'PASSWORD',
    8: 'MESSAGE-INTEGRITY',
    9: 'ERROR-CODE',
    10: 'UNKNOWN-ATTRIBUTES',
    11: 'REFLECTED-FROM',
    12: 'CHANNEL-NUMBER',
    13: 'LIFETIME',
    18: 'XOR-PEER-ADDRESS',
    19: 'DATA',
    20: 'REALM',
    21: 'NONCE',
    22: 'XOR-RELAYED-ADDRESS',
    23: 'REQUESTED-ADDRESS-FAMILY',
    24: 'EVEN-PORT',
    25: 'REQUESTED-TRANSPORT',
    26: 'DONT-FRAGMENT',
    27: 'ACCESS-TOKEN',
    28: 'MESSAGE-INTEGRITY-SHA256',
    29: 'PASSWORD-ALGORITHM',
    30: 'USERHASH',
    32: 'XOR-MAPPED-ADDRESS',
    34: 'RESERVATION-TOKEN',
    36: 'PRIORITY',
    37: 'USE-CANDIDATE',
    38: 'PADDING',
    39: 'RESPONSE-PORT',
    42: 'CONNECTION-ID',
    32768: 'ADDITIONAL-ADDRESS-FAMILY',
    32769: 'ADDRESS-ERROR-CODE',
    32770: 'PASSWORD-ALGORITHMS',
    32771: 'ALTERNATE-DOMAIN',
    32772: 'ICMP',
    32802: 'SOFTWARE',
    32803: 'ALTERNATE-SERVER',
    32808: 'FINGERPRINT',
    32809: 'ICE-CONTROLLED',
    32810: 'ICE-CONTROLLING',
    32811: 'RESPONSE-ORIGIN',
    32812: 'OTHER-ADDRESS',
    32814: 'THIRD-PARTY-AUTHORIZATION',
    32816: 'MOBILITY-TICKET',
    32818: 'ADDITIONAL-ADDRESS-FAMILY (draft)',
  }
  const exported = Object.values(table).filter(each => 'type' in each)

  t.same(Object.fromEntries([...ATTRIBUTES].map(([type, { name }]) => [type, name])), registered)
  t.equal(exported.length, ATTRIBUTES.size)
  for (const each of exported) t.equal(ATTRIBUTES.get(each.type), each)
})

t.test('a value of the wrong length is malformed, and nobody reads it [STUN-ATTR-23]', async t => {
  const fixed: readonly [Attribute<unknown>, ...number[]][] = [
    [LIFETIME, 4],
    [REQUESTED_TRANSPORT, 4],
    [CHANNEL_NUMBER, 4],
    [EVEN_PORT, 1],
    [RESERVATION_TOKEN, 8],
    [DONT_FRAGMENT, 0],
    [CONNECTION_ID, 4],
    [REQUESTED_ADDRESS_FAMILY, 4],
    [ADDITIONAL_ADDRESS_FAMILY, 4],
    [USE_CANDIDATE, 0],
    [PRIORITY, 4],
    [USERHASH, 32],
    [CHANGE_REQUEST, 4],
    [ICMP, 8],
    [RESPONSE_PORT, 2, 4],
  ]
  for (const [attribute, ...right] of fixed) {
    for (let length = 0; length <= 40; length++) {
      const parsed = message(bare(ALLOCATE, tlv(attribute.type, Buffer.alloc(length))))
      const fits = right.includes(length)
      t.same(parsed.malformed, fits ? [] : [attribute.type], `${attribute.name} of ${length}`)
      t.equal(get(parsed, attribute) !== undefined, fits)
    }
  }
})

t.test('an address whose family and length disagree is malformed [STUN-ATTR-14]', async t => {
  for (const attribute of [MAPPED_ADDRESS, XOR_PEER_ADDRESS, XOR_MAPPED_ADDRESS, ALTERNATE_SERVER]) {
    for (let family = 0; family < 256; family++) {
      for (const length of [0, 1, 2, 3, 4, 7, 8, 9, 12, 19, 20, 21, 24]) {
        const value = Buffer.alloc(length, 1)
        if (length > 1) value[1] = family
        const fits = (family === 1 && length === 8) || (family === 2 && length === 20)
        const parsed = message(bare(ALLOCATE, tlv(attribute.type, value)))
        if ((get(parsed, attribute) !== undefined) !== fits || (parsed.malformed.length === 0) !== fits) {
          t.fail(`${attribute.name}, family ${family}, ${length} octets`)
        }
      }
    }
  }
})

t.test('an XOR address is masked with the cookie and the transaction [STUN-ATTR-15]', async t => {
  const ip4 = parseAddress('192.0.2.1:32853')!
  const ip6 = parseAddress('[2001:db8:1234:5678:11:2233:4455:6677]:32853')!
  const transaction = hex('b7e7a701bc34d686fa87dfae')

  t.same(XOR_MAPPED_ADDRESS.write(ip4, transaction), hex('0001a147e112a643'))
  t.same(XOR_MAPPED_ADDRESS.write(ip6, transaction), hex('0002a1470113a9faa5d3f179bc25f4b5bed2b9d9'))
  t.same(XOR_MAPPED_ADDRESS.read(hex('0001a147e112a643'), transaction), ip4)
  t.same(XOR_MAPPED_ADDRESS.read(hex('0002a1470113a9faa5d3f179bc25f4b5bed2b9d9'), transaction), ip6)
})

t.test('the first octet of an address is written 0 and read whatever it is [STUN-ATTR-16]', async t => {
  const value = MAPPED_ADDRESS.write(parseAddress('192.0.2.1:1')!, TRANSACTION)
  t.equal(value[0], 0)
  t.equal(XOR_PEER_ADDRESS.write(parseAddress('[2001:db8::1]:1')!, TRANSACTION)[0], 0)

  value[0] = 0xff
  const parsed = message(bare(ALLOCATE, tlv(MAPPED_ADDRESS.type, value)))

  t.equal(formatAddress(get(parsed, MAPPED_ADDRESS)!), '192.0.2.1:1')
})

t.test('an IPv4-mapped peer address is the IPv4 address that it stands for', async t => {
  const mapped = { ...parseAddress('[::1]:9')!, ip: hex('00000000000000000000ffff7f000001') }
  const value = XOR_PEER_ADDRESS.write(mapped, TRANSACTION)

  const parsed = message(bare(0x0008, tlv(XOR_PEER_ADDRESS.type, value)))

  t.equal(value.length, 20)
  t.same(get(parsed, XOR_PEER_ADDRESS), parseAddress('127.0.0.1:9'))
})

t.test('an address that was read does not change with the datagram it came in', async t => {
  const value = MAPPED_ADDRESS.write(parseAddress('192.0.2.1:7')!, TRANSACTION)
  const read = MAPPED_ADDRESS.read(value, TRANSACTION)

  value.fill(0xff)

  t.equal(formatAddress(read), '192.0.2.1:7')
})

t.test('ALTERNATE-SERVER is not XORed [STUN-ALT-06]', async t => {
  t.same(ALTERNATE_SERVER.write(parseAddress('203.0.113.8:3478')!, TRANSACTION), hex('00010d96cb007108'))
})

t.test('the reserved bits of ERROR-CODE are written 0 and ignored [STUN-ATTR-17]', async t => {
  t.same(ERROR_CODE.write({ code: 438, reason: 'x' }, TRANSACTION), hex('0000042678'))

  const parsed = message(bare(0x0113, tlv(ERROR_CODE.type, 'fffffc2678')))

  t.same(get(parsed, ERROR_CODE), { code: 438, reason: 'x' })
})

t.test('ERROR-CODE outside 300 to 699, or a number above 99, is malformed [STUN-ATTR-17]', async t => {
  for (const value of [
    '00000200',
    '00000700',
    '00000000',
    '00000164',
    '00000464',
    '000004ff',
    '000004',
    '',
  ]) {
    t.same(message(bare(0x0113, tlv(ERROR_CODE.type, value))).malformed, [ERROR_CODE.type], value)
  }
  for (const code of [300, 399, 400, 508, 699]) {
    const parsed = message(
      bare(0x0113, tlv(ERROR_CODE.type, ERROR_CODE.write({ code, reason: '' }, TRANSACTION))),
    )
    t.equal(get(parsed, ERROR_CODE)?.code, code)
  }
  for (const code of [0, 299, 700])
    t.throws(() => ERROR_CODE.write({ code, reason: '' }, TRANSACTION), RangeError)
})

t.test(
  'the length of ERROR-CODE leaves padding out, and the phrase may be empty or UTF-8 [STUN-ATTR-18]',
  async t => {
    for (const reason of ['', 'a', 'ab', 'abc', 'abcd', 'Überlast ⚠', 'x'.repeat(127)]) {
      const bytes = new MessageWriter('error', 3, TRANSACTION).set(ERROR_CODE, { code: 508, reason }).finish()
      t.equal(bytes.readUInt16BE(22), 4 + Buffer.byteLength(reason))
      t.same(get(message(bytes), ERROR_CODE), { code: 508, reason })
    }
  },
)

t.test('UNKNOWN-ATTRIBUTES has two octets a type and ordinary padding [STUN-ATTR-07]', async t => {
  const bytes = new MessageWriter('error', 3, TRANSACTION)
    .set(UNKNOWN_ATTRIBUTES, [0x7fff, 0x001a, 0x0003])
    .finish()

  t.same(bytes.subarray(20), hex('000a0006 7fff001a00030000'))
  t.same(get(message(bytes), UNKNOWN_ATTRIBUTES), [0x7fff, 0x001a, 0x0003])
  t.same(message(bare(0x0113, tlv(0x000a, '7fff00'))).malformed, [0x000a])
})

t.test('a USERNAME of 763 octets is read whole, and a longer one is malformed [STUN-ATTR-19]', async t => {
  for (const [octets, fits] of [
    [508, true],
    [509, true],
    [763, true],
    [764, false],
    [4000, false],
  ] as const) {
    const parsed = message(bare(ALLOCATE, tlv(USERNAME.type, Buffer.alloc(octets, 0x61))))
    t.equal(get(parsed, USERNAME)?.length, fits ? octets : undefined)
    t.same(parsed.malformed, fits ? [] : [USERNAME.type])
  }
  t.throws(() => new MessageWriter('request', 3, TRANSACTION).set(USERNAME, 'a'.repeat(764)), RangeError)
})

t.test('REALM, NONCE and SOFTWARE are read up to 763 octets [STUN-ATTR-20] [STUN-ATTR-21]', async t => {
  for (const attribute of [REALM, NONCE, SOFTWARE]) {
    const whole = message(bare(ALLOCATE, tlv(attribute.type, Buffer.alloc(763, 0x61))))
    const long = message(bare(ALLOCATE, tlv(attribute.type, Buffer.alloc(764, 0x61))))
    t.equal(get(whole, attribute)?.length, 763)
    t.same(long.malformed, [attribute.type])
  }
})

t.test('text that decides something must be UTF-8, SOFTWARE need not', async t => {
  for (const attribute of [USERNAME, REALM, NONCE]) {
    for (const value of ['ff', 'c3', 'eda080', 'c0af', '61e282']) {
      t.same(message(bare(ALLOCATE, tlv(attribute.type, value))).malformed, [attribute.type])
    }
  }
  t.equal(get(message(bare(ALLOCATE, tlv(SOFTWARE.type, '61e461'))), SOFTWARE), 'a\ufffda')
  t.equal(get(message(bare(ALLOCATE, tlv(USERNAME.type, 'efbbbf61'))), USERNAME), '\ufeffa')
})

t.test('ALTERNATE-DOMAIN holds 255 octets', async t => {
  const domain = (octets: number) =>
    message(bare(0x0113, tlv(ALTERNATE_DOMAIN.type, Buffer.alloc(octets, 0x61))))

  t.equal(get(domain(255), ALTERNATE_DOMAIN)?.length, 255)
  t.same(domain(256).malformed, [ALTERNATE_DOMAIN.type])
})

t.test(
  'what is reserved behind a protocol, family or channel is written 0 and ignored [TURN-ALLOC-04] [TURN-CHAN-15]',
  async t => {
    const parsed = message(
      bare(
        ALLOCATE,
        tlv(REQUESTED_TRANSPORT.type, '11ffffff'),
        tlv(REQUESTED_ADDRESS_FAMILY.type, '02ffffff'),
        tlv(ADDITIONAL_ADDRESS_FAMILY.type, '02ffffff'),
        tlv(CHANNEL_NUMBER.type, '4001ffff'),
      ),
    )

    t.equal(get(parsed, REQUESTED_TRANSPORT), 17)
    t.equal(get(parsed, REQUESTED_ADDRESS_FAMILY), 2)
    t.equal(get(parsed, ADDITIONAL_ADDRESS_FAMILY), 2)
    t.equal(get(parsed, CHANNEL_NUMBER), 0x4001)
    t.same(REQUESTED_TRANSPORT.write(17, TRANSACTION), hex('11000000'))
    t.same(CHANNEL_NUMBER.write(0x4001, TRANSACTION), hex('40010000'))
  },
)

t.test('an address family is given as it is, known or not [TURN-ALLOC-11]', async t => {
  for (const family of [0, 1, 2, 3, 255]) {
    const value = Buffer.of(family, 0, 0, 0)
    t.equal(
      get(message(bare(ALLOCATE, tlv(REQUESTED_ADDRESS_FAMILY.type, value))), REQUESTED_ADDRESS_FAMILY),
      family,
    )
  }
})

t.test('only the highest bit of EVEN-PORT means anything [TURN-RES-07]', async t => {
  for (let octet = 0; octet < 256; octet++) {
    const parsed = message(bare(ALLOCATE, tlv(EVEN_PORT.type, Buffer.of(octet))))
    t.equal(get(parsed, EVEN_PORT), octet >= 128)
  }
  t.same(EVEN_PORT.write(true, TRANSACTION), hex('80'))
  t.same(EVEN_PORT.write(false, TRANSACTION), hex('00'))
})

t.test('LIFETIME reaches to 2^32 - 1', async t => {
  const bytes = new MessageWriter('request', 4, TRANSACTION).set(LIFETIME, 0xffffffff as Seconds).finish()

  t.equal(get(message(bytes), LIFETIME), 4294967295)
})

t.test('DATA may be empty, and is given without padding [TURN-SEND-03] [TURN-SEND-04]', async t => {
  t.equal(get(message(bare(0x0016, tlv(DATA.type, ''))), DATA)?.length, 0)
  t.same(get(message(bare(0x0016, tlv(DATA.type, 'aabbcc', 0xee))), DATA), hex('aabbcc'))
})

t.test('the MOBILITY-TICKET of a first request is empty', async t => {
  t.same(get(message(bare(ALLOCATE, tlv(MOBILITY_TICKET.type, ''))), MOBILITY_TICKET), Buffer.alloc(0))
})

t.test('password algorithms are written with padded parameters and read back', async t => {
  const list = [
    { algorithm: 2, parameters: hex('aabbcc') },
    { algorithm: 1, parameters: Buffer.alloc(0) },
  ]
  const value = PASSWORD_ALGORITHMS.write(list, TRANSACTION)

  t.same(value, hex('00020003 aabbcc00 00010000'))
  t.same(get(message(bare(0x0113, tlv(PASSWORD_ALGORITHMS.type, value))), PASSWORD_ALGORITHMS), list)
})

t.test('password algorithms whose parameters run past the end are malformed', async t => {
  for (const value of ['0002', '000200', '00020001', '00020004aabbcc', '0001000000020010', '0002ffff']) {
    t.same(message(bare(ALLOCATE, tlv(PASSWORD_ALGORITHMS.type, value))).malformed, [
      PASSWORD_ALGORITHMS.type,
    ])
    t.same(message(bare(ALLOCATE, tlv(PASSWORD_ALGORITHM.type, value))).malformed, [PASSWORD_ALGORITHM.type])
  }
})

t.test('PASSWORD-ALGORITHM holds one algorithm, neither none nor two', async t => {
  const read = (value: string) => message(bare(ALLOCATE, tlv(PASSWORD_ALGORITHM.type, value)))

  t.match(get(read('00020000'), PASSWORD_ALGORITHM), { algorithm: 2 })
  t.match(get(read('00020003aabbcc'), PASSWORD_ALGORITHM), { parameters: hex('aabbcc') })
  t.match(get(read('00020003aabbccee'), PASSWORD_ALGORITHM), { parameters: hex('aabbcc') })
  t.same(read('').malformed, [PASSWORD_ALGORITHM.type])
  t.same(read('0002000000010000').malformed, [PASSWORD_ALGORITHM.type])
})

t.test('ADDRESS-ERROR-CODE names the family that failed', async t => {
  const value = { family: 2, code: 440, reason: 'no IPv6' }
  const octets = ADDRESS_ERROR_CODE.write(value, TRANSACTION)

  t.same(octets.subarray(0, 4), hex('02000428'))
  t.same(get(message(bare(0x0103, tlv(ADDRESS_ERROR_CODE.type, octets))), ADDRESS_ERROR_CODE), value)
})

t.test('ICMP has its reserved octets 0 and carries type, code and data [TURN-ICMP-04]', async t => {
  const value = { type: 3, code: 4, data: 1280 }

  t.same(ICMP.write(value, TRANSACTION), hex('00000304 00000500'))
  t.same(ICMP.read(hex('ffff0304 00000500'), TRANSACTION), value)
})

t.test('a value that an attribute cannot hold is a RangeError for whoever writes it', async t => {
  const writer = () => new MessageWriter('request', 3, TRANSACTION)

  t.throws(() => writer().set(LIFETIME, -1 as Seconds), RangeError)
  t.throws(() => writer().set(LIFETIME, (2 ** 32) as Seconds), RangeError)
  t.throws(() => writer().set(CHANNEL_NUMBER, 0x10000), RangeError)
  t.throws(() => writer().set(REQUESTED_TRANSPORT, 256), RangeError)
  t.throws(() => writer().set(RESERVATION_TOKEN, Buffer.alloc(7)), RangeError)
  t.throws(() => writer().set(USERHASH, Buffer.alloc(31)), RangeError)
  t.throws(() => writer().set(UNKNOWN_ATTRIBUTES, [0x10000]), RangeError)
  t.throws(() => writer().set(DATA, Buffer.alloc(65536)), RangeError)
})

t.test('XOR addresses go through in classic messages too', async t => {
  const transaction = Buffer.alloc(16, 0x5c)
  for (const text of ['192.0.2.1:1', '[2001:db8::1]:65535']) {
    const bytes = new MessageWriter('success', 1, transaction)
      .set(XOR_MAPPED_ADDRESS, parseAddress(text)!)
      .finish()
    const parsed = parse(bytes, { classic: true })
    t.equal(parsed.kind === 'message' && formatAddress(get(parsed, XOR_MAPPED_ADDRESS)!), text)
  }
})

t.test('an address of either family goes through all its attributes', async t => {
  for (const ip of [Uint8Array.of(255, 255, 255, 255), new Uint8Array(16).fill(255), new Uint8Array(16)]) {
    for (const attribute of [MAPPED_ADDRESS, XOR_PEER_ADDRESS]) {
      const there = attribute.write(address(ip, 65535), TRANSACTION)
      t.same(attribute.read(there, TRANSACTION), address(ip, 65535))
    }
  }
})
