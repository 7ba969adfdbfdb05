import fc from 'fast-check'
import t from 'tap'
import { type Address, address } from '../../../src/base/address.ts'
import {
  ADDRESS_ERROR_CODE,
  ATTRIBUTES,
  type Attribute,
  CHANNEL_NUMBER,
  DATA,
  DONT_FRAGMENT,
  ERROR_CODE,
  EVEN_PORT,
  ICMP,
  LIFETIME,
  MAPPED_ADDRESS,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
  SOFTWARE,
  UNKNOWN_ATTRIBUTES,
  USERHASH,
  USERNAME,
  XOR_MAPPED_ADDRESS,
  XOR_PEER_ADDRESS,
} from '../../../src/wire/attributes.ts'
import { readChannel } from '../../../src/wire/channel.ts'
import { frameLength } from '../../../src/wire/framing.ts'
import { integrityKind, opaqueString, verify } from '../../../src/wire/integrity.ts'
import { all, get, has, type Message, MessageWriter, parse } from '../../../src/wire/message.ts'
import { readNonceCookie } from '../../../src/wire/nonce-cookie.ts'
import { bare, message, tlv } from '../../support/bytes.ts'

const KEY = Buffer.alloc(16, 3)

const octets = (options?: fc.IntArrayConstraints) => fc.uint8Array(options).map(bytes => Buffer.from(bytes))
const phrase = fc.string({ unit: 'binary', maxLength: 127 })
const transactions = octets({ minLength: 12, maxLength: 12 })
const port = fc.integer({ min: 0, max: 65535 })
const u32 = fc.nat(0xffffffff)
const addresses: fc.Arbitrary<Address> = fc
  .tuple(
    fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    port,
  )
  .map(([ip, port]) => address(ip, port))
const codes = fc.integer({ min: 300, max: 699 })
const algorithms = fc.record({ algorithm: port, parameters: octets({ maxLength: 20 }) })

type Setting = readonly [Attribute<unknown>, unknown]
const setting = <T>(attribute: Attribute<T>, value: fc.Arbitrary<T>): fc.Arbitrary<Setting> =>
  value.map(each => [attribute, each] as const)

/** An attribute, and a value that it can hold. */
const settings = fc.oneof(
  setting(USERNAME, phrase),
  setting(REALM, phrase),
  setting(NONCE, phrase),
  setting(SOFTWARE, phrase),
  setting(MAPPED_ADDRESS, addresses),
  setting(XOR_PEER_ADDRESS, addresses),
  setting(XOR_MAPPED_ADDRESS, addresses),
  setting(LIFETIME, u32 as fc.Arbitrary<never>),
  setting(DATA, octets({ maxLength: 1500 })),
  setting(CHANNEL_NUMBER, port),
  setting(EVEN_PORT, fc.boolean()),
  setting(DONT_FRAGMENT, fc.constant<true>(true)),
  setting(REQUESTED_TRANSPORT, fc.nat(255)),
  setting(RESERVATION_TOKEN, octets({ minLength: 8, maxLength: 8 })),
  setting(USERHASH, octets({ minLength: 32, maxLength: 32 })),
  setting(ERROR_CODE, fc.record({ code: codes, reason: phrase })),
  setting(ADDRESS_ERROR_CODE, fc.record({ family: fc.nat(255), code: codes, reason: phrase })),
  setting(UNKNOWN_ATTRIBUTES, fc.array(port, { maxLength: 64 })),
  setting(PASSWORD_ALGORITHM, algorithms),
  setting(PASSWORD_ALGORITHMS, fc.array(algorithms, { maxLength: 5 })),
  setting(ICMP, fc.record({ type: fc.nat(255), code: fc.nat(255), data: u32 })),
)

const classes = fc.constantFrom('request', 'indication', 'success', 'error')
const methods = fc.integer({ min: 3, max: 0xfff })
const written = fc
  .record({
    klass: classes,
    method: methods,
    transaction: transactions,
    settings: fc.array(settings, { maxLength: 20 }),
    sha1: fc.boolean(),
    sha256: fc.boolean(),
    fingerprint: fc.boolean(),
  })
  .map(plan => {
    const writer = new MessageWriter(plan.klass, plan.method, plan.transaction)
    for (const [attribute, value] of plan.settings) writer.set(attribute, value)
    if (plan.sha1) writer.sign('sha1', KEY)
    if (plan.sha256) writer.sign('sha256', KEY)
    if (plan.fingerprint) writer.fingerprint()
    return { ...plan, bytes: writer.finish() }
  })

/** A header that is sound, and behind it what is more likely to be attributes than noise is. */
const almost = fc
  .tuple(
    fc.nat(0x3fff),
    fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom(...ATTRIBUTES.keys()), port),
        fc.oneof(
          octets({ maxLength: 40 }),
          fc.constantFrom(0, 1, 4, 8, 20, 32).map(length => Buffer.alloc(length, 1)),
        ),
        fc.nat(255),
      ),
      { maxLength: 70 },
    ),
  )
  .map(([type, attributes]) => bare(type, ...attributes.map(([each, value, pad]) => tlv(each, value, pad))))

const edits = fc.array(fc.tuple(fc.nat(0xffff), fc.nat(255)), { minLength: 1, maxLength: 8 })
const mutated = fc
  .tuple(
    fc.oneof(
      almost,
      written.map(({ bytes }) => bytes),
    ),
    edits,
    fc.nat(40),
    fc.boolean(),
  )
  .map(([bytes, changes, cut, repair]) => {
    const copy = Buffer.from(bytes.subarray(0, Math.max(0, bytes.length - (cut > 20 ? cut - 20 : 0))))
    for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value
    // A repaired header lets the changes reach the attributes.
    if (repair && copy.length >= 20) bare(copy.readUInt16BE(0) & 0x3fff).copy(copy, 0, 0, 8)
    if (repair && copy.length >= 20) copy.writeUInt16BE(copy.length - 20, 2)
    return copy
  })

t.test('parsing any octets whatever gives a value, and no accessor of it fails [STUN-HDR-05]', async t => {
  fc.assert(fc.property(fc.oneof(octets({ maxLength: 200 }), almost), fc.boolean(), total), { numRuns: 3000 })
  t.pass()
})

t.test(
  'parsing a message with octets changed or missing gives a value, and no accessor of it fails',
  async t => {
    fc.assert(fc.property(mutated, fc.boolean(), total), { numRuns: 3000 })
    t.pass()
  },
)

t.test('what is written is read, in the same order', async t => {
  fc.assert(
    fc.property(written, plan => {
      const read = message(plan.bytes)
      if (read.class !== plan.klass || read.method !== plan.method || read.classic) return false
      if (!read.transaction.equals(plan.transaction) || read.fingerprint !== plan.fingerprint) return false
      if (verify(read, 'sha1', KEY) !== plan.sha1 || verify(read, 'sha256', KEY) !== plan.sha256) return false
      for (const attribute of ATTRIBUTES.values()) {
        const values = plan.settings.filter(([each]) => each === attribute).map(([, value]) => value)
        if (values.length > 0) t.same(all(read, attribute), values)
      }
      return read.malformed.length === 0
    }),
    { numRuns: 300 },
  )
})

t.test('what is written for what was read is the same, but for padding', async t => {
  fc.assert(
    fc.property(almost, bytes => {
      const read = parse(bytes)
      if (read.kind !== 'message') return true
      return read.attributes.every(({ type, value }) => {
        const attribute = ATTRIBUTES.get(type)
        // These leave out what is reserved, or what is not UTF-8.
        if (!attribute || attribute === SOFTWARE || attribute === ERROR_CODE) return true
        const again = attribute.write(attribute.read(value, read.transaction), read.transaction)
        return deepEqual(attribute.read(again, read.transaction), attribute.read(value, read.transaction))
      })
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test('every octet of padding that is written is zero [STUN-ATTR-02, SEC-05]', async t => {
  fc.assert(
    fc.property(written, ({ bytes }) => {
      for (let at = 20; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt16BE(at + 2)
        at = (end + 3) & ~3
        if (bytes.subarray(end, at).some(octet => octet !== 0)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.pass()
})

t.test(
  'a written message is one frame at whatever split, and never another length [STUN-TCP-02]',
  async t => {
    fc.assert(
      fc.property(written, octets({ maxLength: 10 }), ({ bytes }, before) => {
        const stream = Buffer.concat([before, bytes])
        for (let available = 0; available <= bytes.length; available++) {
          const length = frameLength(stream, before.length, available)
          // Methods from 0x100 on do not begin like STUN on a stream (RFC 7983).
          if (
            bytes[0]! > 3
              ? length !== (available === 0 ? 0 : -1)
              : length !== (available < 4 ? 0 : bytes.length)
          )
            return false
        }
        return true
      }),
      { numRuns: 200 },
    )
    t.pass()
  },
)

t.test('once a frame of any octets has a length, more octets do not change it to another length', async t => {
  fc.assert(
    fc.property(octets({ minLength: 1, maxLength: 40 }), bytes => {
      let known = 0
      for (let available = 1; available <= bytes.length; available++) {
        const length = frameLength(bytes, 0, available)
        if (known > 0 && length !== known && length !== -1) return false
        if (known < 0 && length !== -1) return false
        if (length > 65552 || length < -1) return false
        known = length
      }
      return true
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

t.test('reading a channel never takes more than is there', async t => {
  fc.assert(
    fc.property(octets({ maxLength: 40 }), fc.nat(40), (bytes, start) => {
      const length = Math.max(0, bytes.length - start)
      const number = readChannel(bytes, start, length)
      return number === undefined || (length >= 4 && 4 + bytes.readUInt16BE(start + 2) <= length)
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

t.test('OpaqueString takes any text, and twice is as once', async t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      text => opaqueString(opaqueString(text)) === opaqueString(text),
    ),
    { numRuns: 1000 },
  )
  t.pass()
})

t.test('reading a nonce cookie takes any text', async t => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map(rest => `obMatJos2${rest}`),
      ),
      nonce => {
        const features = readNonceCookie(nonce)
        return features === undefined || (features >= 0 && features <= 0xffffff)
      },
    ),
    { numRuns: 1000 },
  )
  t.pass()
})

/** Parses and reads everything there is; true unless something throws or an invariant breaks. */
function total(bytes: Buffer, classic: boolean): boolean {
  const before = Buffer.from(bytes)
  const parsed = parse(bytes, { classic })
  if (parsed.kind === 'malformed') return true
  return sound(parsed) && bytes.equals(before)
}

function sound(parsed: Message): boolean {
  for (const attribute of ATTRIBUTES.values()) {
    const values = all(parsed, attribute)
    if (has(parsed, attribute) !== values.length > 0) return false
    if ((get(parsed, attribute) === undefined) !== (values.length === 0)) return false
  }
  verify(parsed, 'sha1', KEY)
  verify(parsed, 'sha256', KEY)
  integrityKind(parsed)
  return (
    parsed.attributes.length + parsed.malformed.length <= 64 &&
    parsed.transaction.length === (parsed.classic ? 16 : 12) &&
    parsed.attributes.every(
      ({ value, offset }) => offset >= 20 && offset + 4 + value.length <= parsed.bytes.length,
    )
  )
}

function deepEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
