import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** All in bytes. */
export interface MemoryReading {
  /** Of V8's heap in this thread, what waits to be collected included. */
  readonly heap: { readonly used: number; readonly limit: number }
  /** Of the whole process: what is resident, and what its cgroup or the machine permits. */
  readonly process: { readonly used: number; readonly limit: number }
}

/** Which memory is nearly full. */
export type MemoryKind = keyof MemoryReading

/**
 * The shares at which memory counts as nearly full, and from which on it no
 * longer does. V8 ends the process where four collections in a row leave more
 * than 80 % of the heap in use, however little is asked for then, so what is in
 * use stays below that. V8 collects at the latest halfway between what lived
 * after the last time and its limit: a heap that is used to 75 % holds 50 % that
 * lives, and never mere garbage.
 */
const HIGH: Readonly<Record<MemoryKind, number>> = { heap: 0.75, process: 0.9 }
const LOW: Readonly<Record<MemoryKind, number>> = { heap: 0.65, process: 0.85 }

/** What memory this thread has left, by what Node.js and the kernel permit. */
export class MemoryRoom {
  readonly #read: () => MemoryReading
  #short: MemoryKind | undefined

  constructor(read: () => MemoryReading = readMemory) {
    this.#read = read
  }

  /** The memory that was nearly full at the last look; undefined where none was. */
  get short(): MemoryKind | undefined {
    return this.#short
  }

  /** Looks again; returns the figures where memory has become nearly full, or no longer is. */
  look(): MemoryReading | undefined {
    const reading = this.#read()
    const was = this.#short
    const kinds = ['heap', 'process'] as const
    const isOver = (shares: typeof HIGH) =>
      kinds.find(kind => reading[kind].used > shares[kind] * reading[kind].limit)
    this.#short = isOver(was ? LOW : HIGH)
    return (was === undefined) === (this.#short === undefined) ? undefined : reading
  }
}

function readMemory(): MemoryReading {
  const { used_heap_size, heap_size_limit } = getHeapStatistics()
  // Without a limit the kernel says 0, or more than there is.
  const group = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return {
    heap: { used: used_heap_size, limit: oldGeneration(heap_size_limit) },
    process: { used: process.memoryUsage.rss(), limit: Math.min(group, totalmem()) },
  }
}

/** Bytes of the young generation as V8 makes it by default, which its limit includes. */
const YOUNG = 48 << 20
/** The least share of the limit that the old generation has where heaps are small. */
const OLD_SHARE = 0.73

/**
 * What of V8's limit is left for objects that live on: when that is full the
 * process ends, however empty the young generation is.
 */
function oldGeneration(limit: number): number {
  return Math.max(limit - YOUNG, limit * OLD_SHARE)
}
