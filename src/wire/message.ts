import { failed, type Result, succeeded } from '../base/result.ts'
import {
  ATTRIBUTES,
  type Attribute,
  FINGERPRINT,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
} from './attributes.ts'
import { fingerprintOf } from './fingerprint.ts'
import { ATTRIBUTE_HEADER, HEADER_LENGTH, MAGIC_COOKIE, MAX_BODY, padded } from './header.ts'
import { type IntegrityKind, MAC_LENGTH, messageMac } from './hmac.ts'
import { zeros } from './zeros.ts'

/** What a message is for (RFC 8489 §5). */
export type Class = 'request' | 'indication' | 'success' | 'error'

/** The registered methods (RFC 8489 §18.2, RFC 8656 §17, RFC 6062 §6.1). */
export const Method = {
  Binding: 0x001,
  Allocate: 0x003,
  Refresh: 0x004,
  Send: 0x006,
  Data: 0x007,
  CreatePermission: 0x008,
  ChannelBind: 0x009,
  Connect: 0x00a,
  ConnectionBind: 0x00b,
  ConnectionAttempt: 0x00c,
} as const

/** An attribute as received. */
export interface RawAttribute {
  readonly type: number
  /** Without padding; a view into the message. */
  readonly value: Buffer
  /** Offset of the attribute's header in the message; integrity covers what lies before it. */
  readonly offset: number
}

/** A STUN message as received (RFC 8489 §5). Every Buffer is a view into `bytes`. */
export interface Message {
  readonly kind: 'message'
  readonly class: Class
  /** 12 bits, also unregistered ones. */
  readonly method: number
  /** 12 octets; 16 when classic. */
  readonly transaction: Buffer
  /** RFC 3489: without the magic cookie. */
  readonly classic: boolean
  /**
   * The well-formed attributes that count: behind MESSAGE-INTEGRITY only
   * MESSAGE-INTEGRITY-SHA256 and FINGERPRINT do, behind the former only the
   * latter (RFC 8489 §9). Unknown types are here as well.
   */
  readonly attributes: readonly RawAttribute[]
  /** Types of known attributes whose value is malformed; `get` skips them. */
  readonly malformed: readonly number[]
  /** A correct FINGERPRINT was there. */
  readonly fingerprint: boolean
  readonly bytes: Buffer
}

/** What cannot be read as a STUN message, and why. */
export interface Malformed {
  readonly kind: 'malformed'
  readonly why:
    | 'truncated'
    | 'not-stun'
    | 'bad-length'
    | 'bad-attribute'
    | 'too-many-attributes'
    | 'bad-fingerprint'
    | 'bad-type'
}

/**
 * A bound on what one datagram can cost. A CreatePermission names a peer in
 * each attribute, and as many as an allocation may have permissions.
 */
export const MAX_ATTRIBUTES = 512

const CLASSES: readonly Class[] = ['request', 'indication', 'success', 'error']

/** How a message is read. */
export interface ParseOptions {
  /** Takes a message without the magic cookie as RFC 3489's. */
  readonly classic?: boolean
  /** The most attributes that are read; `MAX_ATTRIBUTES` unless said otherwise. */
  readonly most?: number
  /** Reads attributes of these types and integrity; others are passed over, and do not count. */
  readonly only?: ReadonlySet<number>
}

/**
 * Parses a datagram or a frame of a stream, which must be one message exactly
 * (RFC 8489 §6.3). Once this returns a Message, no accessor below can fail.
 */
export function parse(bytes: Buffer, options?: ParseOptions): Message | Malformed {
  if (bytes.length > 0 && bytes[0]! > 0x3f) return malformed('not-stun')
  if (bytes.length < HEADER_LENGTH) return malformed('truncated')
  const classic = bytes.readUInt32BE(4) !== MAGIC_COOKIE
  if (classic && options?.classic !== true) return malformed('not-stun')

  const type = bytes.readUInt16BE(0)
  const method = (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2)
  // Reserved; 0x002 was SharedSecret (RFC 8489 §18.2).
  if (method === 0x000 || method === 0x002) return malformed('bad-type')

  const length = bytes.readUInt16BE(2)
  if (length % 4 !== 0 || length !== bytes.length - HEADER_LENGTH) return malformed('bad-length')

  const attributes: RawAttribute[] = []
  const broken: number[] = []
  const fingerprint = walk(bytes, attributes, broken, options)
  if (!fingerprint.ok) return fingerprint.error
  return {
    kind: 'message',
    class: CLASSES[((type >> 4) & 1) | ((type >> 7) & 2)]!,
    method,
    transaction: bytes.subarray(classic ? 4 : 8, HEADER_LENGTH),
    classic,
    attributes,
    malformed: broken,
    fingerprint: fingerprint.value,
    bytes,
  }
}

/** Reads the first occurrence of an attribute; `undefined` when there is none that is well-formed. */
export function get<T>(message: Message, attribute: Attribute<T>): T | undefined {
  for (const { type, value } of message.attributes) {
    if (type === attribute.type) return attribute.read(value, message.transaction)
  }
  return undefined
}

/** Reads every well-formed occurrence of an attribute, in order. */
export function all<T>(message: Message, attribute: Attribute<T>): T[] {
  const values: T[] = []
  for (const { type, value } of message.attributes) {
    if (type === attribute.type) values.push(attribute.read(value, message.transaction))
  }
  return values
}

/** Tells whether a well-formed occurrence of an attribute is there. */
export function has(message: Message, attribute: Attribute<unknown>): boolean {
  return message.attributes.some(({ type }) => type === attribute.type)
}

/** What has been written so far; nothing may be written that belongs before it. */
const Stage = { attributes: 0, sha1: 1, sha256: 2, fingerprint: 3, finished: 4 } as const

/**
 * Writes one message, attributes in the order given. Throws RangeError or
 * Error only for what a caller must not do: values an attribute cannot hold,
 * more than fits a message, attributes behind the integrity that covers them.
 */
export class MessageWriter {
  /** Zero from `#end` on, which is what padding is made of. */
  #bytes = zeros(256)
  #end = HEADER_LENGTH
  #stage: number = Stage.attributes
  readonly #transaction: Buffer

  /** A transaction of 16 octets writes an RFC 3489 header. */
  constructor(klass: Class, method: number, transaction: Buffer) {
    const classBits = CLASSES.indexOf(klass)
    if (transaction.length !== 12 && transaction.length !== 16) throw new RangeError('transaction length')
    if (!Number.isInteger(method) || method < 0 || method > 0xfff) throw new RangeError('method')
    const methodBits = (method & 0x00f) | ((method & 0x070) << 1) | ((method & 0xf80) << 2)
    this.#bytes.writeUInt16BE(methodBits | ((classBits & 1) << 4) | ((classBits & 2) << 7), 0)
    if (transaction.length === 12) this.#bytes.writeUInt32BE(MAGIC_COOKIE, 4)
    transaction.copy(this.#bytes, HEADER_LENGTH - transaction.length)
    this.#transaction = transaction
  }

  /** Appends an attribute; throws after `sign` and `fingerprint`, which cover what stands before them. */
  set<T>(attribute: Attribute<T>, value: T): this {
    this.#enter(Stage.attributes)
    return this.#append(attribute.type, attribute.write(value, this.#transaction))
  }

  /** Appends MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.5, §14.6); both in this order, if need be. */
  sign(kind: IntegrityKind, key: Buffer): this {
    this.#enter(Stage[kind])
    this.#stage = Stage[kind] + 1
    const type = kind === 'sha1' ? MESSAGE_INTEGRITY.type : MESSAGE_INTEGRITY_SHA256.type
    this.#reserve(MAC_LENGTH[kind])
    return this.#append(type, messageMac(kind, key, this.#bytes, this.#end))
  }

  /** Appends FINGERPRINT (RFC 8489 §14.7). */
  fingerprint(): this {
    this.#enter(Stage.fingerprint)
    this.#stage = Stage.finished
    this.#reserve(4)
    this.#writeLength(this.#end + ATTRIBUTE_HEADER + 4)
    const crc = fingerprintOf(this.#bytes, this.#end)
    return this.#append(FINGERPRINT.type, FINGERPRINT.write(crc, this.#transaction))
  }

  /** Completes the message. The writer is used up. */
  finish(): Buffer {
    this.#stage = Stage.finished
    this.#writeLength(this.#end)
    return this.#bytes.subarray(0, this.#end)
  }

  #enter(stage: number): void {
    if (stage < this.#stage || this.#stage === Stage.finished) throw new Error('attributes out of order')
  }

  #append(type: number, value: Buffer): this {
    this.#reserve(value.length)
    this.#bytes.writeUInt16BE(type, this.#end)
    this.#bytes.writeUInt16BE(value.length, this.#end + 2)
    value.copy(this.#bytes, this.#end + ATTRIBUTE_HEADER)
    this.#end += ATTRIBUTE_HEADER + padded(value.length)
    return this
  }

  /** Makes room for an attribute with a value of `length`. */
  #reserve(length: number): void {
    const end = this.#end + ATTRIBUTE_HEADER + padded(length)
    if (end - HEADER_LENGTH > MAX_BODY) throw new RangeError('message too long')
    if (end <= this.#bytes.length) return
    const wider = zeros(Math.max(end, this.#bytes.length * 2))
    this.#bytes.copy(wider, 0, 0, this.#end)
    this.#bytes = wider
  }

  #writeLength(end: number): void {
    this.#bytes.writeUInt16BE(end - HEADER_LENGTH, 2)
  }
}

/** What stands behind all others, by types. */
const PROOFS: ReadonlySet<number> = new Set([
  MESSAGE_INTEGRITY.type,
  MESSAGE_INTEGRITY_SHA256.type,
  FINGERPRINT.type,
])

/**
 * Walks the attributes of a message whose header is sound and sorts those that
 * count into the two lists. Returns whether there was a correct FINGERPRINT.
 */
function walk(
  bytes: Buffer,
  attributes: RawAttribute[],
  broken: number[],
  { most = MAX_ATTRIBUTES, only }: ParseOptions = {},
): Result<boolean, Malformed> {
  // What has been passed: 0 no integrity, 1 MESSAGE-INTEGRITY, 2 MESSAGE-INTEGRITY-SHA256.
  let covered = 0
  let count = 0
  for (let offset = HEADER_LENGTH; offset < bytes.length; ) {
    // The whole is a multiple of four octets, so there are four here.
    const type = (bytes[offset]! << 8) | bytes[offset + 1]!
    const isRead = !only || only.has(type) || PROOFS.has(type)
    if (isRead && ++count > most) return failed(malformed('too-many-attributes'))
    const length = (bytes[offset + 2]! << 8) | bytes[offset + 3]!
    const start = offset + ATTRIBUTE_HEADER
    const next = start + padded(length)
    if (next > bytes.length) return failed(malformed('bad-attribute'))

    if (type === FINGERPRINT.type) {
      if (next !== bytes.length) return failed(malformed('bad-attribute'))
      if (length !== 4 || bytes.readUInt32BE(start) !== fingerprintOf(bytes, offset)) {
        return failed(malformed('bad-fingerprint'))
      }
      attributes.push({ type, value: bytes.subarray(start, next), offset })
      return succeeded(true)
    }

    if (type === MESSAGE_INTEGRITY.type || type === MESSAGE_INTEGRITY_SHA256.type) {
      // One of another length is as good as none: TURN allows no truncation (RFC 8489 §14.6).
      const order = type === MESSAGE_INTEGRITY.type ? 1 : 2
      if (order > covered && length === MAC_LENGTH[order === 1 ? 'sha1' : 'sha256']) {
        covered = order
        attributes.push({ type, value: bytes.subarray(start, start + length), offset })
      }
    } else if (covered === 0 && isRead) {
      const value = bytes.subarray(start, start + length)
      const known = ATTRIBUTES.get(type)
      if (known && !known.valid(value)) broken.push(type)
      else attributes.push({ type, value, offset })
    }
    offset = next
  }
  return succeeded(false)
}

function malformed(why: Malformed['why']): Malformed {
  return { kind: 'malformed', why }
}
