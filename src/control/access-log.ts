import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { AccessEntry } from './view.ts'

/** Octets after which the file becomes the predecessor, of which there is one: some 50 000 lines each. */
const LONGEST = 8 << 20
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
  read(limit: number): AccessEntry[] {
    const { file } = this.#options
    const lines = linesOf(file)
    const all = lines.length >= limit ? lines : [...linesOf(`${file}.1`), ...lines]
    return all.slice(-limit).flatMap(parse)
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

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line !== '')
  } catch {
    return []
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
