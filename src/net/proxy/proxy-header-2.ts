import { address } from '../../base/address.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { crc32c } from './crc32c.ts'
import { isUnspecified, type ProxyReading } from './proxy-reading.ts'

/** Reads a header of version 2, whose signature has been seen. */
export function readProxy2(bytes: Buffer): ProxyReading {
  if (bytes.length < FIXED) return { kind: 'more' }
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 15]
  if (version !== 2 || command > PROXY) return malformed('its version or command is not known')
  const length = FIXED + bytes.readUInt16BE(14)
  if (length > LONGEST) return malformed(`it is longer than ${LONGEST} octets`)
  if (bytes.length < length) return { kind: 'more' }
  const header = bytes.subarray(0, length)
  // A proxy that speaks for itself: whatever else there is, is to be skipped.
  if (command === LOCAL) return { kind: 'header', length, client: undefined }
  const octets = ADDRESS_OCTETS[header[13]!]
  if (octets === undefined) return malformed('it is not of a TCP connection')
  if (length < FIXED + octets.block) return malformed('its addresses are cut off')
  const found = readTlvs(header, FIXED + octets.block)
  if (!found.ok) return malformed(found.error)
  if (octets.ip === 0) return { kind: 'header', length, client: undefined, ...found.value }
  const ip = Uint8Array.from(header.subarray(FIXED, FIXED + octets.ip))
  const client = address(ip, header.readUInt16BE(FIXED + 2 * octets.ip))
  if (isUnspecified(client.ip)) return malformed('its client has no address')
  return { kind: 'header', length, client, ...found.value }
}

/** Walks the TLVs behind the addresses; says what is wrong with them. */
function readTlvs(header: Buffer, start: number): Result<{ uniqueId?: string }, string> {
  const found: { uniqueId?: string } = {}
  let at = start
  while (at < header.length) {
    if (at + 3 > header.length) return failed('a TLV is cut off')
    const [type, value] = [header[at]!, at + 3]
    const end = value + header.readUInt16BE(at + 1)
    if (end > header.length) return failed('a TLV is cut off')
    if (type === CRC32C && !isIntact(header, value, end)) return failed('its checksum is wrong')
    if (type === UNIQUE_ID)
      found.uniqueId = printable(header.subarray(value, Math.min(end, value + LONGEST_ID)))
    at = end
  }
  return succeeded(found)
}

/** The checksum is that of the header with zeros in its own place. */
function isIntact(header: Buffer, start: number, end: number): boolean {
  if (end - start !== 4) return false
  const zeroed = Buffer.from(header)
  zeroed.fill(0, start, end)
  return crc32c(zeroed) === header.readUInt32BE(start)
}

/** The text, if no character of it could be taken for anything else in a log; otherwise its octets in hexadecimal. */
function printable(octets: Buffer): string {
  const text = octets.toString('latin1')
  return /^[\w.:+/=@-]*$/.test(text) ? text : octets.toString('hex')
}

function malformed(detail: string): ProxyReading {
  return { kind: 'malformed', detail }
}

/** Octets of signature, command, family and length. */
const FIXED = 16
/**
 * Octets of the longest header that is taken. Proxies send up to 536; with the
 * names of a client's certificate, or those that clouds add, it is more.
 */
const LONGEST = 4096
const [LOCAL, PROXY] = [0, 1]
const [CRC32C, UNIQUE_ID] = [0x03, 0x05]
const LONGEST_ID = 128
/** What addresses take, by family and protocol: one IP address, and all of them with their ports. */
const ADDRESS_OCTETS: Readonly<Record<number, { readonly ip: number; readonly block: number }>> = {
  // Unspecified, TCP over IPv4, TCP over IPv6, a Unix socket.
  0: { ip: 0, block: 0 },
  17: { ip: 4, block: 12 },
  33: { ip: 16, block: 36 },
  49: { ip: 0, block: 216 },
}
