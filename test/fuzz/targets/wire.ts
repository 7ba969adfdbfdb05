import { Deframer } from '../../../src/client/deframer.ts'
import { FrameReader, MAX_FRAME } from '../../../src/net/stream/frame-reader.ts'
import {
  ADDRESS_ERROR_CODE,
  ATTRIBUTES,
  type Attribute,
  ERROR_CODE,
  SOFTWARE,
} from '../../../src/wire/attributes.ts'
import { demultiplex, readChannel } from '../../../src/wire/channel.ts'
import { frameLength } from '../../../src/wire/framing.ts'
import { integrityKind, verify } from '../../../src/wire/integrity.ts'
import {
  all,
  get,
  has,
  MAX_ATTRIBUTES,
  type Message,
  MessageWriter,
  parse,
} from '../../../src/wire/message.ts'
import { readNonceCookie } from '../../../src/wire/nonce-cookie.ts'
import { fingerprinted, KEY, messageType, mutateMessage, signed, TYPES } from '../stun.ts'
import { must, type Target } from '../target.ts'

/** The codec: one datagram, read in every way there is; then the same octets as what arrives on a stream. */
export const wire: Target = {
  name: 'wire',
  longest: 4096,
  slow: 10,
  seeds,
  run(input) {
    const before = Buffer.from(input)
    for (const classic of [false, true]) {
      const message = parse(input, { classic })
      if (message.kind === 'message') readAll(message)
    }
    if (input.length > 0) demultiplex(input[0]!)
    const channel = readChannel(input, 0, input.length)
    must(
      channel === undefined || 4 + input.readUInt16BE(2) <= input.length,
      'a channel longer than its datagram',
    )
    const features = readNonceCookie(input.toString('latin1'))
    must(features === undefined || (features >= 0 && features <= 0xffffff), 'features beyond 24 bits')
    must(input.equals(before), 'reading has written')
    asStream(input)
  },
  mutate: mutateMessage,
}

/** These leave out what is reserved, and put something longer where it is not UTF-8. */
const FREE_TEXT = new Set<Attribute<unknown>>([SOFTWARE, ERROR_CODE, ADDRESS_ERROR_CODE])

function readAll(message: Message): void {
  must(message.attributes.length + message.malformed.length <= MAX_ATTRIBUTES, 'too many attributes')
  for (const { value, offset } of message.attributes) {
    must(offset >= 20 && offset + 4 + value.length <= message.bytes.length, 'an attribute beyond the end')
    must(value.length === message.bytes.readUInt16BE(offset + 2), 'an attribute shorter than it says')
  }
  for (const attribute of ATTRIBUTES.values()) {
    const values = all(message, attribute)
    must(has(message, attribute) === values.length > 0, 'has() differs from all()')
    must((get(message, attribute) === undefined) === (values.length === 0), 'get() differs from all()')
    for (const value of values) writeAgain(attribute, value, message.transaction)
  }
  for (const kind of ['sha1', 'sha256'] as const) {
    if (verify(message, kind, KEY)) must(has(message, attributeOf(kind)), 'verified without an attribute')
  }
  integrityKind(message)
  copyOf(message)
}

/** What was read, written, reads the same. */
function writeAgain(attribute: Attribute<unknown>, value: unknown, transaction: Buffer): void {
  if (FREE_TEXT.has(attribute)) return
  const again = attribute.write(value, transaction)
  must(attribute.valid(again), `${attribute.name} does not hold what it said`)
  must(
    plain(attribute.read(again, transaction)) === plain(value),
    `${attribute.name} reads otherwise when rewritten`,
  )
}

/** Writes the message anew from its raw attributes; the copy must have the same and zeros between them. */
function copyOf(message: Message): void {
  if (message.classic) return
  const writer = new MessageWriter(message.class, message.method, message.transaction)
  const rest = message.attributes.filter(({ type }) => type !== 0x0008 && type !== 0x001c && type !== 0x8028)
  for (const { type, value } of rest) writer.set(raw(type), value)
  // A message as full as one may be has no room for another attribute.
  const added = rest.length < MAX_ATTRIBUTES ? 1 : 0
  if (added) writer.fingerprint()
  const copy = parse(writer.finish())
  must(copy.kind === 'message' && copy.fingerprint === (added === 1), 'a written message does not parse')
  must(copy.attributes.length === rest.length + added, 'attributes lost in writing')
  for (const [i, { type, value }] of rest.entries()) {
    const other = copy.attributes[i]!
    must(other.type === type && other.value.equals(value), 'an attribute changed in writing')
    const end = other.offset + 4 + value.length
    must(!copy.bytes.subarray(end, (end + 3) & ~3).some(octet => octet !== 0), 'padding that is not zero')
  }
}

/** Cuts the octets as a stream at every point; what comes out must not depend on where. */
function asStream(input: Buffer): void {
  let known = 0
  for (let available = 0; available <= Math.min(input.length, 64); available++) {
    const length = frameLength(input, 0, available)
    must(length >= -1 && length <= 65_552, 'no such frame length')
    must(known <= 0 || length === known || length === -1, 'a frame changed its length')
    must(known >= 0 || length === -1, 'a stream that was none became one')
    known = length
  }
  const whole = frames([input])
  // Every split of short inputs, and some of long ones.
  const step = Math.max(1, input.length >> 4)
  for (let at = 1; at < input.length; at += step) {
    const parts = frames([input.subarray(0, at), input.subarray(at)])
    must(parts.join() === whole.join(), `frames differ when cut at ${at}`)
  }
  const deframer = new Deframer()
  const cut = deframer.take(input)
  must(
    cut === undefined || cut.map(frame => frame.toString('hex')).join() === whole.slice(0, -1).join(),
    'two readers differ',
  )
}

/** The frames in hex, and at the end whether the stream lives. */
function frames(chunks: readonly Buffer[]): string[] {
  const list: string[] = []
  const reader = new FrameReader((bytes, start, length) => {
    list.push(bytes.toString('hex', start, start + length))
    return true
  })
  reader.longest = MAX_FRAME
  let isAlive = true
  for (const chunk of chunks) isAlive &&= reader.read(chunk)
  must(reader.held <= 2 * 65_552, 'holds more than two frames')
  return [...list, isAlive ? 'alive' : 'over']
}

function attributeOf(kind: 'sha1' | 'sha256'): Attribute<unknown> {
  return ATTRIBUTES.get(kind === 'sha1' ? 0x0008 : 0x001c)!
}

function raw(type: number): Attribute<Buffer> {
  return { type, name: 'raw', valid: () => true, read: value => value, write: value => value }
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_key, each) =>
    each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each,
  )
}

/** One message with each attribute in a shape that it may have, and one of each method and class. */
function seeds(): Buffer[] {
  const transaction = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex')
  const lengths = [0, 1, 4, 8, 16, 20, 32]
  const list: Buffer[] = [
    Buffer.alloc(1),
    Buffer.from('4000000461626364', 'hex'),
    Buffer.from('obMatJos2gAAA'),
  ]
  for (const type of TYPES) {
    for (const length of lengths) {
      const writer = new MessageWriter('request', 3, transaction)
      const value = Buffer.alloc(length)
      if (length > 1) value[1] = length === 20 ? 2 : 1
      list.push(writer.set(raw(type), value).finish())
    }
  }
  for (let method = 1; method < 13; method++) {
    for (let klass = 0; klass < 4; klass++) {
      const header = Buffer.alloc(20)
      header.writeUInt16BE(messageType(method, klass), 0)
      header.writeUInt32BE(0x2112a442, 4)
      list.push(header)
    }
  }
  const last = list.at(-1)!
  list.push(signed(last, 'sha1', KEY), signed(signed(last, 'sha1', KEY), 'sha256', KEY))
  list.push(fingerprinted(last), fingerprinted(signed(last, 'sha256', KEY)))
  list.push(Buffer.concat([last, list[1]!, Buffer.alloc(20)]))
  const full = new MessageWriter('request', 3, transaction)
  for (let i = 0; i < MAX_ATTRIBUTES; i++) full.set(raw(0x0018), Buffer.alloc(1))
  list.push(full.finish())
  return list
}
