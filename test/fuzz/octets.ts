/** Reads numbers from octets; behind the end there are zeros. */
export class Octets {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  u8(): number {
    return this.#bytes[this.#at++] ?? 0
  }

  u16(): number {
    return (this.u8() << 8) | this.u8()
  }

  /** A number in [0, below). */
  below(below: number): number {
    return this.u8() % below
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** All that is left. */
  rest(): Buffer {
    const rest = this.#bytes.subarray(this.#at)
    this.#at = this.#bytes.length
    return rest
  }
}
