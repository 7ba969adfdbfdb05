import type { ChannelNumber } from '../base/ids.ts'

/** Octets in a ChannelData header: channel number, then length (RFC 8656 §12.4). */
export const CHANNEL_HEADER = 4

/**
 * Reads the ChannelData header of the datagram at `start`.
 *
 * Returns `undefined` if the number is outside 0x4000–0x7FFE or the header
 * claims more octets than arrived. Fewer is fine: a sender may pad, even over
 * UDP (RFC 8656 §12.5). Numbers from 0x5000 on are RFC 5766's; that none is
 * bound unless they are switched on is up to the caller.
 */
export function readChannel(bytes: Buffer, start: number, length: number): ChannelNumber | undefined {
  if (length < CHANNEL_HEADER) return undefined
  const number = (bytes[start]! << 8) | bytes[start + 1]!
  if (number < 0x4000 || number > 0x7ffe) return undefined
  if (channelLength(bytes, start) > length - CHANNEL_HEADER) return undefined
  return number as ChannelNumber
}

/** Reads the octets of payload that the ChannelData header at `start` claims. */
export function channelLength(bytes: Buffer, start: number): number {
  return (bytes[start + 2]! << 8) | bytes[start + 3]!
}

/** Writes a ChannelData message without padding; what leaves on a stream is padded there. */
export function writeChannelData(channel: ChannelNumber, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(CHANNEL_HEADER + payload.length)
  bytes.writeUInt16BE(channel, 0)
  bytes.writeUInt16BE(payload.length, 2)
  payload.copy(bytes, CHANNEL_HEADER)
  return bytes
}

/** What a datagram or a stream begins with. */
export type Kind = 'stun' | 'channel' | 'tls' | 'dtls' | 'unknown'

/**
 * Tells by the first octet what follows (RFC 7983 §7, RFC 8656 §12).
 *
 * TLS and DTLS share their record types. A connection can only begin with a
 * handshake record (22), so that is called `tls`; over UDP it means DTLS, like
 * the rest of 20–63. 80–127 are channels of RFC 5766.
 */
export function demultiplex(firstOctet: number): Kind {
  if (firstOctet < 4) return 'stun'
  if (firstOctet === 22) return 'tls'
  if (firstOctet >= 20 && firstOctet < 64) return 'dtls'
  if (firstOctet >= 64 && firstOctet < 128) return 'channel'
  return 'unknown'
}
