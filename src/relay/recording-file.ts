import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { failed, type Result, succeeded } from '../base/result.ts'
import { Disguise } from '../recording/disguise.ts'
import { writeLine } from '../recording/line.ts'
import type { Ending, RecordingEntry } from '../recording/step.ts'
import type { RunningText } from '../texts/running.ts'

/** Bytes that a recording may have; some 200,000 steps. */
export const RECORDING_LIMIT = 64 << 20
/** Entries that are written in one turn of the event loop. */
const TURN = 64
/** Entries that may wait for their turn. */
const MOST_WAITING = 4096

/** Where a shard records. Descriptors count for the whole process, so a worker gets it from the main thread. */
export interface RecordingTo {
  readonly fd: number
  readonly version: string
  /** From 1 on; 0 where there is one shard. */
  readonly worker: number
  readonly limit: number
}

/**
 * Opens a file to record to, for its owner's eyes only. One that is there is continued if it is a recording, so that a
 * restart loses nothing; anything else is left alone.
 */
export function openRecording(file: string): Result<number, RunningText> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  let fd: number
  try {
    fd = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return failed({ key: 'start.record', values: { file, code } })
  }
  const start = Buffer.alloc(BEGINS.length)
  const { size } = fstatSync(fd)
  const isOurs = size === 0 || (readSync(fd, start, 0, start.length, 0) > 0 && start.equals(BEGINS))
  if (!fstatSync(fd).isFile() || !isOurs) {
    closeSync(fd)
    return failed({ key: 'start.recordOther', values: { file } })
  }
  fchmodSync(fd, 0o600)
  return succeeded(fd)
}

/** How the file of every recording begins. */
const BEGINS = Buffer.from('{"kind":"beginning"')

/**
 * Writes entries to a file, disguised, in turns of the event loop of their own.
 * A write goes to the page cache and is not waited for on a disk.
 */
export class RecordingFile {
  readonly #to: RecordingTo
  readonly #stopped: (why: string) => void
  readonly #disguise = new Disguise()
  #waiting: RecordingEntry[] = []
  #left: number
  #isScheduled = false
  #isOver = false

  /** `stopped` is told once where it stops before its end. */
  constructor(to: RecordingTo, stopped: (why: string) => void) {
    this.#to = to
    this.#stopped = stopped
    this.#left = to.limit - fstatSync(to.fd).size
  }

  /** Takes an entry; false where no more are wanted. */
  take(entry: RecordingEntry): boolean {
    if (this.#isOver) return false
    this.#waiting.push(entry)
    if (this.#waiting.length > MOST_WAITING) this.#write(MOST_WAITING)
    this.#schedule()
    return !this.#isOver
  }

  /** Writes what is left and the end. */
  end(): void {
    this.#write(this.#waiting.length)
    this.#finish('stopped', '')
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isOver || this.#waiting.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#write(TURN)
      this.#schedule()
    })
  }

  #write(most: number): void {
    if (this.#isOver) return
    let text = ''
    for (const entry of this.#waiting.splice(0, most)) {
      const line = `${writeLine(this.#disguise.entry(entry))}\n`
      this.#left -= Buffer.byteLength(line)
      if (this.#left < 0) {
        this.#finish('full', text)
        this.#stopped('it has reached its size')
        return
      }
      text += line
    }
    this.#append(text)
  }

  #finish(why: Ending['why'], before: string): void {
    if (this.#isOver) return
    this.#append(`${before}${writeLine({ kind: 'ending', why })}\n`)
    this.#isOver = true
    this.#waiting = []
  }

  #append(text: string): void {
    if (text === '') return
    try {
      writeSync(this.#to.fd, text)
    } catch (error) {
      this.#isOver = true
      this.#waiting = []
      this.#stopped(`it cannot be written: ${(error as NodeJS.ErrnoException).code}`)
    }
  }
}
