import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { hmac } from '../../../src/wire/mac.ts'

const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map(Buffer.from)

t.test('a MAC by two hashes is the MAC that Node makes, for any key and text', async t => {
  for (const kind of ['sha1', 'sha256'] as const) {
    for (const encoding of ['binary', 'base64'] as const) {
      const same = fc.property(octets(200), octets(4096), (key, text) => {
        const ours = Buffer.from(hmac(kind, key, text, encoding), encoding)
        return ours.equals(createHmac(kind, key).update(text).digest())
      })
      t.doesNotThrow(() => fc.assert(same, { numRuns: 200 }), `${kind} as ${encoding}`)
    }
  }
})

t.test('keys and texts at the edges of a block and of the scratch give the right MAC', async t => {
  for (const keyLength of [0, 1, 63, 64, 65, 128]) {
    for (const textLength of [0, 1, 55, 56, 64, 2047, 2048, 2049, 65_535]) {
      const key = Buffer.alloc(keyLength, 0xa5)
      const text = Buffer.alloc(textLength, 0x5a)
      const ours = Buffer.from(hmac('sha1', key, text), 'latin1')
      const theirs = createHmac('sha1', key).update(text).digest()
      t.ok(ours.equals(theirs), `key of ${keyLength}, text of ${textLength}`)
    }
  }
})

t.test('a short key after a long one is not mixed with it', async t => {
  hmac('sha256', Buffer.alloc(64, 0xff), Buffer.from('before'))
  const after = hmac('sha256', Buffer.from('k'), Buffer.from('text'))
  t.equal(after, createHmac('sha256', 'k').update('text').digest('binary'))
})
