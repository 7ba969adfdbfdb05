const HEADER = 20
const DATA_INDICATION = 0x0017
const XOR_PEER_ADDRESS = 0x0012
const DATA = 0x0013
const COOKIE = 0x2112a442

/**
 * Finds the DATA of a Data indication (RFC 8656 §11.4) without making an object
 * of it. What it found stands in its fields until the next.
 */
export class DataIndicationTemplate {
  payload = 0
  octets = 0

  /** False if the datagram at `start` is none, or lacks its DATA or its peer. */
  read(bytes: Buffer, start: number, length: number): boolean {
    if (length < HEADER || bytes.readUInt16BE(start) !== DATA_INDICATION) return false
    if (bytes.readUInt32BE(start + 4) !== COOKIE) return false
    const end = start + HEADER + bytes.readUInt16BE(start + 2)
    if (end > start + length) return false
    let hasPeer = false
    let hasData = false
    for (let at = start + HEADER; at + 4 <= end; ) {
      const type = bytes.readUInt16BE(at)
      const octets = bytes.readUInt16BE(at + 2)
      const next = at + 4 + ((octets + 3) & ~3)
      if (next > end) return false
      if (type === XOR_PEER_ADDRESS) hasPeer = true
      if (type === DATA) {
        hasData = true
        this.payload = at + 4
        this.octets = octets
      }
      at = next
    }
    return hasPeer && hasData
  }
}
