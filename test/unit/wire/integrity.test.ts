import { createHash, createHmac } from 'node:crypto'
import t from 'tap'
import type { Seconds } from '../../../src/base/time.ts'
import { LIFETIME, REALM, USERNAME } from '../../../src/wire/attributes.ts'
import {
  integrityKind,
  longTermKey,
  opaqueString,
  PasswordAlgorithm,
  userhash,
  verify,
} from '../../../src/wire/integrity.ts'
import { MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { bare, hex, message, TRANSACTION, tlv } from '../../support/bytes.ts'

const { MD5, SHA256 } = PasswordAlgorithm
const KEY = longTermKey('user', 'realm', 'pass', MD5)

t.test('the MD5 key of user:realm:pass is what RFC 8489 says [STUN-AUTH-14]', async t => {
  t.equal(longTermKey('user', 'realm', 'pass', MD5).toString('hex'), '8493fbc53ba582fb4c044c456bdc40eb')
})

t.test('the SHA-256 key has 32 octets over the same text [STUN-AUTH-15]', async t => {
  t.same(
    longTermKey('user', 'realm', 'pass', SHA256),
    createHash('sha256').update('user:realm:pass').digest(),
  )
})

t.test('USERHASH is the SHA-256 of username and realm [STUN-AUTH-16]', async t => {
  t.equal(
    userhash('マトリックス', 'example.org').toString('hex'),
    '4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704',
  )
  t.equal(userhash('a', 'b').length, 32)
})

t.test(
  'OpaqueString composes, makes other spaces plain, and changes nothing else [STUN-AUTH-17]',
  async t => {
    t.equal(opaqueString('e\u0301'), '\u00e9')
    t.equal(opaqueString('a\u00a0b\u2003c\u3000d\u1680e\u202ff'), 'a b c d e f')
    t.equal(opaqueString('Correct  Horse '), 'Correct  Horse ')
    t.equal(opaqueString('\u2168\u00aa\uff21\u017f'), '\u2168\u00aa\uff21\u017f')
    t.equal(opaqueString('\u1e9b\u0323'), '\u1e9b\u0323')
    t.equal(opaqueString(''), '')
  },
)

t.test(
  'realm and password are prepared before they are hashed, the username is not [STUN-AUTH-17]',
  async t => {
    t.same(
      longTermKey('user', 're\u0301alm', 'pa\u00a0ss', MD5),
      longTermKey('user', 'r\u00e9alm', 'pa ss', MD5),
    )
    t.not(longTermKey('e\u0301', 'r', 'p', MD5).equals(longTermKey('\u00e9', 'r', 'p', MD5)), true)
    t.same(longTermKey('e\u0301', 'r', 'p', MD5), createHash('md5').update('e\u0301:r:p').digest())
  },
)

t.test('quotes around username and realm, and NULs at the end, do not matter [STUN-AUTH-28]', async t => {
  for (const algorithm of [MD5, SHA256]) {
    const key = longTermKey('user', 'realm', 'pass', algorithm)
    t.same(longTermKey('"user"', '"realm"', 'pass', algorithm), key)
    t.same(longTermKey('user\0\0\0', 'realm\0', 'pass\0\0', algorithm), key)
    t.same(longTermKey('"user"\0', '"realm"\0\0', 'pass', algorithm), key)
  }
})

t.test('quotes of a password, and those on one side only, do matter [STUN-AUTH-28]', async t => {
  const md5 = (text: string) => createHash('md5').update(text).digest()

  t.same(longTermKey('user', 'realm', '"pass"', MD5), md5('user:realm:"pass"'))
  t.same(longTermKey('"user', 'realm"', 'pass', MD5), md5('"user:realm":pass'))
  t.same(longTermKey('"', '""', 'pass', MD5), md5('"::pass'))
  t.same(longTermKey('us\0er', 'realm', '\0pass', MD5), md5('us\0er:realm:\0pass'))
})

t.test('MESSAGE-INTEGRITY verifies with whatever follows it [STUN-AUTH-18]', async t => {
  const written = () =>
    new MessageWriter('request', Method.Refresh, TRANSACTION).set(USERNAME, 'user').set(REALM, 'realm')

  for (const bytes of [
    written().sign('sha1', KEY).finish(),
    written().sign('sha1', KEY).fingerprint().finish(),
    written().sign('sha1', KEY).sign('sha256', KEY).finish(),
    written().sign('sha1', KEY).sign('sha256', KEY).fingerprint().finish(),
  ]) {
    t.equal(verify(message(bytes), 'sha1', KEY), true)
  }
})

t.test(
  'MESSAGE-INTEGRITY-SHA256 covers the SHA-1 one before it, and verifies before FINGERPRINT',
  async t => {
    const bytes = new MessageWriter('request', Method.Refresh, TRANSACTION)
      .sign('sha1', KEY)
      .sign('sha256', KEY)
      .fingerprint()
      .finish()
    t.equal(verify(message(bytes), 'sha256', KEY), true)

    const other = Buffer.from(bytes.subarray(0, bytes.length - 8))
    other.writeUInt16BE(other.length - 20, 2)
    other[24]! ^= 1

    t.equal(verify(message(other), 'sha1', KEY), false)
    t.equal(verify(message(other), 'sha256', KEY), false)
  },
)

t.test('the HMAC is over the message before it, with the length up to its end [STUN-AUTH-18]', async t => {
  const before = bare(0x0004, tlv(LIFETIME.type, '00000258'))
  before.writeUInt16BE(8 + 24, 2)
  const mac = createHmac('sha1', KEY).update(before).digest()
  const bytes = bare(0x0004, tlv(LIFETIME.type, '00000258'), tlv(0x0008, mac), tlv(0x7fff, 'abcd'))

  t.equal(verify(message(bytes), 'sha1', KEY), true)
})

t.test('the SHA-256 integrity decides where both are there [STUN-AUTH-11]', async t => {
  const kind = (...attributes: Buffer[]) => integrityKind(message(bare(0x0004, ...attributes)))
  const sha1 = tlv(0x0008, Buffer.alloc(20))
  const sha256 = tlv(0x001c, Buffer.alloc(32))

  t.equal(kind(), undefined)
  t.equal(kind(sha1), 'sha1')
  t.equal(kind(sha256), 'sha256')
  t.equal(kind(sha1, sha256), 'sha256')
  t.equal(kind(sha256, sha1), 'sha256')
  t.equal(kind(sha1, tlv(0x001c, Buffer.alloc(16))), 'sha1')
})

t.test(
  'integrity of a wrong length verifies with no key and does not throw [STUN-AUTH-19, NODE-11, SEC-19] [STUN-AUTH-20] [STUN-AUTH-21]',
  async t => {
    for (let length = 0; length <= 40; length++) {
      const sha1 = message(bare(0x0004, tlv(0x0008, Buffer.alloc(length))))
      const sha256 = message(bare(0x0004, tlv(0x001c, Buffer.alloc(length))))
      t.equal(verify(sha1, 'sha1', KEY), false)
      t.equal(verify(sha256, 'sha256', KEY), false)
    }
  },
)

t.test(
  'a SHA-256 integrity that is cut short does not verify, though its octets are right [STUN-AUTH-19]',
  async t => {
    for (const length of [16, 20, 24, 28]) {
      const before = bare(0x0004)
      before.writeUInt16BE(4 + length, 2)
      const mac = createHmac('sha256', KEY).update(before).digest().subarray(0, length)
      const parsed = message(bare(0x0004, tlv(0x001c, mac)))
      t.equal(verify(parsed, 'sha256', KEY), false)
      t.equal(integrityKind(parsed), undefined)
    }
  },
)

t.test('any changed bit of a signed message is noticed', async t => {
  const bytes = new MessageWriter('request', Method.Refresh, TRANSACTION)
    .set(LIFETIME, 600 as Seconds)
    .sign('sha1', KEY)
    .finish()
  let accepted = 0

  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 0x80 >> (bit & 7)
    const parsed = parse(changed)
    if (parsed.kind === 'message' && verify(parsed, 'sha1', KEY)) accepted++
  }

  t.equal(accepted, 0)
})

t.test('verifying leaves the message as it was', async t => {
  const bytes = new MessageWriter('request', Method.Refresh, TRANSACTION)
    .sign('sha1', KEY)
    .fingerprint()
    .finish()
  const before = Buffer.from(bytes)

  verify(message(bytes), 'sha1', KEY)

  t.same(bytes, before)
})

t.test('a classic message never verifies', async t => {
  const bytes = new MessageWriter('request', Method.Binding, Buffer.alloc(16, 1)).sign('sha1', KEY).finish()
  const parsed = parse(bytes, { classic: true })

  t.equal(parsed.kind === 'message' && verify(parsed, 'sha1', KEY), false)
  t.equal(parsed.kind, 'message')
})

t.test('the key is opaque octets, of any length', async t => {
  for (const key of [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(200, 7), hex('00ff')]) {
    const bytes = new MessageWriter('request', Method.Refresh, TRANSACTION).sign('sha256', key).finish()
    t.equal(verify(message(bytes), 'sha256', key), true)
  }
})
