import t from 'tap'
import { formatAddress } from '../../../src/base/address.ts'
import {
  ICE_CONTROLLED,
  MESSAGE_INTEGRITY_SHA256,
  NONCE,
  PASSWORD_ALGORITHM,
  PRIORITY,
  REALM,
  SOFTWARE,
  USERHASH,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from '../../../src/wire/attributes.ts'
import {
  integrityKind,
  longTermKey,
  PasswordAlgorithm,
  userhash,
  verify,
} from '../../../src/wire/integrity.ts'
import { get, MessageWriter, Method } from '../../../src/wire/message.ts'
import { readNonceCookie } from '../../../src/wire/nonce-cookie.ts'
import { hex, message, why } from '../../support/bytes.ts'

const SHORT_TERM_KEY = Buffer.from('VOkJxbRl1RmTxUk/WvJxBt')

const REQUEST = hex(
  '00010058 2112a442 b7e7a701bc34d686fa87dfae' +
    '80220010 5354554e207465737420636c69656e74' +
    '00240004 6e0001ff' +
    '80290008 932ff9b151263b36' +
    '00060009 6576746a3a68367659202020' +
    '00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2' +
    '80280004 e57a3bcf',
)
const IPV4_RESPONSE = hex(
  '0101003c 2112a442 b7e7a701bc34d686fa87dfae' +
    '8022000b 7465737420766563746f7220' +
    '00200008 0001a147e112a643' +
    '00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7' +
    '80280004 c07d4c96',
)
const IPV6_RESPONSE = hex(
  '01010048 2112a442 b7e7a701bc34d686fa87dfae' +
    '8022000b 7465737420766563746f7220' +
    '00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9' +
    '00080014 a382954e4be67bf11784c97c8292c275bfe3ed41' +
    '80280004 c8fb0b4c',
)
const LONG_TERM_REQUEST = hex(
  '00010060 2112a442 78ad3433c6ad72c029da412e' +
    '00060012 e3839ee38388e383aae38383e382afe382b90000' +
    '0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341' +
    '0014000b 6578616d706c652e6f726700' +
    '00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666',
)
const SHA256_REQUEST = hex(
  '00010090 2112a442 78ad3433c6ad72c029da412e' +
    '001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704' +
    '00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000' +
    '0014000b 6578616d706c652e6f726700' +
    '001d0004 00020000' +
    '001c0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65',
)
/** RFC 8489 B.1 as printed: the length is that of another message, and PASSWORD-ALGORITHM is missing. */
const SHA256_AS_PRINTED = hex(
  '0001009c 2112a442 78ad3433c6ad72c029da412e' +
    '001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704' +
    '00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000' +
    '0014000b 6578616d706c652e6f726700' +
    '001c0020 e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01',
)

t.test('the sample request of RFC 5769 is read and verifies [VEC-01] [STUN-ATTR-03]', async t => {
  const request = message(REQUEST)

  t.equal(request.class, 'request')
  t.equal(request.method, Method.Binding)
  t.equal(request.transaction.toString('hex'), 'b7e7a701bc34d686fa87dfae')
  t.equal(get(request, SOFTWARE), 'STUN test client')
  t.equal(get(request, PRIORITY), 0x6e0001ff)
  t.equal(get(request, ICE_CONTROLLED)?.toString('hex'), '932ff9b151263b36')
  t.equal(get(request, USERNAME), 'evtj:h6vY')
  t.equal(request.fingerprint, true)
  t.equal(integrityKind(request), 'sha1')
  t.equal(verify(request, 'sha1', SHORT_TERM_KEY), true)
  t.equal(verify(request, 'sha1', Buffer.from('VOkJxbRl1RmTxUk/WvJxBT')), false)
  t.same(request.malformed, [])
})

t.test('the sample IPv4 response of RFC 5769 is read and verifies [VEC-02]', async t => {
  const response = message(IPV4_RESPONSE)

  t.equal(response.class, 'success')
  t.equal(get(response, SOFTWARE), 'test vector')
  t.equal(formatAddress(get(response, XOR_MAPPED_ADDRESS)!), '192.0.2.1:32853')
  t.equal(response.fingerprint, true)
  t.equal(verify(response, 'sha1', SHORT_TERM_KEY), true)
})

t.test('the sample IPv6 response of RFC 5769 is read and verifies [VEC-03]', async t => {
  const response = message(IPV6_RESPONSE)

  t.equal(formatAddress(get(response, XOR_MAPPED_ADDRESS)!), '[2001:db8:1234:5678:11:2233:4455:6677]:32853')
  t.equal(response.fingerprint, true)
  t.equal(verify(response, 'sha1', SHORT_TERM_KEY), true)
})

t.test('the sample long-term request of RFC 5769 verifies with the MD5 key [VEC-04]', async t => {
  const request = message(LONG_TERM_REQUEST)
  const key = longTermKey(get(request, USERNAME)!, get(request, REALM)!, 'TheMatrIX', PasswordAlgorithm.MD5)

  t.equal(get(request, USERNAME), 'マトリックス')
  t.equal(get(request, NONCE), 'f//499k954d6OL34oL9FSTvy64sA')
  t.equal(get(request, REALM), 'example.org')
  t.equal(request.fingerprint, false)
  t.equal(verify(request, 'sha1', key), true)
})

t.test(
  'the corrected SHA-256 request of RFC 8489 verifies, its unassigned feature bit ignored [VEC-05]',
  async t => {
    const request = message(SHA256_REQUEST)
    const key = longTermKey('マトリックス', get(request, REALM)!, 'TheMatrIX', PasswordAlgorithm.SHA256)

    t.equal(get(request, PASSWORD_ALGORITHM)?.algorithm, PasswordAlgorithm.SHA256)
    t.same(get(request, USERHASH), userhash('マトリックス', 'example.org'))
    t.equal(readNonceCookie(get(request, NONCE)!), 0x000002)
    t.equal(integrityKind(request), 'sha256')
    t.equal(verify(request, 'sha256', key), true)
    t.equal(verify(request, 'sha1', key), false)
  },
)

t.test('the SHA-256 request that RFC 8489 prints is malformed, and would not verify [VEC-06]', async t => {
  const corrected = Buffer.from(SHA256_AS_PRINTED)
  corrected.writeUInt16BE(corrected.length - 20, 2)
  const key = longTermKey('マトリックス', 'example.org', 'TheMatrIX', PasswordAlgorithm.SHA256)

  t.equal(why(SHA256_AS_PRINTED), 'bad-length')
  t.ok(get(message(corrected), MESSAGE_INTEGRITY_SHA256))
  t.equal(verify(message(corrected), 'sha256', key), false)
})

t.test('the writer makes the vectors again, but for padding that is not zero', async t => {
  const ipv4 = message(IPV4_RESPONSE)
  const sha256 = message(SHA256_REQUEST)
  const key = longTermKey('マトリックス', 'example.org', 'TheMatrIX', PasswordAlgorithm.SHA256)

  const written = new MessageWriter('request', Method.Binding, sha256.transaction)
    .set(USERHASH, userhash('マトリックス', 'example.org'))
    .set(NONCE, get(sha256, NONCE)!)
    .set(REALM, 'example.org')
    .set(PASSWORD_ALGORITHM, { algorithm: PasswordAlgorithm.SHA256, parameters: Buffer.alloc(0) })
    .sign('sha256', key)
    .finish()
  const response = new MessageWriter('success', Method.Binding, ipv4.transaction)
    .set(SOFTWARE, 'test vector')
    .set(XOR_MAPPED_ADDRESS, get(ipv4, XOR_MAPPED_ADDRESS)!)
    .finish()

  t.same(written, SHA256_REQUEST)
  t.same(response.subarray(36), IPV4_RESPONSE.subarray(36, 48))
})
