import { createHash } from 'node:crypto'
import { type Dice, dice, seedOf } from '../sim/random.ts'
import { bucket, EDGES, edges, hits, reset } from './coverage.ts'
import { havoc, upTo, without } from './mutate.ts'
import { STUN_WORDS } from './stun.ts'
import type { Target } from './target.ts'

/** What came of an input that did not go well. */
export interface Find {
  readonly kind: 'crash' | 'slow'
  readonly input: Buffer
  readonly what: string
}

export interface Figures {
  executions: number
  corpus: number
  edges: number
  crashes: number
  slow: number
  /** Executions when something new was last seen. */
  news: number
}

interface Entry {
  readonly bytes: Buffer
  picked: number
}

export interface FuzzerOptions {
  readonly seed: number
  readonly words?: readonly Buffer[]
  /** Told before each execution, so that somebody else can see what hangs. */
  readonly watch?: (input: Buffer) => void
}

/**
 * Looks for inputs that break a target, led by coverage as AFL is: an input
 * that takes a new edge, or an old one often for the first time, joins the
 * corpus, and the next inputs are made of the corpus. The same seed and corpus
 * make the same inputs in the same order.
 */
export class Fuzzer {
  readonly figures: Figures = { executions: 0, corpus: 0, edges: 0, crashes: 0, slow: 0, news: 0 }
  readonly #target: Target
  readonly #roll: Dice
  readonly #words: readonly Buffer[]
  readonly #watch: (input: Buffer) => void
  /** Bits of `bucket` not seen yet, by edge. */
  readonly #seen = new Uint16Array(EDGES)
  readonly #corpus: Entry[] = []
  readonly #known = new Set<string>()

  constructor(target: Target, options: FuzzerOptions) {
    this.#target = target
    this.#roll = dice(seedOf(options.seed, target.name))
    this.#words = options.words ?? STUN_WORDS
    this.#watch = options.watch ?? (() => {})
  }

  /** Plays inputs that are there already; those that show nothing new are left out. Shortest first. */
  begin(inputs: readonly Buffer[]): Find[] {
    const finds: Find[] = []
    for (const input of [...inputs].sort((a, b) => a.length - b.length)) {
      const find = this.#execute(input)
      if (find) finds.push(find)
      else if (this.#takeNews()) this.#keep(input)
    }
    if (this.#corpus.length === 0) this.#keep(Buffer.alloc(1))
    return finds
  }

  /** Makes one input and plays it. */
  step(): Find | undefined {
    const input = this.#make()
    const find = this.#execute(input)
    if (find) return find
    if (this.#hasNews()) {
      const shorter = this.#shorten(input)
      this.#run(shorter)
      this.#takeNews()
      this.#keep(shorter)
      this.figures.news = this.figures.executions
    }
    return undefined
  }

  /** The corpus, in the order it was found. */
  corpus(): Buffer[] {
    return this.#corpus.map(entry => entry.bytes)
  }

  /** A few inputs that take every edge that `inputs` take: shortest first, and only what is new beside those before. */
  smallest(inputs: readonly Buffer[]): Buffer[] {
    this.#seen.fill(0)
    const kept: Buffer[] = []
    for (const input of [...inputs].sort((a, b) => a.length - b.length)) {
      if (this.#run(input) !== undefined) continue
      const isNew = edges().some(edge => this.#seen[edge] === 0)
      this.#takeNews()
      if (isNew) kept.push(input)
    }
    return kept
  }

  #make(): Buffer {
    const roll = this.#roll
    const entry = this.#pick()
    const other = this.#corpus[upTo(roll, this.#corpus.length)]!.bytes
    entry.picked++
    const target = this.#target
    let bytes = entry.bytes
    if (roll() < 0.75) bytes = target.mutate(bytes, other, roll)
    if (bytes === entry.bytes || roll() < 0.15) bytes = havoc(bytes, other, roll, this.#words)
    return bytes.length > target.longest ? bytes.subarray(0, target.longest) : bytes
  }

  /** The better of two drawn by lot: short, and not often tried. */
  #pick(): Entry {
    const roll = this.#roll
    const corpus = this.#corpus
    const first = corpus[upTo(roll, corpus.length)]!
    // What is new has most to give.
    const second = corpus[corpus.length - 1 - upTo(roll, Math.min(corpus.length, 64))]!
    const cost = (entry: Entry) => (entry.picked + 1) * (entry.bytes.length + 64)
    return cost(second) < cost(first) ? second : first
  }

  #execute(input: Buffer): Find | undefined {
    const begun = cpu()
    const error = this.#run(input)
    const took = cpu() - begun
    this.figures.executions++
    if (error !== undefined) return this.#crash(input, error)
    if (took <= this.#target.slow) return undefined
    // Whatever else this process did is not the input's fault: the best of five counts.
    let best = took
    for (let i = 0; i < 4 && best > this.#target.slow; i++) {
      const again = cpu()
      this.#run(input)
      best = Math.min(best, cpu() - again)
    }
    if (best <= this.#target.slow || this.#isKnown(`slow ${Math.round(Math.log2(input.length))}`))
      return undefined
    this.figures.slow++
    return { kind: 'slow', input, what: `${best.toFixed(1)} ms of CPU` }
  }

  /** Plays an input; returns what it threw. */
  #run(input: Buffer): Error | undefined {
    this.#watch(input)
    reset()
    try {
      this.#target.run(input)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
    return undefined
  }

  /** Makes a crashing input short as long as it fails at the same place. */
  #crash(input: Buffer, error: Error): Find | undefined {
    const place = placeOf(error)
    if (this.#isKnown(place)) return undefined
    const fails = (one: Buffer) => {
      const again = this.#run(one)
      return again !== undefined && placeOf(again) === place
    }
    const shorter = shorten(input, fails, 2000)
    this.figures.crashes++
    return { kind: 'crash', input: shorter, what: error.stack ?? error.message }
  }

  #shorten(input: Buffer): Buffer {
    // What must stay: the edges that nobody has taken so often.
    const news = [...edges()].filter(edge => (bucket(hits[edge]!) & ~this.#seen[edge]!) !== 0)
    const shows = (one: Buffer) =>
      this.#run(one) === undefined && news.every(edge => (bucket(hits[edge]!) & ~this.#seen[edge]!) !== 0)
    return shorten(input, shows, 24)
  }

  #hasNews(): boolean {
    for (const edge of edges()) if ((bucket(hits[edge]!) & ~this.#seen[edge]!) !== 0) return true
    return false
  }

  #takeNews(): boolean {
    let isNews = false
    for (const edge of edges()) {
      const seen = this.#seen[edge]!
      const bit = bucket(hits[edge]!)
      if ((bit & ~seen) === 0) continue
      if (seen === 0) this.figures.edges++
      this.#seen[edge] = seen | bit
      isNews = true
    }
    return isNews
  }

  #keep(bytes: Buffer): void {
    this.#corpus.push({ bytes: Buffer.from(bytes), picked: 0 })
    this.figures.corpus = this.#corpus.length
  }

  #isKnown(what: string): boolean {
    if (this.#known.has(what)) return true
    this.#known.add(what)
    return false
  }
}

/** Milliseconds of CPU that this process has used: what else runs on the machine is not in it. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Names a file by its octets. */
export function nameOf(input: Buffer): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16)
}

/** Takes away blocks, large ones first, as long as `holds`; asks at most `tries` times. */
function shorten(input: Buffer, holds: (input: Buffer) => boolean, tries: number): Buffer {
  let best = input
  let left = tries
  for (let size = Math.max(1, input.length >> 1); ; size >>= 1) {
    for (let at = 0; at < best.length && left > 0; ) {
      const shorter = without(best, at, size)
      left--
      if (shorter.length > 0 && holds(shorter)) best = shorter
      else at += size
    }
    if (size <= 1 || left <= 0) return best
  }
}

/** Message without its figures, and where it was thrown: the same fault twice is one fault. */
function placeOf(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '))
  // From there on it is how we came to run the input, and that differs.
  const ours = frames.findIndex(line => line.includes('#run '))
  return `${error.message.replaceAll(/[0-9a-f.:]+/g, '#').slice(0, 80)} ${frames.slice(0, ours < 0 ? 3 : Math.min(3, ours)).join(' ')}`
}
