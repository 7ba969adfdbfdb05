import { type BigIntStats, stat } from 'node:fs'

/** Milliseconds between two looks at the files. */
export const LOOK_EVERY = 2_000

/** Tells the state of a file as a word; another word is another state. Never fails: an absent file is a state too. */
export type LookAt = (path: string, done: (state: string) => void) => void

/**
 * Notices when files change, by looking at them every now and then. That works
 * on every file system and for files that are replaced by a rename or by
 * turning a symbolic link, as certificate tools and secret mounts do.
 *
 * A change is told once the files have rested for one interval, so that a pair
 * of certificate and key is read when both have arrived.
 */
export class FileWatch {
  readonly #changed: () => void
  readonly #look: LookAt
  #paths: readonly string[] = []
  #settled: string | undefined
  #seen: string | undefined
  #generation = 0
  #timer: NodeJS.Timeout | undefined

  constructor(changed: () => void, look: LookAt = lookAtFile) {
    this.#changed = changed
    this.#look = look
  }

  /** Watches these files and no others; their present state is taken as known. */
  watch(paths: readonly string[]): void {
    const next = [...new Set(paths)].sort()
    if (this.#settled !== undefined && next.join('\n') === this.#paths.join('\n')) return
    this.#paths = next
    this.#settled = undefined
    this.#seen = undefined
    this.#generation++
    this.poll()
  }

  start(): void {
    this.#timer ??= setInterval(() => this.poll(), LOOK_EVERY).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#generation++
  }

  /** Looks at the files once. */
  poll(): void {
    const generation = this.#generation
    const paths = this.#paths
    if (paths.length === 0) return
    const states: string[] = []
    let missing = paths.length
    for (const [i, path] of paths.entries()) {
      this.#look(path, state => {
        states[i] = state
        if (--missing === 0 && generation === this.#generation) this.#compare(states.join('\n'))
      })
    }
  }

  #compare(now: string): void {
    const rested = now === this.#seen
    this.#seen = now
    if (this.#settled === undefined) this.#settled = now
    if (now === this.#settled || !rested) return
    this.#settled = now
    this.#changed()
  }
}

function lookAtFile(path: string, done: (state: string) => void): void {
  stat(path, { bigint: true }, (error, stats: BigIntStats) => {
    done(error ? 'absent' : `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`)
  })
}
