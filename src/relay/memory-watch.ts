import { type MemoryKind, MemoryRoom } from '../system/memory-room.ts'
import type { RunningKey } from '../texts/running.ts'
import type { FaultLog } from './guarded-inbox.ts'

/** Allocations after which memory is looked at again before the second is over: they may come by the thousand. */
const UNSEEN = 128
/** The share of what was open while memory was short, below which the garbage of what has ended is collected. */
const LEFT = 0.75
/** Looks between two collections at least: each holds the thread up. */
const BETWEEN = 10
const MIB = 1 << 20

const HINTS: Readonly<Record<MemoryKind, RunningKey>> = {
  heap: 'hint.memoryHeap',
  process: 'hint.memoryProcess',
  addressSpace: 'hint.memoryAddressSpace',
  data: 'hint.memoryData',
}

/** Looks at the memory of this thread, and tells when it is nearly full and when it no longer is. */
export class MemoryWatch {
  readonly #room: MemoryRoom
  readonly #log: FaultLog
  readonly #changed: (isShort: boolean) => void
  #unseen = UNSEEN
  /** The most that was open since memory became short, or since the last collection. */
  #most = 0
  #sinceCollected = BETWEEN

  constructor(log: FaultLog, changed: (isShort: boolean) => void, room = new MemoryRoom()) {
    this.#log = log
    this.#changed = changed
    this.#room = room
  }

  get isShort(): boolean {
    return this.#room.short !== undefined
  }

  /** An allocation was opened. */
  grew(): void {
    if (--this.#unseen <= 0) this.#look()
  }

  /** To be called once a second, with the number of sockets and connections that are open. */
  tick(open: number): void {
    this.#sinceCollected++
    this.#most = this.isShort ? Math.max(this.#most, open) : 0
    if (open < LEFT * this.#most && this.#sinceCollected >= BETWEEN) {
      this.#room.collect()
      this.#most = open
      this.#sinceCollected = 0
    }
    this.#look()
  }

  #look(): void {
    this.#unseen = UNSEEN
    const reading = this.#room.look()
    if (!reading) return
    const { short } = this.#room
    this.#changed(short !== undefined)
    if (short === undefined) {
      this.#log.limited('memory', 'info', 'there is memory for new calls again')
      return
    }
    const { used, limit } = reading[short]!
    this.#log.limited(
      'memory',
      'warn',
      'memory is nearly full: new allocations, permissions and channels are refused (508) until calls have ended',
      () => ({
        memory: short,
        usedMiB: Math.round(used / MIB),
        limitMiB: Math.round(limit / MIB),
        hint: { key: HINTS[short] },
      }),
    )
  }
}
