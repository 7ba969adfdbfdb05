import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import { DataIndicationTemplate } from '../../../src/load/data-indication.ts'
import { DATA, SOFTWARE, XOR_PEER_ADDRESS } from '../../../src/wire/attributes.ts'
import { MessageWriter, Method } from '../../../src/wire/message.ts'

const PEER = parseAddress('192.0.2.7:4000')!
const PAYLOAD = Buffer.from('payload')

function writer(klass: 'indication' | 'request' = 'indication', method: number = Method.Data) {
  return new MessageWriter(klass, method, Buffer.alloc(12, 3))
}

/** Reads it from the middle of a buffer. */
function read(message: Buffer, length = message.length): string | undefined {
  const reader = new DataIndicationTemplate()
  const bytes = Buffer.concat([Buffer.alloc(9, 0xff), message, Buffer.alloc(70_000, 0xff)])
  if (!reader.read(bytes, 9, length)) return undefined
  return bytes.toString('latin1', reader.payload, reader.payload + reader.octets)
}

t.test('the payload is found whatever the order of the attributes, and whatever is beside them', async t => {
  t.equal(read(writer().set(XOR_PEER_ADDRESS, PEER).set(DATA, PAYLOAD).finish()), 'payload')
  t.equal(read(writer().set(DATA, PAYLOAD).set(XOR_PEER_ADDRESS, PEER).finish()), 'payload')
  t.equal(
    read(writer().set(SOFTWARE, 'other').set(XOR_PEER_ADDRESS, PEER).set(DATA, PAYLOAD).finish()),
    'payload',
  )
})

t.test('what lacks the peer or the payload is no Data indication', async t => {
  t.equal(read(writer().set(DATA, PAYLOAD).finish()), undefined)
  t.equal(read(writer().set(XOR_PEER_ADDRESS, PEER).finish()), undefined)
})

t.test('other messages are none either', async t => {
  t.equal(
    read(writer('indication', Method.Send).set(XOR_PEER_ADDRESS, PEER).set(DATA, PAYLOAD).finish()),
    undefined,
  )
  t.equal(read(writer('request').set(XOR_PEER_ADDRESS, PEER).set(DATA, PAYLOAD).finish()), undefined)
})

t.test('nothing is read beyond the datagram, wherever it was cut', async t => {
  const whole = writer().set(XOR_PEER_ADDRESS, PEER).set(DATA, PAYLOAD).finish()
  for (let length = 0; length < whole.length; length++) t.equal(read(whole, length), undefined)
})

t.test('an attribute that is longer than its message is refused', async t => {
  const bytes = writer().set(XOR_PEER_ADDRESS, PEER).set(DATA, PAYLOAD).finish()
  bytes.writeUInt16BE(5000, bytes.length - 8 - 2)
  t.equal(read(bytes), undefined)
})
