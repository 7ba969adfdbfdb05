import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { DATA, SOFTWARE, USERNAME, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { verify } from '../../../src/wire/integrity.ts'
import { get, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { hex, message, TRANSACTION } from '../../support/bytes.ts'

const KEY = Buffer.alloc(16, 9)
const request = () => new MessageWriter('request', Method.Allocate, TRANSACTION)

t.test('a message without attributes is a header', async t => {
  t.same(
    new MessageWriter('request', Method.Binding, TRANSACTION).finish(),
    hex('00010000 2112a442 0102030405060708090a0b0c'),
  )
})

t.test('a transaction of 16 octets makes a classic header', async t => {
  const transaction = hex('00112233445566778899aabbccddeeff')
  const bytes = new MessageWriter('success', Method.Binding, transaction).finish()

  t.same(bytes, hex('01010000 00112233445566778899aabbccddeeff'))
  t.match(parse(bytes, { classic: true }), { kind: 'message', classic: true, transaction })
})

t.test('padding is written as zeros [STUN-ATTR-02]', async t => {
  for (let length = 0; length <= 600; length++) {
    const bytes = request().set(DATA, Buffer.alloc(length, 0xff)).set(SOFTWARE, 'x').finish()
    const end = 24 + length
    const next = end + (-length & 3)
    if (!bytes.subarray(end, next).equals(Buffer.alloc(next - end))) t.fail(`padding of ${length}`)
    if (!bytes.subarray(next).equals(hex('80220001 78000000'))) t.fail(`what follows ${length}`)
  }
})

t.test('a message grows as long as a message can be, and is whole', async t => {
  const bytes = request()
    .set(USERNAME, 'alice')
    .set(DATA, Buffer.alloc(65000, 1))
    .set(SOFTWARE, 'x')
    .sign('sha1', KEY)
    .finish()

  t.equal(get(message(bytes), USERNAME), 'alice')
  t.equal(get(message(bytes), DATA)?.length, 65000)
  t.equal(get(message(bytes), SOFTWARE), 'x')
  t.equal(verify(message(bytes), 'sha1', KEY), true)
})

t.test('what does not fit a message is refused', async t => {
  t.equal(request().set(DATA, Buffer.alloc(65528)).finish().length, 65552)
  t.throws(() => request().set(DATA, Buffer.alloc(65529)), RangeError)
  t.throws(() => request().set(DATA, Buffer.alloc(65528)).set(SOFTWARE, ''), RangeError)
  t.throws(() => request().set(DATA, Buffer.alloc(65512)).sign('sha1', KEY), RangeError)
  t.throws(() => request().set(DATA, Buffer.alloc(65524)).fingerprint(), RangeError)
})

t.test('attributes behind the integrity that covers them are refused', async t => {
  t.throws(() => request().sign('sha1', KEY).set(SOFTWARE, 'a'))
  t.throws(() => request().sign('sha256', KEY).set(SOFTWARE, 'a'))
  t.throws(() => request().sign('sha1', KEY).sign('sha1', KEY))
  t.throws(() => request().sign('sha256', KEY).sign('sha1', KEY))
  t.throws(() => request().sign('sha256', KEY).sign('sha256', KEY))
})

t.test('a finished writer writes no more', async t => {
  const writer = request()
  const bytes = writer.finish()

  t.throws(() => writer.set(SOFTWARE, 'a'))
  t.throws(() => writer.sign('sha1', KEY))
  t.throws(() => writer.fingerprint())
  t.same(writer.finish(), bytes)
})

t.test('a header that cannot be is refused', async t => {
  for (const length of [0, 11, 13, 15, 17, 20]) {
    t.throws(() => new MessageWriter('request', Method.Binding, Buffer.alloc(length)), RangeError)
  }
  for (const method of [-1, 0x1000, 1.5, Number.NaN]) {
    t.throws(() => new MessageWriter('request', method, TRANSACTION), RangeError)
  }
})

t.test('two writers at work do not touch each other', async t => {
  const one = request().set(SOFTWARE, 'one')
  const two = request().set(SOFTWARE, 'two')
  one.set(XOR_PEER_ADDRESS, parseAddress('192.0.2.1:1')!)
  two.set(USERNAME, 'second')

  t.equal(get(message(one.finish()), SOFTWARE), 'one')
  t.equal(get(message(two.finish()), SOFTWARE), 'two')
})

t.test('what was given to a writer may change afterwards', async t => {
  const data = Buffer.from('before')
  const bytes = request().set(DATA, data).finish()

  data.fill(0)

  t.equal(get(message(bytes), DATA)?.toString(), 'before')
})
