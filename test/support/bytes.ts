import { type Malformed, type Message, parse } from '../../src/wire/message.ts'

/** Octets from hex digits; spaces are for the reader. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

export const TRANSACTION = hex('0102030405060708090a0b0c')

/** One attribute as it stands in a message, padded with `padding`. */
export function tlv(type: number, value: Buffer | string, padding = 0): Buffer {
  const octets = typeof value === 'string' ? hex(value) : value
  const bytes = Buffer.alloc(4 + Math.ceil(octets.length / 4) * 4, padding)
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(octets.length, 2)
  octets.copy(bytes, 4)
  return bytes
}

/** A message of these attributes, with a correct header; `type` is the whole 16-bit message type. */
export function bare(type: number, ...attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes)
  const header = Buffer.alloc(8)
  header.writeUInt16BE(type, 0)
  header.writeUInt16BE(body.length, 2)
  header.writeUInt32BE(0x2112a442, 4)
  return Buffer.concat([header, TRANSACTION, body])
}

/** Parses what must be a message. */
export function message(bytes: Buffer): Message {
  const parsed = parse(bytes)
  if (parsed.kind !== 'message') throw new Error(`malformed: ${parsed.why}`)
  return parsed
}

/** Parses what must not be a message, and tells why it is none. */
export function why(bytes: Buffer, options?: { classic?: boolean }): Malformed['why'] {
  const parsed = parse(bytes, options)
  if (parsed.kind !== 'malformed') throw new Error('this is a message')
  return parsed.why
}
