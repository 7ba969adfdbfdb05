import t from 'tap'
import {
  DATA,
  LIFETIME,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  SOFTWARE,
  USERNAME,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { fingerprintOf } from '../../../src/wire/fingerprint.ts'
import { all, type Class, get, has, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { bare, hex, message, TRANSACTION, tlv, why } from '../../support/bytes.ts'

const BINDING = 0x0001
const REFRESH = 0x0004

/** The registered message types (RFC 8489 §18.2, RFC 8656 §17, RFC 6062 §6.1). */
const TYPES: readonly [number, Class, number][] = [
  [0x0001, 'request', Method.Binding],
  [0x0011, 'indication', Method.Binding],
  [0x0101, 'success', Method.Binding],
  [0x0111, 'error', Method.Binding],
  [0x0003, 'request', Method.Allocate],
  [0x0103, 'success', Method.Allocate],
  [0x0113, 'error', Method.Allocate],
  [0x0004, 'request', Method.Refresh],
  [0x0016, 'indication', Method.Send],
  [0x0017, 'indication', Method.Data],
  [0x0008, 'request', Method.CreatePermission],
  [0x0108, 'success', Method.CreatePermission],
  [0x0118, 'error', Method.CreatePermission],
  [0x0009, 'request', Method.ChannelBind],
  [0x0109, 'success', Method.ChannelBind],
  [0x0119, 'error', Method.ChannelBind],
  [0x000a, 'request', Method.Connect],
  [0x000b, 'request', Method.ConnectionBind],
  [0x001c, 'indication', Method.ConnectionAttempt],
]

t.test('what begins with a bit set in the first two is not STUN [STUN-HDR-01]', async t => {
  for (let first = 0x40; first <= 0xff; first++) {
    const bytes = bare(BINDING)
    bytes[0] = first
    t.equal(why(bytes), 'not-stun')
    t.equal(why(bytes, { classic: true }), 'not-stun')
  }
})

t.test('a wrong magic cookie is not STUN [STUN-HDR-02]', async t => {
  for (let bit = 0; bit < 32; bit++) {
    const bytes = bare(BINDING)
    bytes[4 + (bit >> 3)]! ^= 0x80 >> (bit & 7)
    t.equal(why(bytes), 'not-stun')
  }
})

t.test('a length that is no multiple of four is malformed [STUN-HDR-03]', async t => {
  for (const extra of [1, 2, 3]) {
    const bytes = Buffer.concat([bare(BINDING), Buffer.alloc(extra)])
    bytes.writeUInt16BE(extra, 2)
    t.equal(why(bytes), 'bad-length')
  }
})

t.test('a length other than what arrived is malformed, more or less [STUN-HDR-04]', async t => {
  const bytes = bare(BINDING, tlv(0x8022, 'abcdef'))

  t.equal(why(Buffer.concat([bytes, Buffer.alloc(4)])), 'bad-length')
  t.equal(why(Buffer.concat([bytes, Buffer.alloc(1)])), 'bad-length')
  t.equal(why(bytes.subarray(0, bytes.length - 4)), 'bad-length')
  t.equal(why(bytes.subarray(0, 20)), 'bad-length')
})

t.test('a length of 16 bits is not matched by a datagram longer by 65536 [STUN-HDR-10, SEC-17]', async t => {
  const bytes = Buffer.alloc(20 + 65536)
  bare(BINDING).copy(bytes)

  t.equal(why(bytes), 'bad-length')
})

t.test('fewer octets than a header are malformed, whatever they are [STUN-HDR-05]', async t => {
  for (let length = 0; length < 20; length++) {
    t.equal(why(bare(BINDING).subarray(0, length)), 'truncated')
    t.equal(why(Buffer.alloc(length)), 'truncated')
    t.equal(parse(Buffer.alloc(length, 0xff)).kind, 'malformed')
  }
})

t.test('registered message types are read and written as registered [STUN-HDR-06]', async t => {
  for (const [type, klass, method] of TYPES) {
    t.match(message(bare(type)), { class: klass, method })
    t.equal(new MessageWriter(klass, method, TRANSACTION).finish().readUInt16BE(0), type)
  }
})

t.test('every method of every class goes through [STUN-HDR-06]', async t => {
  let wrong = 0
  for (let method = 0; method <= 0xfff; method++) {
    if (method === 0x000 || method === 0x002) continue
    for (const klass of ['request', 'indication', 'success', 'error'] as const) {
      const read = parse(new MessageWriter(klass, method, TRANSACTION).finish())
      if (read.kind !== 'message' || read.class !== klass || read.method !== method) wrong++
    }
  }
  t.equal(wrong, 0)
})

t.test('the reserved methods are malformed in every class [STUN-HDR-11]', async t => {
  for (const type of [0x0000, 0x0010, 0x0100, 0x0110, 0x0002, 0x0012, 0x0102, 0x0112]) {
    t.equal(why(bare(type)), 'bad-type')
  }
})

t.test('the transaction is the 96 bits behind the cookie [STUN-HDR-09]', async t => {
  t.same(message(bare(BINDING)).transaction, TRANSACTION)
})

t.test('an attribute that runs past the end spoils the message [STUN-ATTR-01]', async t => {
  for (const claimed of [5, 6, 8, 100, 0xfffc, 0xfffd, 0xffff]) {
    const attribute = tlv(USERNAME.type, 'aabbccdd')
    attribute.writeUInt16BE(claimed, 2)
    t.equal(why(bare(BINDING, tlv(0x8022, '41'), attribute)), 'bad-attribute')
  }
})

t.test(
  'an attribute past the end spoils the message behind MESSAGE-INTEGRITY as well [STUN-ATTR-01]',
  async t => {
    const attribute = tlv(0x7fff, 'aabbccdd')
    attribute.writeUInt16BE(5, 2)

    t.equal(why(bare(BINDING, tlv(0x0008, Buffer.alloc(20)), attribute)), 'bad-attribute')
  },
)

t.test('padding is ignored, whatever it holds [STUN-ATTR-03]', async t => {
  for (const padding of [0x00, 0x20, 0xff]) {
    const parsed = message(
      bare(BINDING, tlv(USERNAME.type, '6162', padding), tlv(SOFTWARE.type, '63', padding)),
    )
    t.equal(get(parsed, USERNAME), 'ab')
    t.equal(get(parsed, SOFTWARE), 'c')
  }
})

t.test(
  'the first occurrence of an attribute is the one, and all can be had in order [STUN-ATTR-04]',
  async t => {
    const parsed = message(
      bare(
        0x0008,
        tlv(XOR_PEER_ADDRESS.type, '0001a147e112a643'),
        tlv(XOR_PEER_ADDRESS.type, '0001a147e112a644'),
        tlv(XOR_PEER_ADDRESS.type, '0001a147e112a645'),
      ),
    )

    t.same([...get(parsed, XOR_PEER_ADDRESS)!.ip], [192, 0, 2, 1])
    t.same(
      all(parsed, XOR_PEER_ADDRESS).map(peer => [...peer.ip]),
      [
        [192, 0, 2, 1],
        [192, 0, 2, 6],
        [192, 0, 2, 7],
      ],
    )
  },
)

t.test('an attribute that is not there is not there', async t => {
  const parsed = message(bare(BINDING, tlv(0x8022, '41')))

  t.equal(get(parsed, LIFETIME), undefined)
  t.same(all(parsed, LIFETIME), [])
  t.equal(has(parsed, LIFETIME), false)
  t.equal(has(parsed, SOFTWARE), true)
})

t.test(
  'unknown types are kept for whoever must list or ignore them [STUN-ATTR-05] [STUN-ATTR-06]',
  async t => {
    const parsed = message(bare(BINDING, tlv(0x7fff, '00'), tlv(0x8fff, ''), tlv(0x0010, '00000001')))

    t.same(
      parsed.attributes.map(({ type, offset }) => [type, offset]),
      [
        [0x7fff, 20],
        [0x8fff, 28],
        [0x0010, 32],
      ],
    )
    t.same(parsed.malformed, [])
  },
)

t.test(
  'behind MESSAGE-INTEGRITY nothing counts but the SHA-256 one and FINGERPRINT [STUN-ATTR-11, SEC-18, SEC-56] [STUN-ATTR-13]',
  async t => {
    const parsed = message(
      withFingerprint(
        bare(
          REFRESH,
          tlv(LIFETIME.type, '00000258'),
          tlv(0x0008, Buffer.alloc(20, 1)),
          tlv(LIFETIME.type, '00000000'),
          tlv(USERNAME.type, '61'),
          tlv(0x7fff, ''),
          tlv(0x000d, '00'),
          tlv(0x0008, Buffer.alloc(20, 2)),
          tlv(0x001c, Buffer.alloc(32, 3)),
          tlv(0x001c, Buffer.alloc(32, 4)),
        ),
      ),
    )

    t.same(
      parsed.attributes.map(({ type }) => type),
      [0x000d, 0x0008, 0x001c, 0x8028],
    )
    t.same(all(parsed, LIFETIME), [600])
    t.same(parsed.malformed, [])
    t.same(all(parsed, MESSAGE_INTEGRITY), [Buffer.alloc(20, 1)])
    t.same(all(parsed, MESSAGE_INTEGRITY_SHA256), [Buffer.alloc(32, 3)])
    t.equal(parsed.fingerprint, true)
  },
)

t.test('behind MESSAGE-INTEGRITY-SHA256 nothing counts but FINGERPRINT [STUN-ATTR-12]', async t => {
  const parsed = message(
    withFingerprint(
      bare(
        REFRESH,
        tlv(0x001c, Buffer.alloc(32, 3)),
        tlv(0x0008, Buffer.alloc(20, 1)),
        tlv(LIFETIME.type, '00000000'),
      ),
    ),
  )

  t.same(
    parsed.attributes.map(({ type }) => type),
    [0x001c, 0x8028],
  )
})

t.test('a MESSAGE-INTEGRITY of another length is as good as none [STUN-AUTH-20]', async t => {
  for (const length of [0, 1, 16, 19, 21, 24, 32]) {
    const parsed = message(bare(REFRESH, tlv(0x0008, Buffer.alloc(length)), tlv(LIFETIME.type, '00000000')))
    t.equal(has(parsed, MESSAGE_INTEGRITY), false)
    t.equal(get(parsed, LIFETIME), 0)
    t.same(parsed.malformed, [])
  }
})

t.test('a truncated MESSAGE-INTEGRITY-SHA256 is as good as none [STUN-AUTH-19]', async t => {
  for (const length of [0, 15, 16, 20, 24, 28, 31, 33, 36]) {
    const parsed = message(bare(REFRESH, tlv(0x001c, Buffer.alloc(length))))
    t.equal(has(parsed, MESSAGE_INTEGRITY_SHA256), false)
  }
})

t.test('P-01: 512 attributes are read, and one more is too many [STUN-ATTR-22]', async t => {
  const some = (count: number) => Array.from({ length: count }, () => tlv(0x8fff, ''))

  t.equal(message(bare(BINDING, ...some(512))).attributes.length, 512)
  t.equal(why(bare(BINDING, ...some(513))), 'too-many-attributes')
  t.equal(why(bare(BINDING, tlv(0x0008, Buffer.alloc(20)), ...some(512))), 'too-many-attributes')
})

t.test('a message of the greatest length is read [STUN-HDR-10]', async t => {
  const parsed = message(bare(0x0016, tlv(DATA.type, Buffer.alloc(65528, 7))))

  t.equal(parsed.bytes.length, 65552)
  t.equal(get(parsed, DATA)?.length, 65528)
})

t.test(
  'without the cookie a message is classic where that is wanted, with 16 octets of transaction',
  async t => {
    const bytes = bare(BINDING, tlv(SOFTWARE.type, '41'))
    bytes.writeUInt32BE(0xdeadbeef, 4)

    const classic = parse(bytes, { classic: true })

    t.match(classic, { kind: 'message', classic: true, class: 'request', method: Method.Binding })
    t.same(classic.kind === 'message' && classic.transaction, bytes.subarray(4, 20))
    t.equal(why(bytes, { classic: false }), 'not-stun')
    t.match(parse(bare(BINDING), { classic: true }), { classic: false, transaction: TRANSACTION })
  },
)

t.test('classic SharedSecret is malformed, classic or not [STUN-HDR-11]', async t => {
  const bytes = bare(0x0002)
  bytes.writeUInt32BE(0, 4)

  t.equal(why(bytes, { classic: true }), 'bad-type')
})

t.test('a message is read where it lies in a larger buffer, and stays a view of it', async t => {
  const bytes = bare(BINDING, tlv(SOFTWARE.type, hex('41424344')))
  const slab = Buffer.concat([Buffer.alloc(11, 0xff), bytes, Buffer.alloc(9, 0xff)])

  const parsed = message(slab.subarray(11, 11 + bytes.length))
  slab[11 + 24] = 0x5a

  t.equal(get(parsed, SOFTWARE), 'ZBCD')
})

/** Appends the FINGERPRINT that belongs there. */
function withFingerprint(bytes: Buffer): Buffer {
  const whole = Buffer.concat([bytes, tlv(0x8028, '00000000')])
  whole.writeUInt16BE(whole.length - 20, 2)
  whole.writeUInt32BE(fingerprintOf(whole, bytes.length), whole.length - 4)
  return whole
}
