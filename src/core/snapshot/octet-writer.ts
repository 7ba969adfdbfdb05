/** Texts of up to this length are written without a call out of JavaScript, which costs more than a loop. */
const SHORT_TEXT = 64
/** The same for octets: IP addresses, transaction ids and keys. */
const SHORT_OCTETS = 32

/**
 * Writes values one behind the other. Integers are big-endian; texts and octet strings have their length before
 * them, in four octets.
 */
export abstract class OctetWriter {
  /** What is written to. The same memory twice, since integers are quickest by a view. */
  protected bytes: Buffer
  protected view: DataView
  /** How much of it is used. */
  protected end = 0

  constructor(size: number) {
    this.bytes = Buffer.alloc(size)
    this.view = viewOf(this.bytes)
  }

  /** Makes room for `more` octets at `end`. */
  protected abstract makeRoom(more: number): void

  u8(value: number): void {
    this.#reserve(1)
    this.view.setUint8(this.end, value)
    this.end += 1
  }

  u16(value: number): void {
    this.#reserve(2)
    this.view.setUint16(this.end, value)
    this.end += 2
  }

  u32(value: number): void {
    this.#reserve(4)
    this.view.setUint32(this.end, value)
    this.end += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.view.setFloat64(this.end, value)
    this.end += 8
  }

  octets(value: Uint8Array): void {
    this.u32(value.length)
    this.append(value)
  }

  text(value: string, encoding: 'utf8' | 'latin1'): void {
    this.#reserve(4 + value.length * 3)
    const at = this.end + 4
    const length = this.#ascii(value, at) ? value.length : this.bytes.write(value, at, encoding)
    this.view.setUint32(this.end, length)
    this.end = at + length
  }

  /** Octets without their length. */
  append(value: Uint8Array): void {
    const { length } = value
    this.#reserve(length)
    const { bytes, end } = this
    if (length > SHORT_OCTETS) bytes.set(value, end)
    else for (let i = 0; i < length; i++) bytes[end + i] = value[i]!
    this.end = end + length
  }

  protected useMemory(bytes: Buffer): void {
    this.bytes = bytes
    this.view = viewOf(bytes)
  }

  /** Writes a short text of ASCII characters; false if it is another. */
  #ascii(text: string, at: number): boolean {
    const { length } = text
    if (length > SHORT_TEXT) return false
    const { bytes } = this
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) return false
      bytes[at + i] = code
    }
    return true
  }

  #reserve(more: number): void {
    if (this.end + more > this.bytes.length) this.makeRoom(more)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Bytes of a chunk; more where one value needs them. */
export const CHUNK = 1 << 18

/** Writes to chunks of memory, so that nothing is copied before the end. */
export class ChunkWriter extends OctetWriter {
  readonly #full: Buffer[] = []
  #before = 0

  constructor() {
    super(CHUNK)
  }

  get length(): number {
    return this.#before + this.end
  }

  /** Forgets what has been written, and writes over it. */
  rewind(): void {
    this.#full.length = 0
    this.#before = 0
    this.end = 0
  }

  /** What has been written, in order. */
  chunks(): Buffer[] {
    return [...this.#full, this.bytes.subarray(0, this.end)]
  }

  protected override makeRoom(more: number): void {
    this.#full.push(this.bytes.subarray(0, this.end))
    this.#before += this.end
    this.useMemory(Buffer.alloc(Math.max(CHUNK, more)))
    this.end = 0
  }
}
