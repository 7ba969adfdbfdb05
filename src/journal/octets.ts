import { SnapshotReader } from '../core/snapshot/octets.ts'
import type { ShapeWriter } from '../core/snapshot/shapes.ts'

/**
 * Writes values into octets that are used again for the next record. Secrets
 * stand among the others, as they do not leave the process.
 */
export class RecordWriter implements ShapeWriter {
  #bytes = Buffer.alloc(1 << 12)
  #end = 0

  /** What has been written since; valid until more is. */
  take(): Buffer {
    const written = this.#bytes.subarray(0, this.#end)
    this.#end = 0
    return written
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#end++] = value
  }

  u16(value: number): void {
    this.#reserve(2)
    this.#end = this.#bytes.writeUInt16BE(value, this.#end)
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#end = this.#bytes.writeUInt32BE(value, this.#end)
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#end = this.#bytes.writeDoubleBE(value, this.#end)
  }

  octets(value: Uint8Array): void {
    this.u32(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
  }

  text(value: string, encoding: 'utf8' | 'latin1'): void {
    this.#reserve(4 + value.length * 3)
    const length = this.#bytes.write(value, this.#end + 4, encoding)
    this.#bytes.writeUInt32BE(length, this.#end)
    this.#end += 4 + length
  }

  secret(value: Uint8Array): void {
    this.octets(value)
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#end + more))
    this.#bytes.copy(larger)
    this.#bytes = larger
  }
}

/** Reads what `RecordWriter` wrote. Throws a `SnapshotRefusal` where there is something else. */
export class RecordReader extends SnapshotReader {
  constructor(record: Buffer) {
    super(record, Buffer.alloc(0))
  }

  override secret(): Buffer {
    return this.octets()
  }
}
