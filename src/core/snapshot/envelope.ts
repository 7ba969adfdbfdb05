import { createHash } from 'node:crypto'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { FORMATS, type PartReaders, READABLE } from './formats.ts'
import { OctetReader } from './octet-reader.ts'
import { CHUNK, ChunkWriter } from './octet-writer.ts'

/** "TCSS" */
const MAGIC = 0x54435353
/** The version that is written. Grows whenever that changes its meaning or its order; see `FORMATS`. */
export const SNAPSHOT_VERSION = 5
/** SHA-256 of all that follows the header. */
const DIGEST = 32
const DIGEST_AT = 4 + 2 + 2 + 4 + 4
const HEADER = DIGEST_AT + DIGEST
const WITH_SECRETS = 1
/** No relay has this much to say; more is not a snapshot. */
const LARGEST = 1 << 30

/**
 * Writes a snapshot: a header (magic, version, flags, lengths, digest), the state, and
 * after it the secrets, which `withoutSecrets` cuts off.
 */
export class SnapshotWriter extends ChunkWriter {
  readonly #secrets = new ChunkWriter()

  secret(value: Uint8Array): void {
    this.u32(value.length)
    this.#secrets.append(value)
  }

  /** Joins what was written, yielding after each part of it: copying all at once would take too long. */
  *finish(): Generator<undefined, Buffer> {
    const chunks = [...this.chunks(), ...this.#secrets.chunks()]
    const whole = Buffer.alloc(HEADER + this.length + this.#secrets.length)
    whole.writeUInt32BE(MAGIC, 0)
    whole.writeUInt16BE(SNAPSHOT_VERSION, 4)
    whole.writeUInt16BE(WITH_SECRETS, 6)
    whole.writeUInt32BE(this.length, 8)
    whole.writeUInt32BE(this.#secrets.length, 12)
    const digest = createHash('sha256')
    let at = HEADER
    for (const chunk of chunks) {
      at += chunk.copy(whole, at)
      digest.update(chunk)
      yield undefined
    }
    digest.digest().copy(whole, DIGEST_AT)
    return whole
  }
}

/** Reads what `SnapshotWriter` wrote. */
export class SnapshotReader extends OctetReader {
  readonly readers: PartReaders
  readonly #secrets: Buffer
  #secretAt = 0

  /** `readers`: those of the version that was written. */
  constructor(readers: PartReaders, state: Buffer, secrets: Buffer) {
    super(state)
    this.readers = readers
    this.#secrets = secrets
  }

  override get isAtEnd(): boolean {
    return super.isAtEnd && this.#secretAt === this.#secrets.length
  }

  secret(): Buffer {
    const length = this.u32()
    const at = this.#secretAt
    if (length > this.#secrets.length - at) this.refuse('a secret is cut off')
    this.#secretAt += length
    return this.copy(this.#secrets, at, length)
  }
}

/**
 * Checks the header of a snapshot and, in slices, its digest: what was damaged on its way is refused before any of it
 * is restored. The error says what is wrong in words for an operator.
 */
export function* openSnapshot(bytes: Uint8Array): Generator<undefined, Result<SnapshotReader, string>> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (whole.length < HEADER || whole.readUInt32BE(0) !== MAGIC)
    return failed('this is not a snapshot of a relay')
  const version = whole.readUInt16BE(4)
  const readers = FORMATS[version]
  if (!readers)
    return failed(`the snapshot has version ${version}, and this relay reads version ${READABLE.join(', ')}`)
  if (whole.length > LARGEST) return failed('the snapshot is larger than any relay makes it')
  const flags = whole.readUInt16BE(6)
  if (flags & ~WITH_SECRETS) return failed(`the snapshot has flags that are not known: ${flags}`)
  if (!(flags & WITH_SECRETS))
    return failed('the snapshot was stored without its secrets, and is of no use alone')
  const state = whole.readUInt32BE(8)
  const secrets = whole.readUInt32BE(12)
  if (HEADER + state + secrets !== whole.length)
    return failed('the snapshot is cut off or has octets to spare')
  const digest = createHash('sha256')
  for (let at = HEADER; at < whole.length; at += CHUNK) {
    digest.update(whole.subarray(at, at + CHUNK))
    yield undefined
  }
  if (!digest.digest().equals(whole.subarray(DIGEST_AT, HEADER)))
    return failed('the snapshot was damaged on its way')
  return succeeded(
    new SnapshotReader(readers, whole.subarray(HEADER, HEADER + state), whole.subarray(HEADER + state)),
  )
}

/**
 * The snapshot without its secrets (keys of nonces and of users, reservation
 * tokens, the secret words of tables), as it may be written to a disk. It says
 * what was there and cannot be restored.
 */
export function withoutSecrets(snapshot: Uint8Array): Buffer {
  const whole = Buffer.from(snapshot)
  const state = whole.readUInt32BE(8)
  whole.writeUInt16BE(whole.readUInt16BE(6) & ~WITH_SECRETS, 6)
  whole.writeUInt32BE(0, 12)
  return Buffer.from(whole.subarray(0, HEADER + state))
}
