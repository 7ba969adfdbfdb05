import { frameLength } from '../wire/framing.ts'

/** The longest frame there is: a STUN header and 64 KiB of attributes. */
const LONGEST = 20 + 65_536

/**
 * Cuts what a TCP or TLS connection delivers into STUN messages and
 * ChannelData messages (RFC 8489 §6.2.2, RFC 8656 §12.5).
 */
export class Deframer {
  #rest: Buffer = Buffer.alloc(0)

  /**
   * Takes what has arrived; returns the whole frames, padding included, as
   * views. `undefined` when these octets cannot be the protocol: hang up.
   */
  take(chunk: Buffer): Buffer[] | undefined {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Buffer[] = []
    let start = 0
    while (start < bytes.length) {
      const length = frameLength(bytes, start, bytes.length - start)
      if (length < 0 || length > LONGEST) return undefined
      if (length === 0 || length > bytes.length - start) break
      frames.push(bytes.subarray(start, start + length))
      start += length
    }
    this.#rest = Buffer.from(bytes.subarray(start))
    return frames
  }
}
