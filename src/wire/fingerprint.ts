/** XORed onto the checksum, so that a CRC-32 of the application's own is not mistaken for it (RFC 8489 §14.7). */
const FINGERPRINT_XOR = 0x5354554e

const TABLE = table()

/** Computes the FINGERPRINT of what lies before it; the header's length must already include it (RFC 8489 §14.7). */
export function fingerprintOf(bytes: Buffer): number {
  return (crc32(bytes) ^ FINGERPRINT_XOR) >>> 0
}

/** Computes the CRC-32 of ITU V.42, as Ethernet and zip have it. Unsigned. */
export function crc32(bytes: Buffer): number {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}

function table(): Int32Array {
  const entries = new Int32Array(256)
  for (let i = 0; i < 256; i++) {
    let entry = i
    for (let bit = 0; bit < 8; bit++) entry = entry & 1 ? (entry >>> 1) ^ 0xedb88320 : entry >>> 1
    entries[i] = entry
  }
  return entries
}
