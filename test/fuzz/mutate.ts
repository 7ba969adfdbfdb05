import type { Dice } from '../sim/random.ts'

/** A whole number in [0, below). */
export function upTo(roll: Dice, below: number): number {
  return Math.floor(roll() * below)
}

export function oneOf<T>(roll: Dice, list: readonly T[]): T {
  return list[upTo(roll, list.length)]!
}

const OCTETS = [0, 1, 3, 4, 7, 8, 16, 20, 32, 64, 0x7f, 0x80, 0xfe, 0xff]
const WORDS = [
  0, 1, 4, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x4fff, 0x5000, 0x7fff, 0x8000, 0xfffc, 0xffff,
]

/** Changes an input without knowing what it means: one to eight small changes. */
export function havoc(input: Buffer, other: Buffer, roll: Dice, words: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let turns = 1 << upTo(roll, 4); turns > 0; turns--) bytes = once(bytes, other, roll, words)
  return bytes
}

function once(bytes: Buffer, other: Buffer, roll: Dice, words: readonly Buffer[]): Buffer {
  const at = upTo(roll, bytes.length || 1)
  switch (upTo(roll, 12)) {
    case 0:
      if (bytes.length > 0) bytes[at]! ^= 1 << upTo(roll, 8)
      return bytes
    case 1:
      if (bytes.length > 0) bytes[at] = upTo(roll, 256)
      return bytes
    case 2:
      if (bytes.length > 0) bytes[at] = oneOf(roll, OCTETS)
      return bytes
    case 3:
      if (bytes.length > 0) bytes[at] = bytes[at]! + upTo(roll, 35) - 17
      return bytes
    case 4:
      if (at + 2 <= bytes.length) bytes.writeUInt16BE(oneOf(roll, WORDS), at)
      return bytes
    case 5:
      if (at + 2 <= bytes.length)
        bytes.writeUInt16BE((bytes.readUInt16BE(at) + upTo(roll, 9) - 4) & 0xffff, at)
      return bytes
    case 6:
      return without(bytes, at, 1 + upTo(roll, Math.min(32, bytes.length)))
    case 7:
      return insert(bytes, at, block(bytes, roll))
    case 8:
      block(bytes, roll).copy(bytes, at)
      return bytes
    case 9:
      return insert(bytes, at, Buffer.alloc(1 + upTo(roll, 16), upTo(roll, 256)))
    case 10:
      return other.length === 0
        ? bytes
        : Buffer.concat([bytes.subarray(0, at), other.subarray(upTo(roll, other.length))])
    default: {
      if (words.length === 0) return bytes
      const word = oneOf(roll, words)
      if (roll() < 0.5) return insert(bytes, at, word)
      word.copy(bytes, at)
      return bytes
    }
  }
}

export function insert(bytes: Buffer, at: number, more: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)])
}

export function without(bytes: Buffer, at: number, length: number): Buffer {
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
}

/** A copy of some octets of the input. */
function block(bytes: Buffer, roll: Dice): Buffer {
  const from = upTo(roll, bytes.length || 1)
  return Buffer.from(bytes.subarray(from, from + 1 + upTo(roll, 40)))
}
