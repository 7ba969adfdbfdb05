import { RECORD } from '../base/address.ts'
import { IPV4, IPV6 } from '../wire/address-shapes.ts'
import { MAGIC_COOKIE } from '../wire/header.ts'

/**
 * Address records (`base/address.ts`) as words: the order of octets in a word
 * is the machine's, so that four octets move at once and nothing is swapped.
 */

/** Words of a record: family and port, then the IP address. */
export const RECORD_WORDS = RECORD / 4

/** What `DataView` must be told so that its words are those of an `Int32Array`. */
export const LITTLE_ENDIAN = new Uint8Array(Int32Array.of(1).buffer)[0] === 1

/** The word of these four octets, in the order in which they stand in memory. */
export function wordOf(...octets: [number, number, number, number]): number {
  return new Int32Array(Uint8Array.from(octets).buffer)[0]!
}

/** The octets of the port in the first word of a record, and in that of a XOR address attribute. */
export const PORT = wordOf(0, 0, 255, 255)

/** The octet of the family in the first word of a record, and what it is there. */
export const RECORD_FAMILY = wordOf(255, 0, 0, 0)
export const RECORD_IPV4 = wordOf(4, 0, 0, 0)
export const RECORD_IPV6 = wordOf(6, 0, 0, 0)

const COOKIE_HEAD = [MAGIC_COOKIE >>> 24, (MAGIC_COOKIE >>> 16) & 255] as const
const COOKIE_TAIL = [(MAGIC_COOKIE >>> 8) & 255, MAGIC_COOKIE & 255] as const

// First words of XOR address values (RFC 8489 §14.2): an octet of zero, the
// family, and the port, here what it is XORed with, the head of the cookie.
export const XOR_IPV4 = wordOf(0, IPV4, ...COOKIE_HEAD)
export const XOR_IPV6 = wordOf(0, IPV6, ...COOKIE_HEAD)
/** The magic cookie, that the first word of an IP address is XORed with. */
export const COOKIE = wordOf(...COOKIE_HEAD, ...COOKIE_TAIL)
