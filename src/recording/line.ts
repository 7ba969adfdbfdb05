import { type Address, formatAddress, parseAddress } from '../base/address.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { isEntry } from './check-entry.ts'
import { isAddress } from './disguise.ts'
import type { RecordingEntry } from './step.ts'

/** Zeros that are worth a number. */
const RUN = 4
/** Bytes of one value; a datagram has fewer. */
const MOST_OCTETS = 1 << 20
/** More than an entry is deep. */
const DEPTH = 16

/** What is wrong with a line; `not-json` also where it is cut off. */
export type LineFault =
  | 'not-json'
  | 'too-deep'
  | 'too-long'
  | 'not-octets'
  | 'not-an-address'
  | 'not-an-entry'
  /** Comes before the beginning of a recording. */
  | 'too-early'
  /** The relay cannot be played with it. */
  | 'unplayable'

/** One line of JSON without its end. Octets are hexadecimal, `(n)` in them being n zeros. */
export function writeLine(entry: RecordingEntry): string {
  return JSON.stringify(packed(entry))
}

/** Reads what `writeLine` wrote. */
export function readLine(line: string): Result<RecordingEntry, LineFault> {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return failed('not-json')
  }
  try {
    const value = unpacked(json, 0)
    return isEntry(value) ? succeeded(value) : failed('not-an-entry')
  } catch (error) {
    if (error instanceof Unreadable) return failed(error.fault)
    throw error
  }
}

/** A value that no recording has. Does not leave this file. */
class Unreadable extends Error {
  readonly fault: LineFault

  constructor(fault: LineFault) {
    super(fault)
    this.fault = fault
  }
}

function packed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { hex: packedOctets(value) }
  // An answer may be "nothing", which JSON has no word for.
  if (Array.isArray(value))
    return value.map(packed).slice(0, value.length - (value.at(-1) === undefined ? 1 : 0))
  if (value instanceof Map) return { map: Array.from(value, ([key, one]) => [key, packed(one)]) }
  if (isAddress(value)) return { at: formatAddress(value) }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, packed(one)]))
}

function unpacked(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEPTH) throw new Unreadable('too-deep')
  if (Array.isArray(value)) return value.map(one => unpacked(one, depth + 1))
  const entries = Object.entries(value)
  const [first] = entries
  if (first && entries.length === 1) {
    const [tag, content] = first
    if (tag === 'hex' && typeof content === 'string') return unpackedOctets(content)
    if (tag === 'at' && typeof content === 'string') return unpackedAddress(content)
    if (tag === 'map' && Array.isArray(content)) {
      return new Map(
        content.map(one => (Array.isArray(one) ? [one[0], unpacked(one[1], depth + 1)] : [])) as [],
      )
    }
  }
  return Object.fromEntries(entries.map(([key, one]) => [key, unpacked(one, depth + 1)]))
}

function packedOctets(octets: Uint8Array): string {
  const hex = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex')
  let text = ''
  let written = 0
  for (let at = 0; at < octets.length; at++) {
    const from = at
    while (at < octets.length && octets[at] === 0) at++
    if (at - from < RUN) continue
    text += `${hex.slice(written * 2, from * 2)}(${at - from})`
    written = at
  }
  return text + hex.slice(written * 2)
}

function unpackedOctets(text: string): Buffer {
  if (!/^(?:[0-9a-f]{2}|\([0-9]{1,7}\))*$/.test(text)) throw new Unreadable('not-octets')
  const parts: Buffer[] = []
  let length = 0
  for (const [part] of text.matchAll(/[0-9a-f]+|\([0-9]+\)/g)) {
    const run = part.startsWith('(') ? Number(part.slice(1, -1)) : 0
    length += run === 0 ? part.length / 2 : run
    if (length > MOST_OCTETS) throw new Unreadable('too-long')
    parts.push(part.startsWith('(') ? Buffer.alloc(run) : Buffer.from(part, 'hex'))
  }
  return Buffer.concat(parts)
}

function unpackedAddress(text: string): Address {
  const address = parseAddress(text)
  if (!address) throw new Unreadable('not-an-address')
  return address
}
