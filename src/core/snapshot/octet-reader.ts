/** A snapshot, or a record, that cannot be read. Leaves neither this folder nor the journal. */
export class SnapshotRefusal extends Error {}

/** Up to this length octets are copied in a loop, which costs less than a call. */
const SHORT_OCTETS = 32
/** Texts of up to this length are looked for among those that were read before. */
const SHORT_TEXT = 64
/** How many of those are kept, a power of two. */
const TEXTS = 256
/** Bytes that short octet strings are cut from. */
const POOL = 8192
const NOTHING = Buffer.alloc(0)

/** Reads what an `OctetWriter` wrote. Throws a `SnapshotRefusal` where there is something else. */
export abstract class OctetReader {
  readonly #octets: Buffer
  readonly #view: DataView
  #at = 0
  /** Texts by their hashes, and where their octets begin. */
  readonly #texts: (string | undefined)[] = new Array(TEXTS).fill(undefined)
  readonly #textsAt = new Int32Array(TEXTS)
  /** Memory for short octet strings, and how much of it is used. */
  #pool = NOTHING
  #poolAt = 0

  constructor(octets: Buffer) {
    this.#octets = octets
    this.#view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  }

  /** Reads what was written as a secret. */
  abstract secret(): Buffer

  get isAtEnd(): boolean {
    return this.#at === this.#octets.length
  }

  refuse(why: string): never {
    throw new SnapshotRefusal(`the snapshot is damaged at octet ${this.#at}: ${why}`)
  }

  u8(): number {
    return this.#octets[this.#take(1)]!
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  octets(): Buffer {
    const length = this.u32()
    const at = this.#take(length)
    return this.copy(this.#octets, at, length)
  }

  /** Octets as they are kept in addresses. */
  few(most: number): Uint8Array {
    const length = this.u32()
    if (length > most) this.refuse(`${length} octets where ${most} are the most`)
    const at = this.#take(length)
    const from = this.#copyToPool(this.#octets, at, length)
    return new Uint8Array(this.#pool.buffer, this.#pool.byteOffset + from, length)
  }

  text(encoding: 'utf8' | 'latin1'): string {
    const length = this.u32()
    const at = this.#take(length)
    return encoding === 'utf8' && length <= SHORT_TEXT
      ? this.#known(at, length)
      : this.#octets.toString(encoding, at, at + length)
  }

  /** The same string for the same octets where possible: names of users and homeservers come again and again. */
  #known(at: number, length: number): string {
    const octets = this.#octets
    let hash = length
    for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ octets[i]!, 0x01000193)
    const slot = (hash ^ (hash >>> 16)) & (TEXTS - 1)
    const known = this.#texts[slot]
    const knownAt = this.#textsAt[slot]!
    // The octets before a text are its length.
    if (known !== undefined && this.#areSame(knownAt - 4, at - 4, length + 4)) return known
    const text = octets.toString('utf8', at, at + length)
    this.#texts[slot] = text
    this.#textsAt[slot] = at
    return text
  }

  #areSame(a: number, b: number, length: number): boolean {
    const octets = this.#octets
    for (let i = 0; i < length; i++) if (octets[a + i] !== octets[b + i]) return false
    return true
  }

  /** Octets apart from what is read. */
  protected copy(octets: Buffer, at: number, length: number): Buffer {
    if (length > POOL / 8) return Buffer.from(octets.subarray(at, at + length))
    const from = this.#copyToPool(octets, at, length)
    return this.#pool.subarray(from, from + length)
  }

  /** Copies octets into memory that many share, since an array with memory of its own takes 130 bytes more. */
  #copyToPool(octets: Buffer, at: number, length: number): number {
    if (this.#poolAt + length > this.#pool.length) {
      this.#pool = Buffer.alloc(POOL)
      this.#poolAt = 0
    }
    const from = this.#poolAt
    this.#poolAt += length
    if (length > SHORT_OCTETS) octets.copy(this.#pool, from, at, at + length)
    else for (let i = 0; i < length; i++) this.#pool[from + i] = octets[at + i]!
    return from
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#octets.length - at) this.refuse('it ends too early')
    this.#at += length
    return at
  }
}
