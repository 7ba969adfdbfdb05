import { createInterface, type Interface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'

/** Exit code of a program that Ctrl-C has ended, as shells have it. */
const INTERRUPTED = 130

/**
 * Asks the person at a terminal. All questions read from one place, so that an answer typed, or pasted, before its
 * question is there is kept for it.
 */
export class Questions {
  readonly #input: Readable
  readonly #output: Writable
  readonly #isTerminal: boolean
  readonly #interrupted: () => void
  readonly #early: string[] = []
  #lines: Interface | undefined
  #answer: ((line: string) => void) | undefined
  #isHidden = false

  constructor(
    input: Readable,
    output: Writable,
    isTerminal = true,
    interrupted: () => void = () => process.exit(INTERRUPTED),
  ) {
    this.#input = input
    this.#output = output
    this.#isTerminal = isTerminal
    this.#interrupted = interrupted
  }

  /** Resolves with the answer; with an empty one where the input has ended. */
  ask(question: string): Promise<string> {
    this.#open()
    this.#output.write(question)
    const early = this.#early.shift()
    if (early !== undefined) {
      this.#output.write('\n')
      return Promise.resolve(early)
    }
    return new Promise(resolve => {
      this.#answer = resolve
    })
  }

  /** The same without showing what is typed. */
  async askSecret(question: string): Promise<string> {
    this.#isHidden = true
    try {
      return await this.ask(question)
    } finally {
      this.#isHidden = false
      this.#output.write('\n')
    }
  }

  close(): void {
    this.#lines?.close()
  }

  #open(): void {
    if (this.#lines) return
    const echo = new Writable({
      write: (chunk, _encoding, done) => {
        if (!this.#isHidden) this.#output.write(chunk)
        done()
      },
    })
    this.#lines = createInterface({ input: this.#input, output: echo, terminal: this.#isTerminal })
    this.#lines.on('line', line => {
      const answer = this.#answer
      this.#answer = undefined
      if (answer) answer(line)
      else this.#early.push(line)
    })
    this.#lines.on('SIGINT', this.#interrupted)
    this.#lines.on('close', () => this.#answer?.(''))
  }
}
