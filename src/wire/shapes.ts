import { isUtf8 } from 'node:buffer'
import type { Attribute } from './attribute.ts'
import { zeros } from './zeros.ts'

/** Octets that a text may have when it arrives: 127 characters as RFC 5389 understood UTF-8 (RFC 8489 §14.3). */
export const MAX_TEXT = 763

const NOTHING = Buffer.alloc(0)

/** Opaque octets, of one length where the RFC fixes it. */
export function octets(type: number, name: string, length?: number): Attribute<Buffer> {
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
export function text(type: number, name: string, max = MAX_TEXT): Attribute<string> {
  return {
    type,
    name,
    valid: value => value.length <= max && isUtf8(value),
    read: value => value.toString('utf8'),
    write: value => textOctets(value, name, max),
  }
}

/** UTF-8 for people only: what is not UTF-8 in it becomes U+FFFD. */
export function diagnostic(type: number, name: string): Attribute<string> {
  return { ...text(type, name), valid: value => value.length <= MAX_TEXT }
}

/** An attribute that says all by being there. */
export function flag(type: number, name: string): Attribute<true> {
  return {
    type,
    name,
    valid: value => value.length === 0,
    read: () => true,
    write: () => NOTHING,
  }
}

/** An unsigned 32-bit number. */
export function u32<T extends number = number>(type: number, name: string): Attribute<T> {
  return {
    type,
    name,
    valid: value => value.length === 4,
    read: value => value.readUInt32BE(0) as T,
    write: value => {
      const octets = zeros(4)
      octets.writeUInt32BE(value)
      return octets
    },
  }
}

/**
 * A 16-bit number, then two octets reserved for future use (RFC 8656 §18.1).
 * With `short`, these may be missing: where an RFC calls them padding, some
 * take them for the attribute's padding and do not count them.
 */
export function leadingU16(type: number, name: string, short = false): Attribute<number> {
  return {
    type,
    name,
    valid: value => value.length === 4 || (short && value.length === 2),
    read: value => value.readUInt16BE(0),
    write: value => {
      const octets = zeros(4)
      octets.writeUInt16BE(value)
      return octets
    },
  }
}

/** An octet, then three reserved ones (RFC 8656 §18.6, §18.8). */
export function leadingU8(type: number, name: string): Attribute<number> {
  return {
    type,
    name,
    valid: value => value.length === 4,
    read: value => value[0]!,
    write: value => {
      const octets = zeros(4)
      octets.writeUInt8(value)
      return octets
    },
  }
}

/** One octet of which only the highest bit means something (RFC 8656 §18.7). */
export function leadingBit(type: number, name: string): Attribute<boolean> {
  return {
    type,
    name,
    valid: value => value.length === 1,
    read: value => (value[0]! & 0x80) !== 0,
    write: value => Buffer.of(value ? 0x80 : 0),
  }
}

/** RFC 8489 §14.13: two octets a type, and no doubling of the last one as RFC 3489 had it. */
export function typeList(type: number, name: string): Attribute<readonly number[]> {
  return {
    type,
    name,
    valid: value => value.length % 2 === 0,
    read: value => Array.from({ length: value.length / 2 }, (_, i) => value.readUInt16BE(i * 2)),
    write: types => {
      const octets = zeros(types.length * 2)
      for (const [i, each] of types.entries()) octets.writeUInt16BE(each, i * 2)
      return octets
    },
  }
}

/** Encodes a text; throws RangeError when it is longer than `max` octets. */
export function textOctets(value: string, name: string, max: number): Buffer {
  const octets = Buffer.from(value, 'utf8')
  return checked(octets.length <= max, name, octets)
}

/** Returns `octets` if they fit; throws RangeError if not. */
export function checked(fits: boolean, name: string, octets: Buffer): Buffer {
  if (!fits) throw new RangeError(`${name} cannot hold this value`)
  return octets
}
