import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

  const until = performance.now() + options.seconds * 1000
  for (const find of fuzzer.begin([...target.seeds(), ...readCorpus(options.corpus, target.name)]))
    report(find)
  while (performance.now() < until) {
    for (let i = 0; i < 16; i++) report(fuzzer.step())
    show()
  }
  show()
  if (options.save) writeCorpus(options.corpus, target.name, fuzzer.smallest(fuzzer.corpus()))
}

function reproduce(target: Target, input: Buffer): void {
  const begun = performance.now()
  target.run(input)
  console.log(
    `${target.name}: ${input.length} octets in ${(performance.now() - begun).toFixed(1)} ms, and nothing broke`,
  )
}

if (!isMainThread) main(workerData as LoopOptions)
