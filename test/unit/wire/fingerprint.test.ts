import t from 'tap'
import { FINGERPRINT, SOFTWARE } from '../../../src/wire/attributes.ts'
import { crc32, fingerprintOf } from '../../../src/wire/fingerprint.ts'
import { get, MessageWriter, Method } from '../../../src/wire/message.ts'
import { bare, hex, message, TRANSACTION, tlv, why } from '../../support/bytes.ts'

t.test('the checksum is the CRC-32 of ITU V.42 [STUN-FP-01]', async t => {
  for (const [text, crc] of [
    ['', 0x00000000],
    ['a', 0xe8b7be43],
    ['abc', 0x352441c2],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ] as const) {
    t.equal(crc32(Buffer.from(text)), crc)
  }
})

t.test('the checksum of any length and offset is that of one octet at a time', async t => {
  const slab = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * i * 31 + 7) & 255))
  let wrong = 0
  for (let start = 0; start < 5; start++) {
    for (let end = 0; end <= 290; end++) {
      const bytes = slab.subarray(start)
      if (crc32(bytes, end) !== slowly(bytes.subarray(0, end))) wrong++
    }
  }
  t.equal(wrong, 0)
})

t.test(
  'FINGERPRINT is over the message before it, its own eight octets in the length [STUN-FP-01]',
  async t => {
    const bytes = new MessageWriter('request', Method.Binding, TRANSACTION)
      .set(SOFTWARE, 'a')
      .fingerprint()
      .finish()
    const before = bare(0x0001, tlv(SOFTWARE.type, '61'))
    before.writeUInt16BE(before.length - 20 + 8, 2)

    t.equal(bytes.readUInt32BE(bytes.length - 4), (slowly(before) ^ 0x5354554e) >>> 0)
    t.equal(message(bytes).fingerprint, true)
    t.equal(get(message(bytes), FINGERPRINT), bytes.readUInt32BE(bytes.length - 4))
  },
)

t.test(
  'FINGERPRINT is written last, behind both integrities, and nothing can follow it [STUN-FP-02]',
  async t => {
    const key = Buffer.alloc(16)
    const writer = new MessageWriter('success', Method.Binding, TRANSACTION)
      .set(SOFTWARE, 'a')
      .sign('sha1', key)
      .sign('sha256', key)
      .fingerprint()

    t.throws(() => writer.set(SOFTWARE, 'b'))
    t.throws(() => writer.sign('sha256', key))
    t.throws(() => writer.fingerprint())
    t.same(
      message(writer.finish()).attributes.map(({ type }) => type),
      [0x8022, 0x0008, 0x001c, 0x8028],
    )
  },
)

t.test('a wrong FINGERPRINT spoils the message, every single bit of it [STUN-BIND-08]', async t => {
  const bytes = new MessageWriter('request', Method.Binding, TRANSACTION).fingerprint().finish()
  for (let bit = 0; bit < 32; bit++) {
    const changed = Buffer.from(bytes)
    changed[bytes.length - 4 + (bit >> 3)]! ^= 0x80 >> (bit & 7)
    t.equal(why(changed), 'bad-fingerprint')
  }
})

t.test('any attribute behind FINGERPRINT spoils the message [STUN-FP-03]', async t => {
  for (const attribute of [tlv(SOFTWARE.type, ''), tlv(0x0008, Buffer.alloc(20)), tlv(0x8028, '00000000')]) {
    const bytes = bare(0x0001, tlv(0x8028, '00000000'), attribute)
    bytes.writeUInt32BE(fingerprintOf(bytes, 20), 24)
    t.equal(why(bytes), 'bad-attribute')
  }
})

t.test('a FINGERPRINT of another length than four spoils the message', async t => {
  for (const value of ['', 'e5', 'e57a', 'e57a3b', 'e57a3bcf00', 'e57a3bcfe57a3bcf']) {
    t.equal(why(bare(0x0001, tlv(0x8028, value))), 'bad-fingerprint')
  }
})

t.test('a message without FINGERPRINT is as good [STUN-BIND-07]', async t => {
  t.equal(message(bare(0x0001)).fingerprint, false)
})

t.test('FINGERPRINT is checked behind MESSAGE-INTEGRITY too', async t => {
  const bytes = bare(0x0001, tlv(0x0008, Buffer.alloc(20)), tlv(0x8028, hex('00000000')))

  t.equal(why(bytes), 'bad-fingerprint')
})

/** The checksum as its definition has it, a bit at a time. */
function slowly(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const octet of bytes) {
    crc ^= octet
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}
