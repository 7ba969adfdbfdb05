import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LoadError } from './fault.ts'
import { Histogram } from './measure/histogram.ts'
import type { Load, Setup, TrafficTally, WorkerAnswer, WorkerAsk } from './protocol.ts'

/** A run, of all generators together. */
export interface Total extends Omit<TrafficTally, 'latency' | 'latencyMax' | 'cpuMicros'> {
  readonly latency: Histogram
  /** Processor time of the busiest generator: 1 is all of one core. */
  readonly busiest: number
}

/** The generator processes, as if they were one. */
export class LoadWorkers {
  readonly #members: Member[]

  constructor(size: number) {
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'
    const path = fileURLToPath(new URL(file, import.meta.url))
    this.#members = Array.from({ length: size }, () => new Member(path))
  }

  /** Resolves with what the first says of its transport. */
  async prepare(setup: Omit<Setup, 'member'>): Promise<Extract<WorkerAnswer, { kind: 'prepared' }>> {
    const answers = await Promise.all(
      this.#members.map((member, i) =>
        member.ask({ kind: 'prepare', setup: { ...setup, member: i } }, 'prepared'),
      ),
    )
    return answers[0]!
  }

  /** Opens allocations until there are `total`; resolves with how busy the busiest process was. */
  async open(total: number, progress: (open: number) => void): Promise<{ seconds: number; busiest: number }> {
    const begin = performance.now()
    const open = new Map<Member, number>()
    const answers = await Promise.all(
      this.#members.map((member, i) => {
        member.onProgress = count => {
          open.set(member, count)
          progress([...open.values()].reduce((sum, one) => sum + one, 0))
        }
        return member.ask({ kind: 'open', total: this.#share(total, i) }, 'open')
      }),
    )
    const seconds = (performance.now() - begin) / 1000
    const busiest = Math.max(...answers.map(answer => answer.cpuMicros)) / 1e6 / seconds
    return { seconds, busiest }
  }

  async close(keep: number): Promise<void> {
    await Promise.all(
      this.#members.map((member, i) => member.ask({ kind: 'close', keep: this.#share(keep, i) }, 'closed')),
    )
  }

  async run(load: Load, settle: boolean): Promise<Total> {
    const parts = await Promise.all(
      this.#members.map((member, i) => {
        const allocations = this.#share(load.allocations, i)
        const window = Math.max(1, Math.floor((load.window * allocations) / load.allocations))
        return member.ask({ kind: 'run', load: { ...load, allocations, window }, settle }, 'ran')
      }),
    )
    return sum(parts.map(part => part.tally))
  }

  stop(): void {
    for (const member of this.#members) member.stop()
  }

  /** What falls to a member when `total` is dealt out; they differ by one at most. */
  #share(total: number, member: number): number {
    return Math.floor(total / this.#members.length) + (member < total % this.#members.length ? 1 : 0)
  }
}

function sum(tallies: readonly TrafficTally[]): Total {
  const latency = new Histogram()
  for (const tally of tallies) latency.add(new Histogram(tally.latency, tally.latencyMax))
  const all = (pick: (tally: TrafficTally) => number) =>
    tallies.reduce((total, tally) => total + pick(tally), 0)
  return {
    seconds: Math.max(...tallies.map(tally => tally.seconds)),
    sent: all(tally => tally.sent),
    received: all(tally => tally.received),
    octets: all(tally => tally.octets),
    reordered: all(tally => tally.reordered),
    duplicates: all(tally => tally.duplicates),
    corrupt: all(tally => tally.corrupt),
    misdelivered: all(tally => tally.misdelivered),
    skipped: all(tally => tally.skipped),
    held: all(tally => tally.held),
    ownDrops: all(tally => tally.ownDrops),
    latency,
    busiest: Math.max(...tallies.map(tally => tally.cpuMicros / 1e6 / tally.seconds)),
  }
}

/** One generator process. It is asked one thing at a time. */
class Member {
  onProgress: (open: number) => void = () => {}
  readonly #process: ChildProcess
  #answer: ((answer: WorkerAnswer) => void) | undefined
  #ended: string | undefined

  constructor(path: string) {
    this.#process = fork(path, [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#process.on('message', (answer: WorkerAnswer) => {
      if (answer.kind === 'progress') this.onProgress(answer.open)
      else this.#answer?.(answer)
    })
    this.#process.on('error', error => this.#end(error.message))
    this.#process.on('exit', (code, signal) => this.#end(`a generator ended (${signal ?? code})`))
  }

  ask<K extends WorkerAnswer['kind']>(
    ask: WorkerAsk,
    wanted: K,
  ): Promise<Extract<WorkerAnswer, { kind: K }>> {
    return new Promise((resolve, reject) => {
      this.#answer = answer => {
        this.#answer = undefined
        if (answer.kind === wanted) resolve(answer as Extract<WorkerAnswer, { kind: K }>)
        else if (answer.kind === 'failed') reject(new LoadError(answer.fault))
        else reject(new Error(`${answer.kind} for ${wanted}`))
      }
      if (this.#ended !== undefined) this.#end(this.#ended)
      else this.#process.send(ask)
    })
  }

  stop(): void {
    this.#process.removeAllListeners('exit')
    if (this.#process.connected) this.#process.disconnect()
    this.#process.kill('SIGKILL')
  }

  #end(why: string): void {
    this.#ended = why
    this.#answer?.({ kind: 'failed', fault: { kind: 'generator', why } })
  }
}
