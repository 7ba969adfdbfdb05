import { CHANNEL_HEADER, channelLength, demultiplex } from './channel.ts'
import { HEADER_LENGTH, MAGIC_COOKIE, padded } from './header.ts'

const COOKIE = Buffer.alloc(4)
COOKIE.writeUInt32BE(MAGIC_COOKIE)

/**
 * Measures the frame at `start` of a stream: a STUN message (RFC 8489 §6.2.2)
 * or ChannelData with its padding (RFC 8656 §12.5). A stream carries no other
 * boundaries, so what cannot begin a frame ends the connection.
 *
 * Returns octets, possibly more than `available`; 0 while too few octets are
 * there to tell; -1 when no frame can begin so. The longest is 65 552.
 */
export function frameLength(bytes: Buffer, start: number, available: number): number {
  if (available < 1) return 0
  const kind = demultiplex(bytes[start]!)
  if (kind !== 'stun' && kind !== 'channel') return -1
  if (available < 4) return 0
  // Both headers have their length in the same place.
  const length = channelLength(bytes, start)
  if (kind === 'channel') return CHANNEL_HEADER + padded(length)
  if (length % 4 !== 0) return -1
  // Classic messages have no cookie, but are not for streams (RFC 5389 §12.2).
  for (let i = 4; i < 8 && i < available; i++) if (bytes[start + i] !== COOKIE[i - 4]) return -1
  return HEADER_LENGTH + length
}
