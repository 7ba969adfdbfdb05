import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { errorOf } from '../base/stack.ts'
import type { FromLedger, LedgerAnswers, LedgerJob, LedgerStart, ToLedger } from './protocol.ts'
import { rowsOfLines } from './row-lines.ts'

/** The sources are TypeScript, what is shipped is not. */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
/** Milliseconds without work after which the thread ends, and gives its memory back. */
const IDLE = 5_000
/** Megabytes: what is short-lived there are rows. */
const YOUNG_GENERATION = 8
/** Megabytes: a hundred thousand users take less than a fifth. Where it is too little, a job fails and nothing else. */
const OLD_GENERATION = 128

/** Does the jobs of the database. */
export interface LedgerDesk {
  do<K extends LedgerJob['kind']>(job: LedgerJob & { readonly kind: K }): Promise<LedgerAnswers[K]>
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
}

/** The thread with the database. It runs while there is something to do, so that an idle relay does not pay for it. */
export class LedgerThread implements LedgerDesk {
  readonly #start: LedgerStart
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #id = 0

  constructor(start: LedgerStart) {
    this.#start = start
  }

  do<K extends LedgerJob['kind']>(job: LedgerJob & { readonly kind: K }): Promise<LedgerAnswers[K]> {
    clearTimeout(this.#idle)
    const worker = (this.#worker ??= this.#spawn())
    const id = ++this.#id
    return new Promise<LedgerAnswers[K]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, job } satisfies ToLedger)
    })
  }

  /** Ends the thread at once: what it was about to write is still in the spool. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#worker?.terminate()
  }

  #spawn(): Worker {
    const worker = new Worker(WORKER, {
      workerData: this.#start,
      name: 'ledger',
      resourceLimits: {
        maxYoungGenerationSizeMb: YOUNG_GENERATION,
        maxOldGenerationSizeMb: OLD_GENERATION,
      },
    })
    // A relay that ends does not wait for it.
    worker.unref()
    worker.on('message', (message: FromLedger) => this.#answered(message))
    worker.on('error', error => this.#gone(worker, errorOf(error)))
    worker.on('exit', () => this.#gone(worker, new Error('the thread of the ledger has ended')))
    return worker
  }

  #answered(message: FromLedger): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('failed' in message) waiting?.reject(new Error(message.failed))
    else waiting?.resolve(answerOf(message) as never)
    if (this.#waiting.size > 0) return
    const worker = this.#worker
    this.#idle = setTimeout(() => {
      this.#worker = undefined
      worker?.postMessage('close' satisfies ToLedger)
    }, IDLE).unref()
  }

  #gone(worker: Worker, error: Error): void {
    // One that was told to close has nothing to answer for.
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function answerOf(message: Exclude<FromLedger, { readonly failed: string }>) {
  if ('answer' in message) return message.answer
  const rows = rowsOfLines(message.lines)
  return message.more === undefined ? rows : { rows, more: message.more }
}
