import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Aead } from '../core/environment.ts'

const CIPHER = 'aes-256-gcm'
const TAG = 16

/** AES-256-GCM with a tag of 16 octets behind the text (RFC 5116 §5.2). */
export const aesGcm: Aead = {
  seal(key, iv, text) {
    const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG })
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
  },
  open(key, iv, sealed) {
    if (sealed.length < TAG) return undefined
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG })
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
    const text = decipher.update(sealed.subarray(0, sealed.length - TAG))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return text
  },
}
