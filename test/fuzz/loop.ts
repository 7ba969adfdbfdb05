import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { readCorpus, writeCorpus } from './corpus.ts'
import { type Find, Fuzzer, nameOf } from './engine.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets/all.ts'

/** What the loop is told when it starts. */
export interface LoopOptions {
  readonly target: string
  readonly seconds: number
  readonly seed: number
  /** Folder of the corpus, read at the beginning; written to at the end with `save`. */
  readonly corpus: string
  readonly save: boolean
  /** Folder for what was found. */
  readonly finds: string
  /** Plays this file only. */
  readonly reproduce?: string
  /** Executions, corpus, edges, crashes, slow ones, executions at the last news, octets of the input that runs. */
  readonly figures: Float64Array
  /** The input that runs, for whoever finds that it does not end. */
  readonly input: Uint8Array
}

/** Where `figures` has the length of the input that runs. */
export const INPUT_LENGTH = 6
export const FIGURES = 7

function main(options: LoopOptions): void {
  const target = TARGETS.find(one => one.name === options.target)
  if (!target) throw new Error(`no target ${options.target}`)
  if (options.reproduce !== undefined) {
    reproduce(target, readFileSync(options.reproduce))
    return
  }
  const { figures, input } = options
  const fuzzer = new Fuzzer(target, {
    seed: options.seed,
    watch(bytes) {
      figures[INPUT_LENGTH] = bytes.length
      input.set(bytes.subarray(0, input.length))
    },
  })
  const show = () => {
    const { executions, corpus, edges, crashes, slow, news } = fuzzer.figures
    figures.set([executions, corpus, edges, crashes, slow, news])
  }
  const report = (find: Find | undefined) => {
    if (!find) return
    mkdirSync(options.finds, { recursive: true })
    const file = join(options.finds, `${target.name}-${find.kind}-${nameOf(find.input)}`)
    writeFileSync(file, find.input)
    parentPort?.postMessage({ kind: find.kind, what: find.what, file })
  }

  const heap = new HeapWatch()
  const until = performance.now() + options.seconds * 1000
  for (const find of fuzzer.begin([...target.seeds(), ...readCorpus(options.corpus, target.name)]))
    report(find)
  while (performance.now() < until) {
    for (let i = 0; i < 16; i++) report(fuzzer.step())
    show()
    const grown = heap.look(fuzzer.corpus())
    if (grown !== undefined) parentPort?.postMessage({ kind: 'memory', what: grown })
  }
  show()
  const summary = target.summary?.()
  if (summary) parentPort?.postMessage({ kind: 'summary', what: summary })
  if (options.save) writeCorpus(options.corpus, target.name, fuzzer.smallest(fuzzer.corpus()))
}

/** Milliseconds between two looks at the heap, bytes that it may grow by, and looks before the first that counts. */
const LOOK_EVERY = 20_000
const GROWTH = 24 << 20
const WARMING = 3

/** Watches what inputs leave behind: whatever a run makes is garbage after it, but for the corpus. */
class HeapWatch {
  #next = performance.now() + LOOK_EVERY
  #looks = 0
  #least = 0
  readonly #collect: () => void

  constructor() {
    setFlagsFromString('--expose-gc')
    this.#collect = runInNewContext('gc')
  }

  /** Says how much has grown, once; undefined where nothing has, or it is too early to look. */
  look(corpus: readonly Buffer[]): string | undefined {
    if (performance.now() < this.#next) return undefined
    this.#next = performance.now() + LOOK_EVERY
    this.#collect()
    const { used_heap_size, external_memory } = getHeapStatistics()
    const kept = corpus.reduce((sum, input) => sum + input.length + 400, 0)
    const bytes = used_heap_size + external_memory - kept
    if (++this.#looks <= WARMING) this.#least = this.#looks === 1 ? bytes : Math.max(this.#least, bytes)
    else if (bytes > this.#least + GROWTH) {
      const grown = `${(this.#least / 1e6).toFixed(1)} MB have become ${(bytes / 1e6).toFixed(1)}`
      this.#least = bytes
      return grown
    }
    return undefined
  }
}

function reproduce(target: Target, input: Buffer): void {
  const begun = performance.now()
  target.run(input)
  console.log(
    `${target.name}: ${input.length} octets in ${(performance.now() - begun).toFixed(1)} ms, and nothing broke`,
  )
}

if (!isMainThread) main(workerData as LoopOptions)
