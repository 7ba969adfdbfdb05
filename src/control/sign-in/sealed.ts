import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const NONCE = 12
const TAG = 16

/**
 * Seals small values into texts that somebody else keeps for us, so that
 * nothing is kept for those who have proved nothing. Only who has the key opens
 * them again, and only until they end (AES-256-GCM).
 */
export class Sealed {
  readonly #makeKey: () => Buffer
  #made: Buffer | undefined
  readonly #now: () => number

  /**
   * `now`: milliseconds of a clock that nobody sets, or the calendar's for what outlives the process;
   * `key` is asked once for 32 octets, by itself known to this process only.
   */
  constructor(now: () => number = () => performance.now(), key: () => Buffer = () => randomBytes(32)) {
    this.#now = now
    this.#makeKey = key
  }

  get #key(): Buffer {
    return (this.#made ??= this.#makeKey())
  }

  seal(value: unknown, seconds: number): string {
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const plain = JSON.stringify({ value, until: this.#now() + seconds * 1000 })
    const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** The value; undefined where it is not ours, or has ended. */
  open(text: string): unknown {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length < NONCE + TAG) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE))
    decipher.setAuthTag(bytes.subarray(NONCE, NONCE + TAG))
    try {
      const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()])
      const { value, until } = JSON.parse(plain.toString('utf8')) as { value: unknown; until: number }
      return until > this.#now() ? value : undefined
    } catch {
      return undefined
    }
  }
}
