import { ATTRIBUTE_HEADER, HEADER_LENGTH } from './header.ts'
import { hmac } from './mac.ts'

/** MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256. */
export type IntegrityKind = 'sha1' | 'sha256'

/** Octets in the value of MESSAGE-INTEGRITY and of an untruncated MESSAGE-INTEGRITY-SHA256. */
export const MAC_LENGTH: Readonly<Record<IntegrityKind, number>> = { sha1: 20, sha256: 32 }

/** Holds a message whose length has to be another one; longer than one without data is. */
const scratch = Buffer.alloc(2048)

/**
 * Computes the MAC that an integrity attribute at `offset` must carry: over the
 * message before it, with the header's length as if the message ended with it
 * (RFC 8489 §14.5, §14.6). `bytes` is not changed.
 */
export function messageMac(kind: IntegrityKind, key: Buffer, bytes: Buffer, offset: number): Buffer {
  const length = offset + ATTRIBUTE_HEADER + MAC_LENGTH[kind] - HEADER_LENGTH
  let text = bytes.subarray(0, offset)
  if (bytes.readUInt16BE(2) !== length) {
    if (offset > scratch.length) text = Buffer.from(text)
    else {
      text.copy(scratch)
      text = scratch.subarray(0, offset)
    }
    text.writeUInt16BE(length, 2)
  }
  return Buffer.from(hmac(kind, key, text), 'binary')
}
