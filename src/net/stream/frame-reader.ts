import { frameLength } from '../../wire/framing.ts'

/** Takes one whole frame; false to read no further. Lent: the octets are valid until it returns. */
export type TakeFrame = (bytes: Buffer, start: number, length: number) => boolean

/**
 * Cuts the octets of one connection into frames (RFC 8489 §6.2.2, RFC 8656
 * §12.5).
 *
 * Only a frame that is not whole yet is kept, in one buffer that grows with
 * what has arrived rather than to what the header promises: a thousand clients
 * that announce 64 KiB each and send ten octets cost little. What a client
 * without an allocation may have kept is little, too.
 */
export class FrameReader {
  /** Octets of the longest frame that is kept until it is whole; a longer one has to come in one piece. */
  longest = MAX_STRANGERS_FRAME
  #take: TakeFrame
  #partial: Buffer | undefined
  #have = 0

  constructor(take: TakeFrame) {
    this.#take = take
  }

  /** Octets held for the frame that is not whole yet. */
  get held(): number {
    return this.#partial?.length ?? 0
  }

  /**
   * Reads on. False when what came cannot be a frame, after which nothing can
   * be told apart (STUN-TCP), or is too long to be kept.
   */
  read(chunk: Buffer): boolean {
    let at = 0
    if (this.#partial) {
      at = this.#complete(chunk)
      if (at < 0) return false
    }
    while (at < chunk.length) {
      const available = chunk.length - at
      const length = frameLength(chunk, at, available)
      if (length < 0) return false
      if (length === 0 || length > available) {
        if (length > this.longest) return false
        this.#hold(chunk, at, available)
        return true
      }
      if (!this.#take(chunk, at, length)) return true
      at += length
    }
    return true
  }

  /** A copy of what is held of the frame that is not whole yet. */
  partial(): Buffer {
    return Buffer.from(this.#partial?.subarray(0, this.#have) ?? [])
  }

  /** Forgets what is held. */
  clear(): void {
    this.#partial = undefined
    this.#have = 0
  }

  /** Completes the frame that is held. Returns octets used, all of them if they were too few; -1 as above. */
  #complete(chunk: Buffer): number {
    let at = 0
    let length = frameLength(this.#partial!, 0, this.#have)
    while (length === 0 && at < chunk.length) {
      this.#hold(chunk, at++, 1)
      length = frameLength(this.#partial!, 0, this.#have)
    }
    if (length < 0 || length > this.longest) return -1
    const some = Math.min(length - this.#have, chunk.length - at)
    if (some > 0) {
      this.#hold(chunk, at, some)
      at += some
      // The cookie of a STUN header may have come only now.
      if (frameLength(this.#partial!, 0, this.#have) < 0) return -1
    }
    if (length === 0 || this.#have < length) return chunk.length
    const whole = this.#partial!
    this.clear()
    return this.#take(whole, 0, length) ? at : chunk.length
  }

  #hold(chunk: Buffer, start: number, length: number): void {
    const wanted = this.#have + length
    if (!this.#partial || this.#partial.length < wanted) {
      const wider = Buffer.alloc(Math.max(SMALLEST, wanted, Math.min(this.#have * 2, MAX_FRAME)))
      this.#partial?.copy(wider, 0, 0, this.#have)
      this.#partial = wider
    }
    chunk.copy(this.#partial, this.#have, start, start + length)
    this.#have = wanted
  }
}

/** Octets in the longest frame: a STUN header and the longest length divisible by four. */
export const MAX_FRAME = 65_552
/** The same for a client without an allocation: no request that makes one is longer. */
export const MAX_STRANGERS_FRAME = 2048
const SMALLEST = 64
