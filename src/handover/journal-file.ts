import { createHash } from 'node:crypto'
import { fstatSync, readSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { failed, type Result, succeeded } from '../base/result.ts'
import { SNAPSHOT_VERSION } from '../core/snapshot/envelope.ts'
import { CHAIN_OCTETS } from '../journal/chains.ts'
import { SharedJournal } from '../journal/journal.ts'
import type { NativeAddon } from '../system/native-addon.ts'
import { systemError } from '../system/system-error.ts'
import { addressText, doors, MOST_WORKERS, socketId } from './protocol.ts'

/** Grows whenever the file or the records of the journal change; the shape of an allocation has a number of its own. */
const JOURNAL_FORMAT = 2

/** A slot for a description: its number and length, a digest, and the description. */
const SLOT = 1 << 18
const SLOTS = 2
const DIGEST_AT = 8
const TEXT_AT = DIGEST_AT + 32
const OCTETS = CHAIN_OCTETS + SLOTS * SLOT

const octets = z.string().transform(text => Buffer.from(text, 'base64'))
const description = z.object({
  format: z.literal(JOURNAL_FORMAT),
  /** Of snapshots: that in which allocations are written. */
  snapshot: z.int(),
  version: z.string(),
  /** What it takes the time for, and the machine's monotonic clock at that moment, in nanoseconds. */
  clock: z.object({ time: z.number(), machine: z.string().regex(/^\d+$/) }),
  /** Of each shard, which has a file of its own: UDP sockets that clients talk to, and where those of others are. */
  shards: z
    .array(z.object({ listeners: z.array(z.object({ id: socketId, local: addressText })), doors }))
    .min(1)
    .max(MOST_WORKERS),
  /** Secrets that clients have something of: nonces, tickets. */
  nonces: octets,
  tickets: octets,
  /** When it began to serve, in milliseconds of the machine's monotonic clock. */
  began: z.number(),
  /** Processes that have ended so, one soon after the other, before the one that wrote this. */
  deaths: z.int().min(0),
  /** The allocations that the shards of the last of them were serving then. */
  suspects: z.array(z.number()),
  /** Processes that have begun to go on from this, and have not said that they do. */
  tries: z.int().min(0),
})
export type Description = z.infer<typeof description>
type Formats = 'format' | 'snapshot'
/** The same, to be written. Formats are those of now unless it says others. */
export type Described = Omit<z.input<typeof description>, Formats> & Partial<Pick<Description, Formats>>

/**
 * What a relay knows of its calls, in a file in memory. Another process that has a descriptor of it, as
 * the service manager has, finds everything there that this one had written when it ended, however that was.
 *
 * First the journal of the allocations, to which the relay writes as to memory of its own, and behind it two
 * slots for a description, which are written in turn. A description that was not written to its end has a wrong
 * digest; then the other one counts.
 *
 * Of several shards each has a file of its own, and the description of all is in that of the first.
 */
export class JournalFile {
  readonly fd: number
  readonly journal: SharedJournal
  #number = 0

  private constructor(fd: number, journal: ArrayBuffer) {
    this.fd = fd
    this.journal = new SharedJournal(journal)
  }

  /** Makes a new one; nothing of it takes memory before it is used. */
  static create(addon: NativeAddon): Result<JournalFile, string> {
    const fd = addon.memory(OCTETS)
    if (fd < 0) return failed(systemError(fd, 'memfd_create').message)
    const file = JournalFile.open(addon, fd)
    if (file.ok) file.value.journal.adopt(() => false)
    else addon.release(fd)
    return file
  }

  /** Opens that of another process, whose descriptor stays the caller's. Says why where it is not such a file. */
  static open(addon: NativeAddon, fd: number): Result<JournalFile, string> {
    // A process that reads mapped memory behind the end of the file is killed.
    const memory = fstatSync(fd).size === OCTETS ? addon.mapMemory(fd, CHAIN_OCTETS) : undefined
    if (memory instanceof ArrayBuffer) return succeeded(new JournalFile(fd, memory))
    return failed(memory === undefined ? 'it has another length' : systemError(memory, 'mmap').message)
  }

  /** Writes the description anew. Says why that cannot be; then the one before is in force. */
  describe(described: Described): Result<void, string> {
    const text = Buffer.from(
      JSON.stringify({ format: JOURNAL_FORMAT, snapshot: SNAPSHOT_VERSION, ...described }),
    )
    if (TEXT_AT + text.length > SLOT) return failed('there are too many listeners')
    const slot = Buffer.alloc(TEXT_AT + text.length)
    slot.writeUInt32BE(++this.#number, 0)
    slot.writeUInt32BE(text.length, 4)
    text.copy(slot, TEXT_AT)
    digestOf(slot).copy(slot, DIGEST_AT)
    const from = slotAt(this.#number % SLOTS)
    for (let at = 0; at < slot.length; ) at += writeSync(this.fd, slot, at, slot.length - at, from + at)
    return succeeded(undefined)
  }

  /** Reads the last description that is whole; undefined where there is none, or one of another format. */
  read(): Description | undefined {
    let last: Buffer | undefined
    for (let i = 0; i < SLOTS; i++) {
      const slot = this.#slot(i)
      if (slot && slot.readUInt32BE(0) > (last?.readUInt32BE(0) ?? 0)) last = slot
    }
    this.#number = last?.readUInt32BE(0) ?? 0
    return last && parse(last.subarray(TEXT_AT))
  }

  #slot(index: number): Buffer | undefined {
    const head = Buffer.alloc(TEXT_AT)
    readSync(this.fd, head, 0, TEXT_AT, slotAt(index))
    const length = head.readUInt32BE(4)
    if (length === 0 || TEXT_AT + length > SLOT) return undefined
    const slot = Buffer.alloc(TEXT_AT + length)
    readSync(this.fd, slot, 0, slot.length, slotAt(index))
    return digestOf(slot).equals(slot.subarray(DIGEST_AT, TEXT_AT)) ? slot : undefined
  }
}

function slotAt(index: number): number {
  return CHAIN_OCTETS + index * SLOT
}

function digestOf(slot: Buffer): Buffer {
  return createHash('sha256').update(slot.subarray(0, DIGEST_AT)).update(slot.subarray(TEXT_AT)).digest()
}

function parse(text: Buffer): Description | undefined {
  try {
    return description.safeParse(JSON.parse(text.toString('utf8'))).data
  } catch {
    return undefined
  }
}
