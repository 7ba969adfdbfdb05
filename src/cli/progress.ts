import type { Io } from './io.ts'

/** Milliseconds between two drawings. */
const REDRAW = 200
const BAR = 24
const CLEAR = '\r\u001b[2K'

/** A bar on the last line of the terminal, where there is one. */
export class ProgressLine {
  readonly #output: Io['stderr']
  readonly #expected: number
  readonly #begin = performance.now()
  readonly #timer: NodeJS.Timeout | undefined
  #text = ''
  #done = 0

  /** `expected` is in seconds; the bar goes by the clock, and waits before the end if need be. */
  constructor({ stderr, env }: Pick<Io, 'stderr' | 'env'>, expected: number) {
    this.#output = stderr
    this.#expected = expected
    if (!stderr.isTTY || env.TERM === 'dumb') return
    this.#timer = setInterval(() => this.#draw(), REDRAW)
    this.#timer.unref()
  }

  /** Says what is under way. `done` is the share, 0 to 1, that has been reached for certain. */
  tell(text: string, done: number): void {
    this.#text = text
    this.#done = done
  }

  /** Takes the bar away. */
  stop(): void {
    if (!this.#timer) return
    clearInterval(this.#timer)
    this.#output.write(CLEAR)
  }

  #draw(): void {
    const elapsed = (performance.now() - this.#begin) / 1000
    const share = Math.max(this.#done, Math.min(elapsed / this.#expected, 0.99))
    const filled = Math.floor(share * BAR)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${`${Math.floor(share * 100)}`.padStart(2)} %  ${this.#text}`
    this.#output.write(CLEAR + bar.slice(0, (this.#output.columns ?? 80) - 1))
  }
}
