import { IPV4, IPV6 } from '../wire/address-shapes.ts'
import { DATA, XOR_PEER_ADDRESS } from '../wire/attributes.ts'
import { ATTRIBUTE_HEADER, HEADER_LENGTH, padded, SEND_INDICATION } from '../wire/header.ts'
import {
  COOKIE,
  LITTLE_ENDIAN,
  PORT,
  RECORD_IPV4,
  RECORD_IPV6,
  RECORD_WORDS,
  wordOf,
  XOR_IPV4,
} from './record-words.ts'

const PEER_TYPE = XOR_PEER_ADDRESS.type
const DATA_TYPE = DATA.type

/** The third word of `::ffff:a.b.c.d`. */
const MAPPED = wordOf(0, 0, 255, 255)

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
  /** The peer as the words of a record. */
  readonly peer = new Int32Array(RECORD_WORDS)

  /** Reads the datagram at `start`; false if it is not a plain Send indication to a peer that could exist. */
  read(view: DataView, start: number, length: number): boolean {
    if (length < HEADER_LENGTH + 2 * ATTRIBUTE_HEADER) return false
    if (view.getUint16(start) !== SEND_INDICATION) return false
    if (view.getUint16(start + 2) !== length - HEADER_LENGTH) return false
    if (view.getInt32(start + 4, LITTLE_ENDIAN) !== COOKIE) return false

    const end = start + length
    const first = start + HEADER_LENGTH
    const second = attributeEnd(view, first)
    if (second > end - ATTRIBUTE_HEADER || attributeEnd(view, second) !== end) return false
    const peerFirst = view.getUint16(first) === PEER_TYPE
    const peer = peerFirst ? first : second
    const data = peerFirst ? second : first
    if (view.getUint16(peer) !== PEER_TYPE || view.getUint16(data) !== DATA_TYPE) return false
    this.payload = data + ATTRIBUTE_HEADER
    this.octets = view.getUint16(data + 2)
    return readPeer(view, start, peer, this.peer)
  }
}

/**
 * Reads an XOR-PEER-ADDRESS attribute into a record. The IP address is XORed
 * with the cookie and the transaction id, which stand in line (RFC 8489 §14.2).
 * False if it is not an address that a peer can have.
 */
function readPeer(view: DataView, start: number, attribute: number, record: Int32Array): boolean {
  const length = view.getUint16(attribute + 2)
  if (length !== 8 && length !== 20) return false
  const value = attribute + ATTRIBUTE_HEADER
  const port = (view.getInt32(value, LITTLE_ENDIAN) ^ XOR_IPV4) & PORT
  if (port === 0) return false
  if (view.getUint16(value) !== (length === 8 ? IPV4 : IPV6)) return false

  record[1] = unveil(view, value + 4, start + 4)
  if (length === 8) {
    record[0] = port | RECORD_IPV4
    record[2] = 0
    record[3] = 0
    record[4] = 0
    return true
  }
  record[0] = port | RECORD_IPV6
  record[2] = unveil(view, value + 8, start + 8)
  record[3] = unveil(view, value + 12, start + 12)
  record[4] = unveil(view, value + 16, start + 16)
  // An IPv4-mapped address means an IPv4 peer, under which name the core knows it.
  return record[1] !== 0 || record[2] !== 0 || record[3] !== MAPPED
}

function unveil(view: DataView, at: number, mask: number): number {
  return view.getInt32(at, LITTLE_ENDIAN) ^ view.getInt32(mask, LITTLE_ENDIAN)
}

function attributeEnd(view: DataView, attribute: number): number {
  return attribute + ATTRIBUTE_HEADER + padded(view.getUint16(attribute + 2))
}
