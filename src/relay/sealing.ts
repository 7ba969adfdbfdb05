import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import type { Sealing } from '../core/environment.ts'

const CIPHER = 'aes-256-ecb'
const BLOCK = 16
const MAC = 16
const KEY = 32

/** AES-256 on one block, and HMAC-SHA-256-128 over what comes out. */
export const sealing: Sealing = {
  seal(key, block) {
    const cipher = createCipheriv(CIPHER, key.subarray(0, KEY), null).setAutoPadding(false)
    const sealed = cipher.update(block)
    return Buffer.concat([sealed, macOf(key, sealed)])
  },
  open(key, octets) {
    if (octets.length !== BLOCK + MAC) return undefined
    const sealed = octets.subarray(0, BLOCK)
    if (!timingSafeEqual(octets.subarray(BLOCK), macOf(key, sealed))) return undefined
    return createDecipheriv(CIPHER, key.subarray(0, KEY), null).setAutoPadding(false).update(sealed)
  },
}

function macOf(key: Uint8Array, sealed: Uint8Array): Buffer {
  return createHmac('sha256', key.subarray(KEY)).update(sealed).digest().subarray(0, MAC)
}
