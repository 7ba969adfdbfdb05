import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DEAR, inSlices } from '../system/slices.ts'
import type { AccessEntry } from './view.ts'

/** Octets after which the file becomes the predecessor, of which there is one: some 50 000 lines each. */
const LONGEST = 8 << 20
/** Octets that are read at once, and at most, to show the last lines. */
const BLOCK = 64 << 10
const MOST_READ = 4 << 20
const READING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
const FLAGS = constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW

export interface AccessLogOptions {
  readonly file: string
  /** Told of every entry, whether it could be written or not. */
  written?(entry: Omit<AccessEntry, 'at'>): void
  /** Told once when lines cannot be written, until they can again. */
  broken(error: Error): void
  readonly now?: () => number
  readonly longest?: number
}

/**
 * The append-only file of who looked at personal data or did something, one
 * line of JSON each. A line is with the system before what it tells of happens.
 */
export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #now: () => number
  #fd: number | undefined
  #size = 0
  #isBroken = false

  constructor(options: AccessLogOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Writes a line; false if it fails, e.g. because the disk is full. */
  write(entry: Omit<AccessEntry, 'at'>): boolean {
    this.#options.written?.(entry)
    const line = Buffer.from(`${JSON.stringify({ at: new Date(this.#now()).toISOString(), ...entry })}\n`)
    try {
      const written = writeSync(this.#open(), line)
      // On a full disk part of a line may get there; the next one begins anew.
      if (written < line.length) throw new Error('the line could be written in part only')
      this.#size += written
      this.#isBroken = false
      return true
    } catch (error) {
      this.close()
      if (!this.#isBroken) this.#options.broken(error as Error)
      this.#isBroken = true
      return false
    }
  }

  /** The last entries, oldest first. Lines that no relay has written are left out. */
  async read(limit: number): Promise<AccessEntry[]> {
    const { file } = this.#options
    let lines = await lastLines(file, limit)
    if (lines.length < limit) lines = [...(await lastLines(`${file}.1`, limit - lines.length)), ...lines]
    const entries: AccessEntry[] = []
    await inSlices(lines, line => void entries.push(...parse(line)), DEAR)
    return entries
  }

  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  #open(): number {
    const { file, longest = LONGEST } = this.#options
    if (this.#fd !== undefined && this.#size >= longest) {
      this.close()
      renameSync(file, `${file}.1`)
    }
    if (this.#fd === undefined) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      this.#fd = openSync(file, FLAGS, 0o600)
      this.#size = fstatSync(this.#fd).size
      const last = Buffer.alloc(1)
      if (this.#size > 0 && readSync(this.#fd, last, 0, 1, this.#size - 1) === 1 && last[0] !== 10) {
        this.#size += writeSync(this.#fd, '\n')
      }
    }
    return this.#fd
  }
}

/**
 * The last lines of a file, read from its end and no further than it takes: it
 * may have megabytes. None where it cannot be read.
 */
async function lastLines(file: string, limit: number): Promise<string[]> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, READING)
    let at = (await handle.stat()).size
    const blocks: Buffer[] = []
    let breaks = 0
    while (at > 0 && breaks <= limit && blocks.length * BLOCK < MOST_READ) {
      const block = Buffer.alloc(Math.min(BLOCK, at))
      at -= block.length
      await handle.read(block, 0, block.length, at)
      for (const octet of block) if (octet === 10) breaks++
      blocks.unshift(block)
    }
    const lines = Buffer.concat(blocks).toString('utf8').split('\n')
    // The first may have begun before what was read.
    if (at > 0) lines.shift()
    return lines.filter(line => line !== '').slice(-limit)
  } catch {
    return []
  } finally {
    await handle?.close()
  }
}

function parse(line: string): AccessEntry[] {
  try {
    const entry = JSON.parse(line) as AccessEntry
    return typeof entry.at === 'string' && typeof entry.who === 'string' ? [entry] : []
  } catch {
    return []
  }
}
