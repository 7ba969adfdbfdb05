import { RECORD } from '../base/address.ts'
import { RECORD_WORDS } from './address-table.ts'

const HEADER = 20
const ATTRIBUTE_HEADER = 4
const SEND_INDICATION = 0x0016
const COOKIE_HIGH = 0x2112
const COOKIE_LOW = 0xa442
const XOR_PEER_ADDRESS = 0x0012
const DATA = 0x0013
const IPV4 = 1
const IPV6 = 2

/**
 * Reads plain Send indications (RFC 8656 §11.1): an XOR-PEER-ADDRESS and a
 * DATA attribute in either order, and nothing else. Everything with more to
 * it, or with something wrong with it, is left to the core.
 *
 * One reader reads one message after the other; what it found stands in its
 * fields until the next.
 */
export class SendIndication {
  /** Where the DATA value begins, and its octets without padding. */
  payload = 0
  octets = 0
  /** The peer as the words of a record (`base/address.ts`). */
  readonly peer = new Int32Array(RECORD_WORDS)
  readonly #record = new Uint8Array(this.peer.buffer, 0, RECORD)

  /** Reads the datagram at `start`; false if it is not a plain Send indication to a peer that could exist. */
  read(bytes: Uint8Array, start: number, length: number): boolean {
    if (length < HEADER + 2 * ATTRIBUTE_HEADER) return false
    if (u16(bytes, start) !== SEND_INDICATION) return false
    if (u16(bytes, start + 2) !== length - HEADER) return false
    if (u16(bytes, start + 4) !== COOKIE_HIGH || u16(bytes, start + 6) !== COOKIE_LOW) return false

    const end = start + length
    const first = start + HEADER
    const second = attributeEnd(bytes, first)
    if (second > end - ATTRIBUTE_HEADER || attributeEnd(bytes, second) !== end) return false
    const peerFirst = u16(bytes, first) === XOR_PEER_ADDRESS
    const peer = peerFirst ? first : second
    const data = peerFirst ? second : first
    if (u16(bytes, peer) !== XOR_PEER_ADDRESS || u16(bytes, data) !== DATA) return false
    this.payload = data + ATTRIBUTE_HEADER
    this.octets = u16(bytes, data + 2)
    return readPeer(bytes, start + 4, peer, this.#record)
  }
}

/**
 * Reads an XOR-PEER-ADDRESS attribute into a record. The address is veiled by
 * the cookie and the transaction id, which stand in line at `mask` (RFC 8489
 * §14.2). False if it is no address that a peer can have.
 */
function readPeer(bytes: Uint8Array, mask: number, attribute: number, record: Uint8Array): boolean {
  const length = u16(bytes, attribute + 2)
  const value = attribute + ATTRIBUTE_HEADER
  const family = u16(bytes, value)
  const octets = family === IPV4 && length === 8 ? 4 : family === IPV6 && length === 20 ? 16 : 0
  if (octets === 0) return false
  const high = bytes[value + 2]! ^ bytes[mask]!
  const low = bytes[value + 3]! ^ bytes[mask + 1]!
  if ((high | low) === 0) return false
  record[0] = octets === 4 ? 4 : 6
  record[2] = high
  record[3] = low
  for (let i = 0; i < octets; i++) record[4 + i] = bytes[value + 4 + i]! ^ bytes[mask + i]!
  for (let i = octets; i < 16; i++) record[4 + i] = 0
  return octets === 4 || !isMapped(record)
}

/** `::ffff:a.b.c.d` means an IPv4 peer, under which name the core knows it. */
function isMapped(record: Uint8Array): boolean {
  for (let i = 4; i < 14; i++) if (record[i] !== 0) return false
  return record[14] === 255 && record[15] === 255
}

function attributeEnd(bytes: Uint8Array, attribute: number): number {
  return attribute + ATTRIBUTE_HEADER + ((u16(bytes, attribute + 2) + 3) & ~3)
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}
