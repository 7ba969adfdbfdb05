import type { Address } from '../../base/address.ts'
import { SIGNATURE } from './proxy-reading.ts'

/**
 * Writes a PROXY header of version 2: that a client has connected to us.
 * Where one address is IPv4 and the other IPv6, both are written as IPv6.
 */
export function writeProxyHeader(from: Address, to: Address): Buffer {
  const octets = from.family === 4 && to.family === 4 ? 4 : 16
  const header = Buffer.alloc(16 + 2 * octets + 4)
  SIGNATURE.copy(header)
  header[12] = VERSION_2 | PROXY
  header[13] = octets === 4 ? TCP_IPV4 : TCP_IPV6
  header.writeUInt16BE(2 * octets + 4, 14)
  writeIp(from.ip, header.subarray(16, 16 + octets))
  writeIp(to.ip, header.subarray(16 + octets, 16 + 2 * octets))
  header.writeUInt16BE(from.port, 16 + 2 * octets)
  header.writeUInt16BE(to.port, 18 + 2 * octets)
  return header
}

/** A header of version 2 that announces nobody, as health checks send it: the one that connects speaks for itself. */
export function localProxyHeader(): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([VERSION_2, 0, 0, 0])])
}

function writeIp(ip: Uint8Array, into: Buffer): void {
  into.set(ip, into.length - ip.length)
  if (into.length > ip.length) into.fill(0xff, 10, 12)
}

const VERSION_2 = 0x20
const PROXY = 1
const [TCP_IPV4, TCP_IPV6] = [0x11, 0x21]
