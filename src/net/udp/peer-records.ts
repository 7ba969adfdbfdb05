import { address, parseIp, RECORD, writeRecord } from '../../base/address.ts'
import { BoundedMap } from '../../limits/bounded-map.ts'

/** IPv6 addresses that are remembered. */
const MOST_RECORDS = 4096

/**
 * Turns the address strings of node:dgram into records and back. Both happen
 * for every datagram, so neither makes an object, and both caches are bounded:
 * the addresses come from strangers.
 */
export class Hosts {
  /** IPv6 only: IPv4 is read faster than it is looked up. An IPv4-mapped address has the record of the IPv4 one. */
  #records = new BoundedMap<string, Uint8Array>(MOST_RECORDS)
  #names: string[] = new Array<string>(NAMES).fill('')
  /** What each name was made from: family and four words of IP. */
  #keys = new Int32Array(NAMES * WORDS)

  /** Writes the record of `host` at `offset`; false, and nothing written, when that is no IP address. */
  write(host: string, port: number, bytes: Uint8Array, words: Int32Array, offset: number): boolean {
    const word = offset >> 2
    if (host.length <= LONGEST_IP4) {
      if (readIp4(host, bytes, offset + 4)) {
        bytes[offset] = 4
        bytes[offset + 1] = 0
        bytes[offset + 2] = port >> 8
        bytes[offset + 3] = port & 255
        words[word + 2] = 0
        words[word + 3] = 0
        words[word + 4] = 0
        return true
      }
    }
    const record = this.#records.peek(host) ?? this.#remember(host)
    if (!record) return false
    bytes.set(record, offset)
    bytes[offset + 2] = port >> 8
    bytes[offset + 3] = port & 255
    return true
  }

  /** The address of the record at `offset` as a string; the port is not part of it. */
  name(bytes: Uint8Array, words: Int32Array, offset: number): string {
    const word = offset >> 2
    const family = bytes[offset]!
    const a = words[word + 1]!
    const b = words[word + 2]!
    const c = words[word + 3]!
    const d = words[word + 4]!
    const slot =
      Math.imul(a ^ Math.imul(b ^ Math.imul(c ^ Math.imul(d, MIX), MIX), MIX), MIX) >>> (32 - NAME_BITS)
    const key = slot * WORDS
    const keys = this.#keys
    if (
      keys[key + 1] === a &&
      keys[key] === family &&
      keys[key + 2] === b &&
      keys[key + 3] === c &&
      keys[key + 4] === d
    ) {
      return this.#names[slot]!
    }
    const name = writeName(family, bytes, offset + 4)
    this.#names[slot] = name
    keys[key] = family
    keys[key + 1] = a
    keys[key + 2] = b
    keys[key + 3] = c
    keys[key + 4] = d
    return name
  }

  #remember(host: string): Uint8Array | undefined {
    const zone = host.indexOf('%')
    const ip = parseIp(zone < 0 ? host : host.slice(0, zone))
    if (!ip) return undefined
    const record = new Uint8Array(RECORD)
    writeRecord(address(ip, 0), record, 0)
    this.#records.set(host, record)
    return record
  }
}

/** Reads dotted IPv4 as the kernel writes it; false when it is something else, as short IPv6 is. */
function readIp4(host: string, bytes: Uint8Array, offset: number): boolean {
  let part = 0
  let at = offset
  let digits = 0
  for (let i = 0; i < host.length; i++) {
    const code = host.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || at === offset + 3) return false
      bytes[at++] = part
      part = 0
      digits = 0
    } else {
      if (code < ZERO || code > ZERO + 9) return false
      part = part * 10 + code - ZERO
      digits++
      if (part > 255) return false
    }
  }
  if (digits === 0 || at !== offset + 3) return false
  bytes[at] = part
  return true
}

/** Writes an address for inet_pton, which does not ask for the shortest form. */
function writeName(family: number, bytes: Uint8Array, offset: number): string {
  if (family === 4) {
    return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
  }
  let name = ''
  for (let i = 0; i < 16; i += 2) {
    if (i > 0) name += ':'
    name += ((bytes[offset + i]! << 8) | bytes[offset + i + 1]!).toString(16)
  }
  return name
}

const WORDS = RECORD / 4
/** Names have a place each by a hash of the address: a newcomer displaces one, nothing grows. */
const NAME_BITS = 12
const NAMES = 1 << NAME_BITS
const MIX = 0x9e3779b1 | 0
const LONGEST_IP4 = 15
const DOT = 46
const ZERO = 48
