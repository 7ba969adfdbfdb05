/**
 * Multiply-shift hashing (Dietzfelbinger 1996): a sum of products of 16-bit
 * pieces of the key with secret random words. Without the words nobody can
 * choose two keys that collide. The high bits of a sum are the good ones.
 */

/** The product of a 32-bit word, which takes the two secret words from `at` on. */
export function wordProduct(secret: Int32Array, at: number, word: number): number {
  return (Math.imul(secret[at]!, word & 0xffff) + Math.imul(secret[at + 1]!, word >>> 16)) | 0
}

/** The product of a 16-bit piece, which takes the secret word at `at`. */
export function pieceProduct(secret: Int32Array, at: number, piece: number): number {
  return Math.imul(secret[at]!, piece)
}

/** The sum over the first `count` octets, which take a secret word for every two. */
export function octetsSum(secret: Int32Array, at: number, octets: Uint8Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i += 2) {
    const piece = (octets[i]! << 8) | (i + 1 < count ? octets[i + 1]! : 0)
    sum = (sum + Math.imul(secret[at + (i >> 1)]!, piece)) | 0
  }
  return sum
}

/** The sum over a text's UTF-16 units, each of which takes one of `words` secret words; longer texts use them again. */
export function textSum(secret: Int32Array, at: number, words: number, text: string): number {
  let sum = 0
  for (let i = 0; i < text.length; i++) {
    sum = (sum + Math.imul(secret[at + (i % words)]!, text.charCodeAt(i) + 1)) | 0
  }
  return sum
}

/**
 * Spreads a sum over all bits. Neighbours, such as the ports of one host, lie
 * in a row otherwise when the secret words are unlucky.
 */
export function scattered(sum: number): number {
  return Math.imul(sum ^ (sum >>> 16), 0x7feb352d)
}
