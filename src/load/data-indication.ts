import { DATA, XOR_PEER_ADDRESS } from '../wire/attributes.ts'
import { ATTRIBUTE_HEADER, DATA_INDICATION, HEADER_LENGTH, MAGIC_COOKIE, padded } from '../wire/header.ts'

/**
 * Finds the DATA of a Data indication (RFC 8656 §11.4) without making an object
 * of it. What it found stands in its fields until the next.
 */
export class DataIndicationTemplate {
  payload = 0
  octets = 0

  /** False if the datagram at `start` is none, or lacks its DATA or its peer. */
  read(bytes: Buffer, start: number, length: number): boolean {
    if (length < HEADER_LENGTH || bytes.readUInt16BE(start) !== DATA_INDICATION) return false
    if (bytes.readUInt32BE(start + 4) !== MAGIC_COOKIE) return false
    const end = start + HEADER_LENGTH + bytes.readUInt16BE(start + 2)
    if (end > start + length) return false
    let hasPeer = false
    let hasData = false
    for (let at = start + HEADER_LENGTH; at + ATTRIBUTE_HEADER <= end; ) {
      const type = bytes.readUInt16BE(at)
      const octets = bytes.readUInt16BE(at + 2)
      const next = at + ATTRIBUTE_HEADER + padded(octets)
      if (next > end) return false
      if (type === XOR_PEER_ADDRESS.type) hasPeer = true
      if (type === DATA.type) {
        hasData = true
        this.payload = at + ATTRIBUTE_HEADER
        this.octets = octets
      }
      at = next
    }
    return hasPeer && hasData
  }
}
