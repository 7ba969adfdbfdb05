import { type ChildProcess, spawn } from 'node:child_process'
import { LoadError } from './fault.ts'

/** Milliseconds that a program has to end by itself. */
const GRACE = 3000
/** Characters of output that are kept, for when something goes wrong. */
const KEPT = 4000

/** A server program that was started for a bench. */
export class Program {
  readonly #name: string
  readonly #process: ChildProcess
  #output = ''
  #stopping = false
  /** Rejects when the program ends before it was stopped. */
  readonly ended: Promise<never>
  readonly #exited: Promise<void>

  constructor(name: string, command: string, args: readonly string[], folder: string) {
    this.#name = name
    this.#process = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-KEPT)
      })
    }
    this.#exited = new Promise(resolve => {
      this.#process.on('close', () => resolve())
    })
    this.ended = new Promise((_, reject) => {
      this.#process.on('error', error => {
        const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
        reject(new LoadError(isMissing ? { kind: 'missing', program: command } : this.#fault(error.message)))
      })
      this.#process.on('close', () => {
        if (!this.#stopping) reject(new LoadError(this.#fault(this.#output)))
      })
    })
    // It is raced against other promises, which may be over first.
    this.ended.catch(() => {})
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get output(): string {
    return this.#output
  }

  /** Ends the program: politely, then by force. */
  async stop(): Promise<void> {
    if (this.#stopping || this.#process.pid === undefined) return
    this.#stopping = true
    // Under full load a polite request may have to wait for its turn.
    const force = setTimeout(() => this.#process.kill('SIGKILL'), GRACE)
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGTERM')
    await this.#exited
    clearTimeout(force)
  }

  #fault(output: string) {
    return { kind: 'server-ended', server: this.#name, output: output.trim() } as const
  }
}
