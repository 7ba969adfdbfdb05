import { NONCE } from './attributes.ts'
import { ATTRIBUTE_HEADER, HEADER_LENGTH, padded } from './header.ts'

/** Attributes that are looked at; more than a request has before its nonce. */
const MOST = 16

/**
 * Finds the text of NONCE in what may be a message, without parsing it: under a
 * flood most of it will be dropped for the want of a nonce. Undefined where
 * there is none, or where it claims more octets than there are.
 */
export function peekNonce(bytes: Buffer): string | undefined {
  for (let at = HEADER_LENGTH, n = 0; n < MOST && at + ATTRIBUTE_HEADER <= bytes.length; n++) {
    const start = at + ATTRIBUTE_HEADER
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!
    if (((bytes[at]! << 8) | bytes[at + 1]!) === NONCE.type) {
      return start + length <= bytes.length ? bytes.toString('latin1', start, start + length) : undefined
    }
    at = start + padded(length)
  }
  return undefined
}
