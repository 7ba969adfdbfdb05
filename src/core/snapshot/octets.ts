import { createHash } from 'node:crypto'
import { failed, type Result, succeeded } from '../../base/result.ts'

/** "TCSS" */
const MAGIC = 0x54435353
/** Grows whenever what is written changes its meaning or its order. */
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
 * after it the secrets, which `withoutSecrets` cuts off. Integers are
 * big-endian.
 */
export class SnapshotWriter {
  readonly #state = new Octets()
  readonly #secrets = new Octets()

  u8(value: number): void {
    const bytes = this.#state.reserve(1)
    bytes[this.#state.end++] = value
  }

  u16(value: number): void {
    const bytes = this.#state.reserve(2)
    this.#state.end = bytes.writeUInt16BE(value, this.#state.end)
  }

  u32(value: number): void {
    const bytes = this.#state.reserve(4)
    this.#state.end = bytes.writeUInt32BE(value, this.#state.end)
  }

  f64(value: number): void {
    const bytes = this.#state.reserve(8)
    this.#state.end = bytes.writeDoubleBE(value, this.#state.end)
  }

  octets(value: Uint8Array): void {
    this.u32(value.length)
    this.#state.append(value)
  }

  text(value: string, encoding: 'utf8' | 'latin1'): void {
    const state = this.#state
    const bytes = state.reserve(4 + value.length * 3)
    const length = bytes.write(value, state.end + 4, encoding)
    bytes.writeUInt32BE(length, state.end)
    state.end += 4 + length
  }

  secret(value: Uint8Array): void {
    this.u32(value.length)
    this.#secrets.append(value)
  }

  /** Joins what was written, yielding after each part of it: copying all at once would take too long. */
  *finish(): Generator<undefined, Buffer> {
    const chunks = [...this.#state.chunks(), ...this.#secrets.chunks()]
    const whole = Buffer.alloc(HEADER + this.#state.length + this.#secrets.length)
    whole.writeUInt32BE(MAGIC, 0)
    whole.writeUInt16BE(SNAPSHOT_VERSION, 4)
    whole.writeUInt16BE(WITH_SECRETS, 6)
    whole.writeUInt32BE(this.#state.length, 8)
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

/** A snapshot that cannot be read. Does not leave this folder. */
export class SnapshotRefusal extends Error {}

/** Reads what `SnapshotWriter` wrote. Throws a `SnapshotRefusal` where there is something else. */
export class SnapshotReader {
  readonly #state: Buffer
  readonly #secrets: Buffer
  #at = 0
  #secretAt = 0

  constructor(state: Buffer, secrets: Buffer) {
    this.#state = state
    this.#secrets = secrets
  }

  get isAtEnd(): boolean {
    return this.#at === this.#state.length && this.#secretAt === this.#secrets.length
  }

  refuse(why: string): never {
    throw new SnapshotRefusal(`the snapshot is damaged at octet ${this.#at}: ${why}`)
  }

  u8(): number {
    return this.#state[this.#take(1)]!
  }

  u16(): number {
    return this.#state.readUInt16BE(this.#take(2))
  }

  u32(): number {
    return this.#state.readUInt32BE(this.#take(4))
  }

  f64(): number {
    return this.#state.readDoubleBE(this.#take(8))
  }

  octets(): Buffer {
    const length = this.u32()
    const at = this.#take(length)
    return Buffer.from(this.#state.subarray(at, at + length))
  }

  /** Octets as they are kept in addresses: few, so that a loop is quicker than a call. */
  few(most: number): Uint8Array {
    const length = this.u32()
    if (length > most) this.refuse(`${length} octets where ${most} are the most`)
    const at = this.#take(length)
    const state = this.#state
    const value = new Uint8Array(length)
    for (let i = 0; i < length; i++) value[i] = state[at + i]!
    return value
  }

  text(encoding: 'utf8' | 'latin1'): string {
    const length = this.u32()
    const at = this.#take(length)
    return this.#state.toString(encoding, at, at + length)
  }

  secret(): Buffer {
    const length = this.u32()
    const at = this.#secretAt
    if (length > this.#secrets.length - at) this.refuse('a secret is cut off')
    this.#secretAt += length
    return Buffer.from(this.#secrets.subarray(at, at + length))
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#state.length - at) this.refuse('it ends too early')
    this.#at += length
    return at
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
  if (version !== SNAPSHOT_VERSION) {
    return failed(`the snapshot has version ${version}, and this relay reads version ${SNAPSHOT_VERSION}`)
  }
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
  return succeeded(new SnapshotReader(whole.subarray(HEADER, HEADER + state), whole.subarray(HEADER + state)))
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

/** Bytes of a chunk; more where one value needs them. */
const CHUNK = 1 << 18

/** Octets that grow by chunks, so that none is copied before the end. */
class Octets {
  /** The last chunk, and how much of it is used. */
  bytes = Buffer.alloc(CHUNK)
  end = 0
  readonly #full: Buffer[] = []
  #before = 0

  get length(): number {
    return this.#before + this.end
  }

  /** All of them, in order. */
  chunks(): Buffer[] {
    return [...this.#full, this.bytes.subarray(0, this.end)]
  }

  /** Makes room for `more` in the last chunk, and returns that. */
  reserve(more: number): Buffer {
    if (this.end + more > this.bytes.length) {
      this.#full.push(this.bytes.subarray(0, this.end))
      this.#before += this.end
      this.bytes = Buffer.alloc(Math.max(CHUNK, more))
      this.end = 0
    }
    return this.bytes
  }

  append(value: Uint8Array): void {
    const bytes = this.reserve(value.length)
    // Most are IP addresses, for which a call costs more than the octets.
    if (value.length > 16) bytes.set(value, this.end)
    else for (let i = 0; i < value.length; i++) bytes[this.end + i] = value[i]!
    this.end += value.length
  }
}
