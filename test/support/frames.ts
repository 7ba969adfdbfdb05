import { type Address, address } from '../../src/base/address.ts'

/** A UDP datagram in an Ethernet frame, as tests make and read them; written apart from what they test. */
export interface Frame {
  readonly from: Address
  readonly to: Address
  readonly payload: Buffer
  readonly ttl: number
  readonly tos: number
  /** Whether IP header and UDP have the checksum that they should have; `none`: an IPv4 datagram without. */
  readonly checksums: 'right' | 'none' | 'wrong'
}

export interface FrameOptions {
  readonly ttl?: number
  readonly tos?: number
  readonly noChecksum?: boolean
  /** Octets behind the IP packet, as Ethernet pads short ones. */
  readonly trailer?: Buffer
  readonly destination?: Buffer
}

const ETHERNET = 14
const NOBODY = Buffer.alloc(6)

export function writeFrame(
  from: Address,
  to: Address,
  payload: Uint8Array,
  options: FrameOptions = {},
): Buffer {
  const { ttl = 64, tos = 0, noChecksum = false, trailer = Buffer.alloc(0), destination = NOBODY } = options
  const udp = Buffer.alloc(8 + payload.length)
  udp.writeUInt16BE(from.port, 0)
  udp.writeUInt16BE(to.port, 2)
  udp.writeUInt16BE(udp.length, 4)
  udp.set(payload, 8)
  if (!noChecksum) udp.writeUInt16BE(~sum16(pseudo(from, to, udp.length), udp) & 0xffff || 0xffff, 6)
  const ip = from.family === 4 ? Buffer.alloc(20) : Buffer.alloc(40)
  if (from.family === 4) {
    ip[0] = 0x45
    ip[1] = tos
    ip.writeUInt16BE(20 + udp.length, 2)
    ip.writeUInt16BE(0x1234, 4)
    ip[8] = ttl
    ip[9] = 17
    ip.set(from.ip, 12)
    ip.set(to.ip, 16)
    ip.writeUInt16BE(~sum16(ip) & 0xffff, 10)
  } else {
    ip.writeUInt32BE(((6 << 28) | (tos << 20)) >>> 0, 0)
    ip.writeUInt16BE(udp.length, 4)
    ip[6] = 17
    ip[7] = ttl
    ip.set(from.ip, 8)
    ip.set(to.ip, 24)
  }
  const eth = Buffer.concat([destination, NOBODY, Buffer.from(from.family === 4 ? [8, 0] : [0x86, 0xdd])])
  return Buffer.concat([eth, ip, udp, trailer])
}

/** Reads a frame; undefined if it is not a UDP datagram that fills it to the last octet. */
export function readFrame(frame: Buffer): Frame | undefined {
  const type = frame.readUInt16BE(12)
  const is4 = type === 0x0800
  if (!is4 && type !== 0x86dd) return undefined
  const ip = frame.subarray(ETHERNET)
  const header = is4 ? 20 : 40
  const udp = ip.subarray(header)
  const length = is4 ? ip.readUInt16BE(2) - header : ip.readUInt16BE(4)
  if ((is4 ? ip[9] : ip[6]) !== 17 || length !== udp.length || udp.readUInt16BE(4) !== length)
    return undefined
  const at = (from: number, port: number) =>
    address(Uint8Array.from(ip.subarray(from, from + (is4 ? 4 : 16))), udp.readUInt16BE(port))
  const from = at(is4 ? 12 : 8, 0)
  const to = at(is4 ? 16 : 24, 2)
  const isHeaderRight = !is4 || sum16(ip.subarray(0, 20)) === 0xffff
  const isRight = isHeaderRight && sum16(pseudo(from, to, length), udp) === 0xffff
  const none = is4 && isHeaderRight && udp.readUInt16BE(6) === 0
  return {
    from,
    to,
    payload: Buffer.from(udp.subarray(8)),
    ttl: is4 ? ip[8]! : ip[7]!,
    tos: is4 ? ip[1]! : (ip.readUInt16BE(0) >> 4) & 0xff,
    checksums: none ? 'none' : isRight ? 'right' : 'wrong',
  }
}

/** The one's complement sum of 16-bit words. */
export function sum16(...parts: readonly Uint8Array[]): number {
  const bytes = Buffer.concat(parts)
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

export function pseudo(from: Address, to: Address, length: number): Buffer {
  return Buffer.concat([from.ip, to.ip, Buffer.from([0, 17, length >> 8, length & 255])])
}
