import { type Address, address } from '../../base/address.ts'
import type { OctetReader } from './octet-reader.ts'
import type { OctetWriter } from './octet-writer.ts'

const BLOCK = 1024
const ZEROS = Buffer.alloc(BLOCK)
/** Bytes of a table that are written or restored in one go. */
export const LARGEST_PIECE = 1 << 17

/** Where values are written to: a snapshot, or a record by itself. */
export interface ShapeWriter extends Pick<OctetWriter, 'u8' | 'u16' | 'u32' | 'f64' | 'octets' | 'text'> {
  /** Octets that nobody may write to a disk in clear. */
  secret(value: Uint8Array): void
}

/** One way of writing a value and of reading it again. */
export interface Shape<T> {
  write(writer: ShapeWriter, value: T): void
  read(reader: OctetReader): T
}

export type Shaped<S> = S extends Shape<infer T> ? T : never

const u8: Shape<number> = { write: (w, value) => w.u8(value), read: r => r.u8() }
const u16: Shape<number> = { write: (w, value) => w.u16(value), read: r => r.u16() }
const u32: Shape<number> = { write: (w, value) => w.u32(value), read: r => r.u32() }
/** Moments, ids of allocations and counts. */
const f64: Shape<number> = { write: (w, value) => w.f64(value), read: r => r.f64() }
const flag: Shape<boolean> = { write: (w, value) => w.u8(value ? 1 : 0), read: r => r.u8() === 1 }
const octetString: Shape<Buffer> = { write: (w, value) => w.octets(value), read: r => r.octets() }
/** Octets of the secret part. */
const secret: Shape<Buffer> = { write: (w, value) => w.secret(value), read: r => r.secret() }
/** A piece of a table, most of which is zero, in the secret part: its length, and the blocks that are not zero. */
const piece: Shape<Uint8Array> = {
  write: (w, value) => {
    w.u32(value.length)
    for (let at = 0; at < value.length; at += BLOCK) {
      const block = value.subarray(at, at + BLOCK)
      if (Buffer.compare(block, ZEROS.subarray(0, block.length)) === 0) continue
      w.u32(at)
      w.secret(block)
    }
    w.u32(value.length)
  },
  read: r => {
    const length = r.u32()
    if (length > LARGEST_PIECE) r.refuse(`a piece of a table of ${length} bytes`)
    const value = new Uint8Array(length)
    for (let at = r.u32(); at !== length; at = r.u32()) {
      const block = r.secret()
      if (at + block.length > length) r.refuse('a block lies outside its piece')
      value.set(block, at)
    }
    return value
  },
}
const text: Shape<string> = {
  write: (w, value) => w.text(value, 'utf8'),
  read: r => r.text('utf8'),
}
/** A text of characters below 256 that are octets. */
const latin1: Shape<string> = {
  write: (w, value) => w.text(value, 'latin1'),
  read: r => r.text('latin1'),
}
const secretLatin1: Shape<string> = {
  write: (w, value) => w.secret(Buffer.from(value, 'latin1')),
  read: r => r.secret().toString('latin1'),
}
const ip: Shape<Uint8Array> = {
  write: (w, value) => w.octets(value),
  read: r => {
    const octets = r.few(16)
    if (octets.length !== 4 && octets.length !== 16) r.refuse('an IP address has 4 or 16 octets')
    return octets
  },
}
const socketAddress: Shape<Address> = {
  write: (w, value) => {
    ip.write(w, value.ip)
    w.u16(value.port)
  },
  read: r => address(ip.read(r), r.u16()),
}

/** Single values. */
export const SHAPES = {
  u8,
  u16,
  u32,
  f64,
  flag,
  octetString,
  secret,
  piece,
  text,
  latin1,
  secretLatin1,
  ip,
  socketAddress,
}

/** One of a few values, by its place in the list. */
export function oneOf<T>(values: readonly T[]): Shape<T> {
  return {
    write: (w, value) => w.u8(values.indexOf(value)),
    read: r => {
      const at = r.u8()
      if (at >= values.length) r.refuse(`value ${at} of ${values.length}`)
      return values[at]!
    },
  }
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return {
    write: (w, value) => {
      w.u8(value === undefined ? 0 : 1)
      if (value !== undefined) shape.write(w, value)
    },
    read: r => (r.u8() === 0 ? undefined : shape.read(r)),
  }
}

export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return {
    write: (w, values) => {
      w.u32(values.length)
      for (const value of values) shape.write(w, value)
    },
    read: r => {
      const values: T[] = []
      for (let left = r.u32(); left > 0; left--) values.push(shape.read(r))
      return values
    },
  }
}

/** An object by its members, in the order given. */
export function record<M extends object>(
  members: {
    readonly [K in keyof M]: Shape<M[K]>
  },
): Shape<Readonly<M>> {
  const entries = Object.entries(members) as [keyof M, Shape<unknown>][]
  // A copy of an object that has all members already is one that V8 reads quickly.
  const blank = Object.fromEntries(entries.map(([name]) => [name, undefined]))
  return {
    write: (w, value) => {
      for (const [name, shape] of entries) shape.write(w, value[name])
    },
    read: r => {
      const value = { ...blank } as Record<keyof M, unknown>
      for (const [name, shape] of entries) value[name] = shape.read(r)
      return value as M
    },
  }
}

/**
 * An object of which there are thousands. Both functions name its members, in one order: V8 makes a few loads and
 * stores of an object literal and of names, where `record` looks each member up.
 */
export function literal<M extends object>(
  read: (reader: OctetReader) => M,
  write: (writer: ShapeWriter, value: Readonly<M>) => void,
): Shape<Readonly<M>> {
  return { read, write }
}
