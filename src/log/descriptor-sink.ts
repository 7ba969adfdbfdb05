import { write, writeSync } from 'node:fs'

/** Octets that may wait for the reader of the log, and those of one write. */
const LONGEST_QUEUE = 1 << 20
const LONGEST_WRITE = 1 << 16
/** Milliseconds after which a reader that could take nothing is asked again. */
const AGAIN = 100
/** Milliseconds after which a write that failed is tried again. */
const AFTER_FAILURE = 1000
/** Milliseconds that the last lines get to leave. */
const LAST_LINES = 1000

/** A while in which the log could not be written. */
export interface LogGap {
  readonly why: string
  readonly linesLost: number
}

export interface DescriptorSinkOptions {
  readonly descriptor: number
  /** Called once lines can be written again after some were lost. */
  readonly resumed: (gap: LogGap) => void
  /** Another way to write; for tests. */
  readonly write?: (
    bytes: Buffer,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ) => void
  readonly later?: (run: () => void, milliseconds: number) => void
}

/**
 * Writes lines to a descriptor without waiting for it. A reader that stalls
 * must not stall the relay, so at most a megabyte waits and what exceeds that
 * is lost. A write that fails (a full disk, a terminal that was closed) is
 * tried again a second later, and once more on `close`: it keeps neither the
 * relay from relaying nor the process from ending.
 */
export class DescriptorSink {
  readonly #options: Required<DescriptorSinkOptions>
  readonly #queue: Buffer[] = []
  #queued = 0
  /** What is being written, or could not be: whole lines but for what the kernel has taken of them. */
  #current: Buffer | undefined
  #isWriting = false
  #why: string | undefined
  #lost = 0
  #closed: (() => void) | undefined

  constructor(options: DescriptorSinkOptions) {
    const { descriptor } = options
    this.#options = {
      write: (bytes, done) => write(descriptor, bytes, 0, bytes.length, null, done),
      later: (run, milliseconds) => void setTimeout(run, milliseconds).unref(),
      ...options,
    }
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#queued + bytes.length > LONGEST_QUEUE) {
      this.#why ??= 'the reader has stalled'
      this.#lost++
      return
    }
    this.#queue.push(bytes)
    this.#queued += bytes.length
    if (!this.#current) this.#next()
  }

  /** Calls `done` when all is written, the last write has failed, or a second has passed. Call it once. */
  close(done: () => void): void {
    this.#closed = done
    this.#options.later(() => this.#end(), LAST_LINES)
    if (this.#current) this.#put()
    else this.#end()
  }

  /**
   * Writes what waits before the process exits in another way than by `close`.
   * Nothing is tried twice, and nothing at all while a write is under way.
   */
  flushSync(): void {
    if (this.#isWriting) return
    try {
      if (this.#current) writeSync(this.#options.descriptor, this.#current)
      for (const bytes of this.#queue) writeSync(this.#options.descriptor, bytes)
    } catch {
      // Nobody is left who could be told.
    }
    this.#current = undefined
    this.#queue.length = 0
  }

  #next(): void {
    if (this.#queue.length === 0) {
      this.#end()
      return
    }
    let length = 0
    let lines = 0
    for (const { length: octets } of this.#queue) {
      if (lines > 0 && length + octets > LONGEST_WRITE) break
      length += octets
      lines++
    }
    this.#current = Buffer.concat(this.#queue.splice(0, lines), length)
    this.#put()
  }

  #put(): void {
    const bytes = this.#current
    if (!bytes || this.#isWriting) return
    this.#isWriting = true
    this.#options.write(bytes, (error, written) => {
      this.#isWriting = false
      if (this.#current !== bytes) return
      if (error) {
        this.#failed(error)
        return
      }
      this.#queued -= written
      this.#resume()
      this.#current = written < bytes.length ? bytes.subarray(written) : undefined
      if (this.#current) this.#put()
      else this.#next()
    })
  }

  #failed(error: NodeJS.ErrnoException): void {
    const isStalled = error.code === 'EAGAIN' || error.code === 'EBUSY'
    this.#why ??= isStalled ? 'the reader has stalled' : (error.code ?? error.message)
    if (this.#closed && !isStalled) this.#end()
    else this.#options.later(() => this.#put(), isStalled ? AGAIN : AFTER_FAILURE)
  }

  #resume(): void {
    if (this.#why === undefined) return
    const gap = { why: this.#why, linesLost: this.#lost }
    this.#why = undefined
    this.#lost = 0
    this.#options.resumed(gap)
  }

  #end(): void {
    const done = this.#closed
    if (!done) return
    this.#closed = undefined
    this.#current = undefined
    this.#queue.length = 0
    this.#queued = 0
    done()
  }
}
