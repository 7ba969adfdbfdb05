import type { Io, Output } from './io.ts'

/** A line that says what is being done, rewritten in place; nothing where there is no terminal. */
export class Ticker {
  readonly #output: Output
  readonly #isLive: boolean

  constructor(output: Output, env: Io['env']) {
    this.#output = output
    this.#isLive = output.isTTY === true && env.TERM !== 'dumb'
  }

  show(text: string): void {
    if (!this.#isLive) return
    const room = Math.max(10, (this.#output.columns ?? 80) - 1)
    const line = text.replaceAll(/\p{Cc}/gu, '?')
    this.#output.write(`\r\u001b[K${line.length > room ? `${line.slice(0, room - 1)}…` : line}`)
  }

  clear(): void {
    if (this.#isLive) this.#output.write('\r\u001b[K')
  }
}
