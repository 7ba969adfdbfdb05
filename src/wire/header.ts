/** Octets in front of the attributes: type, length, magic cookie, transaction id (RFC 8489 §5). */
export const HEADER_LENGTH = 20
export const MAGIC_COOKIE = 0x2112a442
/** Message type of a Send indication (RFC 8656 §17). */
export const SEND_INDICATION = 0x0016
/** Message type of a Data indication (RFC 8656 §17). */
export const DATA_INDICATION = 0x0017
/** Octets in front of an attribute's value: type, length (RFC 8489 §14). */
export const ATTRIBUTE_HEADER = 4
/** The most that a length field can say and still be a multiple of four. */
export const MAX_BODY = 0xfffc

/** Rounds up to the next multiple of four, where attributes end (RFC 8489 §14). Exact for every 16-bit length. */
export function padded(length: number): number {
  return (length + 3) & ~3
}
