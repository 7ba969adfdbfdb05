import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Writes a file as a whole or not at all: a reader, or the next start after a
 * power cut, finds the old text or the new one. Nobody else may read it.
 * Throws the error of the system.
 *
 * The thread waits for the disk; while it relays, `keepFile` is what to use.
 */
export function writeKept(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.new`
  // What a dead process has left, or somebody else has put there, is not written through.
  rmSync(draft, { force: true })
  const fd = openSync(draft, 'wx', 0o600)
  try {
    writeFileSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, file)
}

/** Characters that are written at once; to put them together takes far less than a millisecond. */
const CHUNK = 16 << 10

/** Writes a file as `writeKept` does, without the thread waiting for the disk. Rejects with the error of the system. */
export async function keepFile(file: string, pieces: Iterable<string>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.new`
  await rm(draft, { force: true })
  const handle = await open(draft, 'wx', 0o600)
  try {
    let text = ''
    for (const piece of pieces) {
      text += piece
      if (text.length < CHUNK) continue
      await handle.writeFile(text)
      text = ''
    }
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
}

/**
 * A file that is written as `writeKept` does, but in the background, since a
 * disk may take long and packets do not wait for it. Of several texts that
 * wait only the last is written.
 */
export class KeptFile {
  readonly #file: string
  readonly #failed: (error: NodeJS.ErrnoException) => void
  #next: Iterable<string> | undefined
  #writing: Promise<void> | undefined

  /** `failed` is told the error of the system where a text could not be written. */
  constructor(file: string, failed: (error: NodeJS.ErrnoException) => void) {
    this.#file = file
    this.#failed = failed
  }

  /** Writes a text soon; its pieces are made then, a few at a time. */
  write(pieces: Iterable<string>): void {
    this.#next = pieces
    this.#writing ??= this.#write()
  }

  /** Resolves when everything is written. */
  async idle(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#next) {
      const pieces = this.#next
      this.#next = undefined
      await keepFile(this.#file, pieces).catch(this.#failed)
    }
    this.#writing = undefined
  }
}
