import { isUtf8 } from 'node:buffer'
import type { Address } from '../base/address.ts'
import type { Via } from '../base/via.ts'
import type { Attribute } from '../wire/attribute.ts'
import * as wire from '../wire/attributes.ts'
import { CHANNEL_HEADER, demultiplex } from '../wire/channel.ts'
import { fingerprintOf } from '../wire/fingerprint.ts'
import { ATTRIBUTE_HEADER, HEADER_LENGTH, MAGIC_COOKIE, padded } from '../wire/header.ts'
import { parse } from '../wire/message.ts'
import { readNonceCookie } from '../wire/nonce-cookie.ts'
import type { Masks } from './masks.ts'

/**
 * A datagram as a recording keeps it: as long as it was, as valid as it was,
 * and without payload, names, addresses and secrets.
 */
export function maskDatagram(bytes: Buffer, via: Via, masks: Masks): Buffer {
  const masked = Buffer.alloc(bytes.length)
  if (via === 'relay' || bytes.length === 0) return masked
  const kind = demultiplex(bytes[0]!)
  if (kind === 'channel') bytes.copy(masked, 0, 0, CHANNEL_HEADER)
  else if (kind === 'stun') maskMessage(bytes, masked, masks)
  else masked[0] = bytes[0]!
  return masked
}

/** The nonce's cookie, which says what was offered; behind it stand dots. */
export function maskNonce(nonce: string): string {
  const cookie = readNonceCookie(nonce) === undefined ? '' : nonce.slice(0, COOKIE)
  return cookie.padEnd(Buffer.byteLength(nonce), '.')
}

/** Octets of the nonce's cookie (RFC 8489 §9.2). */
const COOKIE = 13

function maskMessage(bytes: Buffer, masked: Buffer, masks: Masks): void {
  const parsed = parse(bytes, { classic: true })
  const { why } = parsed.kind === 'malformed' ? parsed : { why: undefined }
  if (why !== undefined && !IN_ATTRIBUTES.has(why)) {
    // Something else, perhaps: nothing is kept but what it was dropped for.
    bytes.copy(masked, 0, 0, 4)
    if (bytes.length >= 8 && bytes.readUInt32BE(4) === MAGIC_COOKIE) masked.writeUInt32BE(MAGIC_COOKIE, 4)
    return
  }
  bytes.copy(masked, 0, 0, HEADER_LENGTH)
  const transaction = bytes.subarray(bytes.readUInt32BE(4) === MAGIC_COOKIE ? 8 : 4, HEADER_LENGTH)
  for (let offset = HEADER_LENGTH; offset < bytes.length; ) {
    bytes.copy(masked, offset, offset, offset + ATTRIBUTE_HEADER)
    const type = bytes.readUInt16BE(offset)
    const start = offset + ATTRIBUTE_HEADER
    const end = start + bytes.readUInt16BE(offset + 2)
    if (end > bytes.length) return
    const value = bytes.subarray(start, end)
    if (type === wire.FINGERPRINT.type) {
      const isRight = value.length === 4 && value.readUInt32BE(0) === fingerprintOf(bytes, offset)
      const crc = fingerprintOf(masked, offset)
      if (value.length === 4) masked.writeUInt32BE(isRight ? crc : ~crc >>> 0, start)
    } else maskValue(type, value, transaction, masks).copy(masked, start)
    offset = start + padded(value.length)
  }
}

/** What is wrong with a message only behind its header. */
const IN_ATTRIBUTES: ReadonlySet<string> = new Set([
  'bad-attribute',
  'too-many-attributes',
  'bad-fingerprint',
])

function maskValue(type: number, value: Buffer, transaction: Buffer, masks: Masks): Buffer {
  const known = wire.ATTRIBUTES.get(type)
  const zeros = Buffer.alloc(value.length)
  if (!known) return zeros
  if (!known.valid(value)) return known.valid(zeros) ? zeros.fill(0xff) : zeros
  if (KEPT.has(known)) return value
  const address = ADDRESSES.find(one => one.type === type)
  if (address) return address.write(maskAddress(address.read(value, transaction), value, masks), transaction)
  if (type === wire.NONCE.type) return Buffer.from(maskNonce(value.toString('utf8')))
  // As latin1 where it is not UTF-8, which SOFTWARE need not be: the length must stay.
  if (NAMES.has(known))
    return Buffer.from(masks.name(value.toString(isUtf8(value) ? 'utf8' : 'latin1'))).subarray(
      0,
      value.length,
    )
  if (TOKENS.has(known)) return masks.token(value)
  return zeros
}

/** An IPv4 address that was written as IPv6 stays that long. */
function maskAddress({ ip, port, family, key }: Address, value: Buffer, masks: Masks): Address {
  const mask = masks.ip(ip)
  if (family === 6 || value.length === 8) return { family, ip: mask, port, key }
  const mapped = new Uint8Array(16)
  mapped.set([0xff, 0xff], 10)
  mapped.set(mask, 12)
  return { family: 6, ip: mapped, port, key }
}

const ADDRESSES: readonly Attribute<Address>[] = [
  wire.MAPPED_ADDRESS,
  wire.XOR_MAPPED_ADDRESS,
  wire.XOR_PEER_ADDRESS,
  wire.XOR_RELAYED_ADDRESS,
  wire.ALTERNATE_SERVER,
  wire.OTHER_ADDRESS,
  wire.RESPONSE_ORIGIN,
  wire.RESPONSE_ADDRESS,
  wire.SOURCE_ADDRESS,
  wire.CHANGED_ADDRESS,
  wire.REFLECTED_FROM,
]
const NAMES: ReadonlySet<unknown> = new Set([wire.USERNAME, wire.REALM, wire.SOFTWARE, wire.ALTERNATE_DOMAIN])
const TOKENS: ReadonlySet<unknown> = new Set([wire.RESERVATION_TOKEN, wire.USERHASH])

/** Numbers that decide something and name nobody. All that stands in none of these lists becomes zeros. */
const KEPT: ReadonlySet<unknown> = new Set([
  wire.UNKNOWN_ATTRIBUTES,
  wire.CHANNEL_NUMBER,
  wire.LIFETIME,
  wire.REQUESTED_ADDRESS_FAMILY,
  wire.EVEN_PORT,
  wire.REQUESTED_TRANSPORT,
  wire.DONT_FRAGMENT,
  wire.PASSWORD_ALGORITHM,
  wire.PASSWORD_ALGORITHMS,
  wire.PRIORITY,
  wire.USE_CANDIDATE,
  wire.RESPONSE_PORT,
  wire.ADDITIONAL_ADDRESS_FAMILY,
  wire.DRAFT_ADDITIONAL_ADDRESS_FAMILY,
  wire.CHANGE_REQUEST,
])
