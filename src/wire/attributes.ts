import { isUtf8 } from 'node:buffer'
import { type Address, address } from '../base/address.ts'
import type { Seconds } from '../base/time.ts'
import { MAGIC_COOKIE, padded } from './header.ts'

/** How one attribute is laid out on the wire. */
export interface Attribute<T> {
  readonly type: number
  readonly name: string
  /** Tells whether `read` may be given this value. */
  valid(value: Buffer): boolean
  /** Reads a valid value. What it returns may be a view into `value` only where T is Buffer. */
  read(value: Buffer, transaction: Buffer): T
  /** Writes the value without padding; throws RangeError for what the attribute cannot hold. */
  write(value: T, transaction: Buffer): Buffer
}

/** An algorithm to derive the long-term key, with its parameters (RFC 8489 §14.11). */
export interface Algorithm {
  readonly algorithm: number
  readonly parameters: Buffer
}

/** Octets that a text may have when it arrives: 127 characters as RFC 5389 understood UTF-8 (RFC 8489 §14.3). */
const MAX_TEXT = 763

// Comprehension-required.
export const MAPPED_ADDRESS = plainAddress(0x0001, 'MAPPED-ADDRESS')
export const USERNAME = text(0x0006, 'USERNAME')
export const MESSAGE_INTEGRITY = octets(0x0008, 'MESSAGE-INTEGRITY', 20)
export const ERROR_CODE = errorCode(0x0009, 'ERROR-CODE')
export const UNKNOWN_ATTRIBUTES = typeList(0x000a, 'UNKNOWN-ATTRIBUTES')
export const CHANNEL_NUMBER = leadingU16(0x000c, 'CHANNEL-NUMBER')
export const LIFETIME = u32<Seconds>(0x000d, 'LIFETIME')
export const XOR_PEER_ADDRESS = xorAddress(0x0012, 'XOR-PEER-ADDRESS')
export const DATA = octets(0x0013, 'DATA')
export const REALM = text(0x0014, 'REALM')
export const NONCE = text(0x0015, 'NONCE')
export const XOR_RELAYED_ADDRESS = xorAddress(0x0016, 'XOR-RELAYED-ADDRESS')
export const REQUESTED_ADDRESS_FAMILY = leadingU8(0x0017, 'REQUESTED-ADDRESS-FAMILY')
export const EVEN_PORT = leadingBit(0x0018, 'EVEN-PORT')
export const REQUESTED_TRANSPORT = leadingU8(0x0019, 'REQUESTED-TRANSPORT')
export const DONT_FRAGMENT = flag(0x001a, 'DONT-FRAGMENT')
export const ACCESS_TOKEN = octets(0x001b, 'ACCESS-TOKEN')
export const MESSAGE_INTEGRITY_SHA256 = octets(0x001c, 'MESSAGE-INTEGRITY-SHA256', 32)
export const PASSWORD_ALGORITHM = algorithm(0x001d, 'PASSWORD-ALGORITHM')
export const USERHASH = octets(0x001e, 'USERHASH', 32)
export const XOR_MAPPED_ADDRESS = xorAddress(0x0020, 'XOR-MAPPED-ADDRESS')
export const RESERVATION_TOKEN = octets(0x0022, 'RESERVATION-TOKEN', 8)
export const PRIORITY = u32(0x0024, 'PRIORITY')
export const USE_CANDIDATE = flag(0x0025, 'USE-CANDIDATE')
export const PADDING = octets(0x0026, 'PADDING')
export const RESPONSE_PORT = leadingU16(0x0027, 'RESPONSE-PORT')
export const CONNECTION_ID = u32(0x002a, 'CONNECTION-ID')

// Comprehension-optional.
export const ADDITIONAL_ADDRESS_FAMILY = leadingU8(0x8000, 'ADDITIONAL-ADDRESS-FAMILY')
export const ADDRESS_ERROR_CODE = addressErrorCode(0x8001, 'ADDRESS-ERROR-CODE')
export const PASSWORD_ALGORITHMS = algorithms(0x8002, 'PASSWORD-ALGORITHMS')
export const ALTERNATE_DOMAIN = text(0x8003, 'ALTERNATE-DOMAIN', 255)
export const ICMP = icmp(0x8004, 'ICMP')
export const SOFTWARE = diagnostic(0x8022, 'SOFTWARE')
export const ALTERNATE_SERVER = plainAddress(0x8023, 'ALTERNATE-SERVER')
export const FINGERPRINT = u32(0x8028, 'FINGERPRINT')
export const ICE_CONTROLLED = octets(0x8029, 'ICE-CONTROLLED', 8)
export const ICE_CONTROLLING = octets(0x802a, 'ICE-CONTROLLING', 8)
export const RESPONSE_ORIGIN = plainAddress(0x802b, 'RESPONSE-ORIGIN')
export const OTHER_ADDRESS = plainAddress(0x802c, 'OTHER-ADDRESS')
export const THIRD_PARTY_AUTHORIZATION = text(0x802e, 'THIRD-PARTY-AUTHORIZATION')
export const MOBILITY_TICKET = octets(0x8030, 'MOBILITY-TICKET')

// RFC 3489 only; CHANGE-REQUEST lives on in RFC 5780.
export const RESPONSE_ADDRESS = plainAddress(0x0002, 'RESPONSE-ADDRESS')
export const CHANGE_REQUEST = u32(0x0003, 'CHANGE-REQUEST')
export const SOURCE_ADDRESS = plainAddress(0x0004, 'SOURCE-ADDRESS')
export const CHANGED_ADDRESS = plainAddress(0x0005, 'CHANGED-ADDRESS')
export const PASSWORD = text(0x0007, 'PASSWORD')
export const REFLECTED_FROM = plainAddress(0x000b, 'REFLECTED-FROM')

/** Every attribute of RFC 8489, 8656, 8445, 6062, 8016, 5780, 7635 and 3489, by type. */
export const ATTRIBUTES: ReadonlyMap<number, Attribute<unknown>> = new Map(
  [
    ...[MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES, CHANNEL_NUMBER],
    ...[LIFETIME, XOR_PEER_ADDRESS, DATA, REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY],
    ...[EVEN_PORT, REQUESTED_TRANSPORT, DONT_FRAGMENT, ACCESS_TOKEN, MESSAGE_INTEGRITY_SHA256],
    ...[PASSWORD_ALGORITHM, USERHASH, XOR_MAPPED_ADDRESS, RESERVATION_TOKEN, PRIORITY, USE_CANDIDATE],
    ...[PADDING, RESPONSE_PORT, CONNECTION_ID, ADDITIONAL_ADDRESS_FAMILY, ADDRESS_ERROR_CODE],
    ...[PASSWORD_ALGORITHMS, ALTERNATE_DOMAIN, ICMP, SOFTWARE, ALTERNATE_SERVER, FINGERPRINT],
    ...[ICE_CONTROLLED, ICE_CONTROLLING, RESPONSE_ORIGIN, OTHER_ADDRESS, THIRD_PARTY_AUTHORIZATION],
    ...[MOBILITY_TICKET, RESPONSE_ADDRESS, CHANGE_REQUEST, SOURCE_ADDRESS, CHANGED_ADDRESS, PASSWORD],
    ...[REFLECTED_FROM],
  ].map((attribute: Attribute<unknown>) => [attribute.type, attribute]),
)

/** Opaque octets, of one length where the RFC fixes it. */
function octets(type: number, name: string, length?: number): Attribute<Buffer> {
  const fits = (value: Buffer) => length === undefined || value.length === length
  return {
    type,
    name,
    valid: fits,
    read: value => value,
    write: value => checked(fits(value), name, value),
  }
}

/** UTF-8 that decides something, so it must be UTF-8. */
function text(type: number, name: string, max = MAX_TEXT): Attribute<string> {
  return {
    type,
    name,
    valid: value => value.length <= max && isUtf8(value),
    read: value => value.toString('utf8'),
    write: value => textOctets(value, name, max),
  }
}

/** UTF-8 for people only: what is not UTF-8 in it becomes U+FFFD. */
function diagnostic(type: number, name: string): Attribute<string> {
  return { ...text(type, name), valid: value => value.length <= MAX_TEXT }
}

function flag(type: number, name: string): Attribute<true> {
  return {
    type,
    name,
    valid: value => value.length === 0,
    read: () => true,
    write: () => Buffer.alloc(0),
  }
}

function u32<T extends number = number>(type: number, name: string): Attribute<T> {
  return {
    type,
    name,
    valid: value => value.length === 4,
    read: value => value.readUInt32BE(0) as T,
    write: value => {
      const octets = Buffer.alloc(4)
      octets.writeUInt32BE(value)
      return octets
    },
  }
}

/** A 16-bit number, then two octets reserved for future use (RFC 8656 §18.1). */
function leadingU16(type: number, name: string): Attribute<number> {
  return {
    type,
    name,
    valid: value => value.length === 4,
    read: value => value.readUInt16BE(0),
    write: value => {
      const octets = Buffer.alloc(4)
      octets.writeUInt16BE(value)
      return octets
    },
  }
}

/** An octet, then three reserved ones (RFC 8656 §18.6, §18.8). */
function leadingU8(type: number, name: string): Attribute<number> {
  return {
    type,
    name,
    valid: value => value.length === 4,
    read: value => value[0]!,
    write: value => {
      const octets = Buffer.alloc(4)
      octets.writeUInt8(value)
      return octets
    },
  }
}

/** One octet of which only the highest bit means something (RFC 8656 §18.7). */
function leadingBit(type: number, name: string): Attribute<boolean> {
  return {
    type,
    name,
    valid: value => value.length === 1,
    read: value => (value[0]! & 0x80) !== 0,
    write: value => Buffer.of(value ? 0x80 : 0),
  }
}

/** RFC 8489 §14.13: two octets a type, and no doubling of the last one as RFC 3489 had it. */
function typeList(type: number, name: string): Attribute<number[]> {
  return {
    type,
    name,
    valid: value => value.length % 2 === 0,
    read: value => Array.from({ length: value.length / 2 }, (_, i) => value.readUInt16BE(i * 2)),
    write: types => {
      const octets = Buffer.alloc(types.length * 2)
      for (const [i, each] of types.entries()) octets.writeUInt16BE(each, i * 2)
      return octets
    },
  }
}

/** RFC 8489 §14.1. */
function plainAddress(type: number, name: string): Attribute<Address> {
  return {
    type,
    name,
    valid: isAddress,
    read: value => address(Uint8Array.from(value.subarray(4)), value.readUInt16BE(2)),
    write: value => addressOctets(value),
  }
}

/** RFC 8489 §14.2. */
function xorAddress(type: number, name: string): Attribute<Address> {
  return {
    type,
    name,
    valid: isAddress,
    read: (value, transaction) => {
      const ip = Uint8Array.from(value.subarray(4))
      mask(ip, 0, transaction)
      return address(ip, value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16))
    },
    write: (value, transaction) => {
      const octets = addressOctets(value)
      octets.writeUInt16BE(value.port ^ (MAGIC_COOKIE >>> 16), 2)
      mask(octets, 4, transaction)
      return octets
    },
  }
}

/** The first octet is ignored; the family must agree with the length. */
function isAddress(value: Buffer): boolean {
  return (value.length === 8 && value[1] === 1) || (value.length === 20 && value[1] === 2)
}

function addressOctets(value: Address): Buffer {
  const octets = Buffer.alloc(4 + value.ip.length)
  octets[1] = value.family === 4 ? 1 : 2
  octets.writeUInt16BE(value.port, 2)
  octets.set(value.ip, 4)
  return octets
}

/** XORs an IP address that fills the rest of `octets` with the magic cookie and the last 96 bits of the transaction. */
function mask(octets: Uint8Array, start: number, transaction: Buffer): void {
  for (let i = start; i < octets.length; i++) {
    const at = i - start
    const by = at < 4 ? MAGIC_COOKIE >>> (24 - at * 8) : transaction[transaction.length - 16 + at]!
    octets[i] = octets[i]! ^ by
  }
}

/** RFC 8489 §14.8. */
function errorCode(type: number, name: string): Attribute<{ code: number; reason: string }> {
  return {
    type,
    name,
    valid: isErrorCode,
    read: readErrorCode,
    write: ({ code, reason }) => errorCodeOctets(0, code, reason, name),
  }
}

/** RFC 8656 §18.12. */
function addressErrorCode(
  type: number,
  name: string,
): Attribute<{ family: number; code: number; reason: string }> {
  return {
    type,
    name,
    valid: isErrorCode,
    read: value => ({ family: value[0]!, ...readErrorCode(value) }),
    write: ({ family, code, reason }) => errorCodeOctets(family, code, reason, name),
  }
}

/** The bits between family and class are reserved and ignored. */
function isErrorCode(value: Buffer): boolean {
  if (value.length < 4 || value.length > 4 + MAX_TEXT) return false
  const hundreds = value[2]! & 7
  return hundreds >= 3 && hundreds <= 6 && value[3]! <= 99
}

function readErrorCode(value: Buffer): { code: number; reason: string } {
  return { code: (value[2]! & 7) * 100 + value[3]!, reason: value.toString('utf8', 4) }
}

function errorCodeOctets(family: number, code: number, reason: string, name: string): Buffer {
  const phrase = textOctets(reason, name, MAX_TEXT)
  const octets = Buffer.alloc(4 + phrase.length)
  octets.writeUInt8(family, 0)
  octets[2] = Math.floor(code / 100)
  octets[3] = code % 100
  octets.set(phrase, 4)
  return checked(code >= 300 && code <= 699, name, octets)
}

/** RFC 8489 §14.12: exactly one algorithm. */
function algorithm(type: number, name: string): Attribute<Algorithm> {
  return {
    type,
    name,
    valid: value => readAlgorithms(value)?.length === 1,
    read: value => readAlgorithms(value)![0]!,
    write: value => algorithmOctets([value]),
  }
}

/** RFC 8489 §14.11. */
function algorithms(type: number, name: string): Attribute<readonly Algorithm[]> {
  return {
    type,
    name,
    valid: value => readAlgorithms(value) !== undefined,
    read: value => readAlgorithms(value)!,
    write: algorithmOctets,
  }
}

function readAlgorithms(value: Buffer): Algorithm[] | undefined {
  const list: Algorithm[] = []
  let at = 0
  while (at < value.length) {
    if (value.length - at < 4) return undefined
    const end = at + 4 + value.readUInt16BE(at + 2)
    if (end > value.length) return undefined
    list.push({ algorithm: value.readUInt16BE(at), parameters: value.subarray(at + 4, end) })
    // The padding behind the last parameters may be the attribute's own.
    at = padded(end)
  }
  return list
}

function algorithmOctets(list: readonly Algorithm[]): Buffer {
  const octets = Buffer.alloc(list.reduce((sum, { parameters }) => sum + 4 + padded(parameters.length), 0))
  let at = 0
  for (const { algorithm, parameters } of list) {
    octets.writeUInt16BE(algorithm, at)
    octets.writeUInt16BE(parameters.length, at + 2)
    octets.set(parameters, at + 4)
    at += 4 + padded(parameters.length)
  }
  return octets
}

/** RFC 8656 §18.13. */
function icmp(type: number, name: string): Attribute<{ type: number; code: number; data: number }> {
  return {
    type,
    name,
    valid: value => value.length === 8,
    read: value => ({ type: value[2]!, code: value[3]!, data: value.readUInt32BE(4) }),
    write: value => {
      const octets = Buffer.alloc(8)
      octets.writeUInt8(value.type, 2)
      octets.writeUInt8(value.code, 3)
      octets.writeUInt32BE(value.data, 4)
      return octets
    },
  }
}

function textOctets(value: string, name: string, max: number): Buffer {
  const octets = Buffer.from(value, 'utf8')
  return checked(octets.length <= max, name, octets)
}

function checked(fits: boolean, name: string, octets: Buffer): Buffer {
  if (!fits) throw new RangeError(`${name} cannot hold this value`)
  return octets
}
