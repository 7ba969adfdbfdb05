import { ATTRIBUTES } from '../../src/wire/attributes.ts'
import { fingerprintOf } from '../../src/wire/fingerprint.ts'
import { MAC_LENGTH, messageMac } from '../../src/wire/hmac.ts'
import type { Dice } from '../sim/random.ts'
import { havoc, oneOf, upTo } from './mutate.ts'

/** An attribute as octets; `length` is what its header says. */
interface Tlv {
  readonly type: number
  readonly length: number
  /** With its padding. */
  readonly octets: Buffer
}

/** Signs everything that is signed for the codec. */
export const KEY = Buffer.alloc(16, 3)
export const TYPES: readonly number[] = [...ATTRIBUTES.keys(), 0x0021, 0x7fff, 0x8023, 0xc000, 0xffff]
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 20, 31, 32, 33, 64, 128, 508, 763, 764]
const METHODS = [1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 0x0ff, 0xfff]
/** Words that mean something to a reader of STUN. */
export const STUN_WORDS: readonly Buffer[] = [
  Buffer.from('2112a442', 'hex'),
  Buffer.from('5354554e', 'hex'),
  Buffer.from('obMatJos2AAAA'),
  Buffer.from('obMatJos2gAAA'),
  Buffer.from('00010001', 'hex'),
  Buffer.from('0001'.padEnd(16, '0'), 'hex'),
  Buffer.from(`0002${'00'.repeat(18)}`, 'hex'),
  Buffer.from('11000000', 'hex'),
  Buffer.from('40000000', 'hex'),
  Buffer.from('000200000001000000', 'hex'),
]

/** Splits octets into attributes; the last may claim more than there is. */
export function split(octets: Buffer): Tlv[] {
  const list: Tlv[] = []
  for (let at = 0; at + 4 <= octets.length; ) {
    const length = octets.readUInt16BE(at + 2)
    const end = Math.min(octets.length, at + 4 + ((length + 3) & ~3))
    list.push({ type: octets.readUInt16BE(at), length, octets: Buffer.from(octets.subarray(at + 4, end)) })
    at = end
  }
  return list
}

export function join(list: readonly Tlv[]): Buffer {
  const parts: Buffer[] = []
  for (const { type, length, octets } of list) {
    const header = Buffer.alloc(4)
    header.writeUInt16BE(type, 0)
    header.writeUInt16BE(length & 0xffff, 2)
    parts.push(header, octets)
  }
  return Buffer.concat(parts)
}

/** Changes a list of attributes: one more, one less, twice, elsewhere, longer, shorter, another type, a lie. */
export function mutateAttributes(octets: Buffer, roll: Dice, types: readonly number[]): Buffer {
  const list = split(octets)
  const at = upTo(roll, list.length || 1)
  const one = list[at]
  switch (upTo(roll, 8)) {
    case 0:
      list.splice(upTo(roll, list.length + 1), 0, fresh(oneOf(roll, types), roll))
      break
    case 1:
      list.splice(at, 1)
      break
    case 2:
      if (one) list.splice(upTo(roll, list.length + 1), 0, one)
      break
    case 3:
      if (one) list.splice(upTo(roll, list.length), 0, ...list.splice(at, 1))
      break
    case 4:
      if (one) list[at] = sized(one, oneOf(roll, LENGTHS))
      break
    case 5:
      if (one) list[at] = { ...one, type: oneOf(roll, types) }
      break
    case 6:
      if (one) list[at] = { ...one, length: Math.max(0, one.length + upTo(roll, 9) - 4) }
      break
    default:
      if (one)
        list[at] = padded(one.type, havoc(one.octets.subarray(0, one.length), one.octets, roll, STUN_WORDS))
  }
  return join(list)
}

/** Changes a STUN message, and fixes more often than not what the change has broken: length, integrity, fingerprint. */
export function mutateMessage(input: Buffer, other: Buffer, roll: Dice): Buffer {
  const header = Buffer.from(input.subarray(0, 20))
  if (header.length < 20) return havoc(input, other, roll, STUN_WORDS)
  let body: Buffer = Buffer.from(input.subarray(20))
  for (let turns = 1 + upTo(roll, 4); turns > 0; turns--) body = mutateAttributes(body, roll, TYPES)
  if (roll() < 0.15) header.writeUInt16BE(messageType(oneOf(roll, METHODS), upTo(roll, 4)), 0)
  if (roll() < 0.2 && other.length > 20) body = Buffer.concat([body, other.subarray(20)])
  let bytes: Buffer = Buffer.concat([header, body])
  if (bytes.length > 65_535) bytes = bytes.subarray(0, 65_532)
  const fix = upTo(roll, 10)
  if (fix > 0) bytes.writeUInt16BE((bytes.length - 20) & 0xffff, 2)
  if (fix > 1 && roll() < 0.3) bytes = signed(bytes, roll() < 0.5 ? 'sha1' : 'sha256', KEY)
  if (fix > 1 && roll() < 0.3) bytes = fingerprinted(bytes)
  return bytes
}

/** The sixteen bits of a method and a class (RFC 8489 §5). */
export function messageType(method: number, klass: number): number {
  const bits = (method & 0x00f) | ((method & 0x070) << 1) | ((method & 0xf80) << 2)
  return bits | ((klass & 1) << 4) | ((klass & 2) << 7)
}

/** Appends an integrity attribute that is right for what stands before it, whatever that is. */
export function signed(bytes: Buffer, kind: 'sha1' | 'sha256', key: Buffer): Buffer {
  const length = MAC_LENGTH[kind]
  const longer = Buffer.concat([bytes, Buffer.alloc(4 + length)])
  longer.writeUInt16BE((longer.length - 20) & 0xffff, 2)
  longer.writeUInt16BE(kind === 'sha1' ? 0x0008 : 0x001c, bytes.length)
  longer.writeUInt16BE(length, bytes.length + 2)
  if (longer.length <= 65_535) messageMac(kind, key, longer, bytes.length).copy(longer, bytes.length + 4)
  return longer
}

export function fingerprinted(bytes: Buffer): Buffer {
  const longer = Buffer.concat([bytes, Buffer.alloc(8)])
  longer.writeUInt16BE((longer.length - 20) & 0xffff, 2)
  longer.writeUInt32BE(0x80280004, bytes.length)
  longer.writeUInt32BE(fingerprintOf(longer, bytes.length), bytes.length + 4)
  return longer
}

function fresh(type: number, roll: Dice): Tlv {
  const value = Buffer.alloc(oneOf(roll, LENGTHS))
  for (let i = 0; i < Math.min(value.length, 40); i++) value[i] = roll() < 0.5 ? 0 : upTo(roll, 256)
  return padded(type, value)
}

function sized(one: Tlv, length: number): Tlv {
  const value = Buffer.alloc(length)
  one.octets.copy(value)
  return padded(one.type, value)
}

function padded(type: number, value: Buffer): Tlv {
  return {
    type,
    length: value.length & 0xffff,
    octets: Buffer.concat([value, Buffer.alloc(-value.length & 3)]),
  }
}
