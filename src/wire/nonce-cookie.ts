/** Bits of the security feature set; bit 0 is the leftmost of 24 (RFC 8489 §18.1). */
export const SecurityFeature = { passwordAlgorithms: 0x800000, usernameAnonymity: 0x400000 } as const

const PREFIX = 'obMatJos2'

/** Writes the 13 characters that a nonce begins with (RFC 8489 §9.2); they guard `features` against bid-down. */
export function writeNonceCookie(features: number): string {
  const bits = Buffer.of(features >>> 16, features >>> 8, features)
  return PREFIX + bits.toString('base64')
}

/** Reads the features from a nonce, unassigned bits included; `undefined` when it has no nonce cookie. */
export function readNonceCookie(nonce: string): number | undefined {
  if (!nonce.startsWith(PREFIX)) return undefined
  const encoded = nonce.slice(PREFIX.length, PREFIX.length + 4)
  if (!/^[A-Za-z0-9+/]{4}$/.test(encoded)) return undefined
  return Buffer.from(encoded, 'base64').readUIntBE(0, 3)
}
