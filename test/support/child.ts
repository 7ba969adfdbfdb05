import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A program that was started for a test: its output is kept, and it is ended by its own process id. */
export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly exited: Promise<Exit>
  #stdout = ''
  #stderr = ''
  #exit: Exit | undefined
  #waiting: (() => void)[] = []

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#name = command
    this.#process = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process.stdout!.setEncoding('utf8').on('data', text => {
      this.#stdout += text
      this.#wake()
    })
    this.#process.stderr!.setEncoding('utf8').on('data', text => {
      this.#stderr += text
      this.#wake()
    })
    // Whatever ends the test also ends what it started.
    const orphan = () => this.#process.kill('SIGKILL')
    process.on('exit', orphan)
    this.exited = new Promise(resolve => {
      const end = (exit: Exit) => {
        process.off('exit', orphan)
        this.#exit = exit
        this.#wake()
        resolve(exit)
      }
      this.#process.on('close', (code, signal) => end({ code, signal }))
      this.#process.on('error', error => {
        this.#stderr += `${error}\n`
        end({ code: null, signal: null })
      })
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  get output(): string {
    return this.#stdout + this.#stderr
  }

  /** Resolves with the match as soon as the output holds one; rejects when the program ends first. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.output.match(pattern)
      if (match) return match
      if (this.#exit) throw new Error(`${this.#name} ended before it said ${pattern}:\n${this.output}`)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal)
  }

  /** Ends the program: politely, and after `patience` milliseconds by force. */
  async stop(patience = 5000): Promise<Exit> {
    if (this.#exit) return this.#exit
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), patience)
    try {
      return await this.exited
    } finally {
      clearTimeout(force)
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }
}
