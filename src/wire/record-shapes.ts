import type { Algorithm, Attribute } from './attribute.ts'
import { padded } from './header.ts'
import { checked, MAX_TEXT, textOctets } from './shapes.ts'
import { zeros } from './zeros.ts'

/** RFC 8489 §14.8. */
export function errorCode(type: number, name: string): Attribute<{ code: number; reason: string }> {
  return {
    type,
    name,
    valid: isErrorCode,
    read: readErrorCode,
    write: ({ code, reason }) => errorCodeOctets(0, code, reason, name),
  }
}

/** RFC 8656 §18.12. */
export function addressErrorCode(
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
  const octets = zeros(4 + phrase.length)
  octets.writeUInt8(family, 0)
  octets[2] = Math.floor(code / 100)
  octets[3] = code % 100
  octets.set(phrase, 4)
  return checked(code >= 300 && code <= 699, name, octets)
}

/** RFC 8489 §14.12: exactly one algorithm. */
export function algorithm(type: number, name: string): Attribute<Algorithm> {
  return {
    type,
    name,
    valid: value => readAlgorithms(value)?.length === 1,
    read: value => readAlgorithms(value)![0]!,
    write: value => algorithmOctets([value]),
  }
}

/** RFC 8489 §14.11. */
export function algorithms(type: number, name: string): Attribute<readonly Algorithm[]> {
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
  const octets = zeros(list.reduce((sum, { parameters }) => sum + 4 + padded(parameters.length), 0))
  let at = 0
  for (const { algorithm, parameters } of list) {
    octets.writeUInt16BE(algorithm, at)
    octets.writeUInt16BE(parameters.length, at + 2)
    octets.set(parameters, at + 4)
    at += 4 + padded(parameters.length)
  }
  return octets
}

/**
 * RFC 8656 §18.13. Type and code are octets, as they are in ICMP; the RFC's
 * figure draws 7 and 9 bits, which could not hold every ICMPv6 type.
 */
export function icmp(type: number, name: string): Attribute<{ type: number; code: number; data: number }> {
  return {
    type,
    name,
    valid: value => value.length === 8,
    read: value => ({ type: value[2]!, code: value[3]!, data: value.readUInt32BE(4) }),
    write: value => {
      const octets = zeros(8)
      octets.writeUInt8(value.type, 2)
      octets.writeUInt8(value.code, 3)
      octets.writeUInt32BE(value.data, 4)
      return octets
    },
  }
}
