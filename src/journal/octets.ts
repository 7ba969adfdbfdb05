import { OctetReader } from '../core/snapshot/octet-reader.ts'
import { OctetWriter } from '../core/snapshot/octet-writer.ts'
import type { ShapeWriter } from '../core/snapshot/shapes.ts'

/**
 * Writes values into memory that is used again for the next record. Secrets
 * stand among the others, as they do not leave the process.
 */
export class RecordWriter extends OctetWriter implements ShapeWriter {
  constructor() {
    super(1 << 12)
  }

  /** What has been written since; valid until more is. */
  take(): Buffer {
    const written = this.bytes.subarray(0, this.end)
    this.end = 0
    return written
  }

  secret(value: Uint8Array): void {
    this.octets(value)
  }

  protected override makeRoom(more: number): void {
    const larger = Buffer.alloc(Math.max(this.bytes.length * 2, this.end + more))
    this.bytes.copy(larger)
    this.useMemory(larger)
  }
}

/** Reads what `RecordWriter` wrote. */
export class RecordReader extends OctetReader {
  secret(): Buffer {
    return this.octets()
  }
}
