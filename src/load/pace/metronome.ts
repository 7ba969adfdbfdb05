import { Worker } from 'node:worker_threads'

/** Milliseconds between two beats. Timers of the event loop know whole milliseconds only. */
const BEAT = 0.25

/** Calls back several times a millisecond without keeping a processor busy for it. */
export class Metronome {
  readonly #thread: Worker
  /** Whether to beat at all, and whether the last beat was heard. */
  readonly #state = new Int32Array(new SharedArrayBuffer(8))
  #beat: (() => void) | undefined

  constructor() {
    const file = new URL(
      import.meta.url.endsWith('.ts') ? './metronome-thread.ts' : './metronome-thread.js',
      import.meta.url,
    )
    this.#thread = new Worker(file, { workerData: { state: this.#state, beat: BEAT } })
    this.#thread.unref()
    this.#thread.on('message', () => {
      Atomics.store(this.#state, HEARD, 1)
      this.#beat?.()
    })
  }

  start(beat: () => void): void {
    this.#beat = beat
    Atomics.store(this.#state, HEARD, 1)
    Atomics.store(this.#state, RUNS, 1)
    Atomics.notify(this.#state, RUNS)
  }

  pause(): void {
    this.#beat = undefined
    Atomics.store(this.#state, RUNS, 0)
  }

  async stop(): Promise<void> {
    await this.#thread.terminate()
  }
}

const RUNS = 0
const HEARD = 1
