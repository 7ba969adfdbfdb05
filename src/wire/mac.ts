import { createHmac, hash } from 'node:crypto'

/** Octets that SHA-1 and SHA-256 take at once; a shorter key is padded to it (RFC 2104 §2). */
const BLOCK = 64
/** Octets of text that the scratch holds; more than a message without data has. */
const ROOM = 2048

const inner = Buffer.alloc(BLOCK + ROOM)
const outer = Buffer.alloc(BLOCK + 32)
const padded = Buffer.alloc(BLOCK)

/**
 * Computes HMAC (RFC 2104), as text in the encoding asked for.
 *
 * It is made of two one-shot hashes, since Node's HMAC object costs twice as
 * much as both of them, and ten times as much with OpenSSL 3.5. A binary string
 * has a character for each octet, and is made faster than a buffer is.
 */
export function hmac(
  kind: 'sha1' | 'sha256',
  key: Buffer,
  text: Buffer,
  encoding: 'binary' | 'base64' | 'hex' = 'binary',
): string {
  if (text.length > ROOM) return createHmac(kind, key).update(text).digest(encoding)
  padded.fill(0)
  if (key.length > BLOCK) padded.write(hash(kind, key, 'binary'), 'binary')
  else key.copy(padded)
  for (let i = 0; i < BLOCK; i++) {
    const octet = padded[i]!
    inner[i] = octet ^ 0x36
    outer[i] = octet ^ 0x5c
  }
  text.copy(inner, BLOCK)
  const written = outer.write(hash(kind, inner.subarray(0, BLOCK + text.length), 'binary'), BLOCK, 'binary')
  return hash(kind, outer.subarray(0, BLOCK + written), encoding)
}
