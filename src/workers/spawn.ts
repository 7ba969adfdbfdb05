import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { SEMI_SPACE } from '../base/heap.ts'
import { errorOf } from '../base/stack.ts'
import type { FromWorker, Start, ToWorker } from './protocol.ts'

/** A worker as the main thread handles it. */
export interface WorkerHandle {
  post(messages: readonly ToWorker[]): void
  /** Ends it at once, whatever it is doing. */
  terminate(): void
}

/** Messages from a worker. */
export interface WorkerEvents {
  messages(messages: readonly FromWorker[]): void
  /** It has gone, and so has everything it had open; `error` says why, if it did not mean to. */
  gone(error: Error | undefined): void
}

export type Spawn = (start: Start, hears: WorkerEvents) => WorkerHandle

/** What every worker runs. The sources are TypeScript, what is shipped is not. */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

/** Both halves, and as much again for objects that are too large for them. */
const YOUNG_GENERATION = 3 * SEMI_SPACE

/** Starts a worker in a thread of its own. */
export const spawnThread: Spawn = (start, hears) => spawnFile(WORKER, start, hears)

/** The same with a program around `worker.ts` instead of it. */
export function spawnFile(file: URL, start: Start, hears: WorkerEvents): WorkerHandle {
  const worker = new Worker(file, {
    workerData: start,
    name: `shard ${start.index + 1}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
  })
  let error: Error | undefined
  worker.on('message', messages => hears.messages(messages))
  worker.on('error', thrown => {
    error = errorOf(thrown)
  })
  worker.on('exit', () => hears.gone(error))
  return {
    post: messages => worker.postMessage(messages),
    terminate: () => void worker.terminate(),
  }
}
