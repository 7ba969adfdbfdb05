import fc from 'fast-check'
import t from 'tap'
import { NONCE, REALM, SOFTWARE, USERNAME } from '../../../src/wire/attributes.ts'
import { get, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { peekNonce } from '../../../src/wire/peek.ts'

const transaction = Buffer.alloc(12, 1)

t.test('the nonce that is peeked at is the one that parsing finds', async t => {
  const message = new MessageWriter('request', Method.Allocate, transaction)
    .set(SOFTWARE, 'odd')
    .set(USERNAME, '1795307477:@alice:example.org')
    .set(REALM, 'turn.example.org')
    .set(NONCE, 'obMatJos2gAAAabcdefghijklmnop')
    .sign('sha1', Buffer.alloc(16))
    .finish()
  const parsed = parse(message)
  t.equal(parsed.kind, 'message')
  if (parsed.kind === 'message') t.equal(peekNonce(message), get(parsed, NONCE))
})

t.test('where there is no nonce, or one that ends after the message, nothing is found', async t => {
  const without = new MessageWriter('request', Method.Allocate, transaction).set(REALM, 'r').finish()
  t.equal(peekNonce(without), undefined)
  const cut = new MessageWriter('request', Method.Allocate, transaction).set(NONCE, 'a nonce').finish()
  t.equal(peekNonce(cut.subarray(0, cut.length - 4)), undefined)
  t.equal(peekNonce(Buffer.alloc(0)), undefined)
})

t.test('a message of nothing but empty attributes is not walked to its end', async t => {
  const nonce = Buffer.from([0, 0x15, 0, 1, 0x61, 0, 0, 0])
  const many = Buffer.concat([Buffer.alloc(20), Buffer.alloc(4 * 16), nonce])
  t.equal(peekNonce(many), undefined)
})

t.test('no octets make it throw [NODE-01]', async t => {
  const any = fc.property(fc.uint8Array({ maxLength: 300 }), octets => {
    const found = peekNonce(Buffer.from(octets))
    return found === undefined || found.length <= octets.length
  })
  t.doesNotThrow(() => fc.assert(any, { numRuns: 2000 }))
})
