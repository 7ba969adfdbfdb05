import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { isMainThread, resourceLimits } from 'node:worker_threads'
import { collectGarbage } from './collecting.ts'
import { KernelMemory, type MemoryShare } from './kernel-memory.ts'

/** What is limited is there. */
export interface MemoryReading {
  /** Of V8's heap in this thread, what waits to be collected included. */
  readonly heap: MemoryShare
  /** Of the machine's memory, what is resident of the whole process; or what its cgroup uses, if that is fuller. */
  readonly process: MemoryShare
  /** Of the whole process, by its resource limits RLIMIT_AS and RLIMIT_DATA. */
  readonly addressSpace?: MemoryShare | undefined
  readonly data?: MemoryShare | undefined
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
const HIGH: Readonly<Record<MemoryKind, number>> = { heap: 0.75, process: 0.9, addressSpace: 0.9, data: 0.9 }
const LOW: Readonly<Record<MemoryKind, number>> = {
  heap: 0.65,
  process: 0.85,
  addressSpace: 0.85,
  data: 0.85,
}
const KINDS = Object.keys(HIGH) as MemoryKind[]

/** What memory this thread has left, by what Node.js and the kernel permit. */
export class MemoryRoom {
  readonly #read: () => MemoryReading
  readonly #collect: () => void
  #short: MemoryKind | undefined

  constructor(read: () => MemoryReading = readMemory, collect: () => void = collectGarbage) {
    this.#read = read
    this.#collect = collect
  }

  /** The memory that was nearly full at the last look; undefined where none was. */
  get short(): MemoryKind | undefined {
    return this.#short
  }

  /** Collects the garbage that counts as used until then. */
  collect(): void {
    this.#collect()
  }

  /** Looks again; returns the figures where memory has become nearly full, or no longer is. */
  look(): MemoryReading | undefined {
    const reading = this.#read()
    const was = this.#short
    const isOver = (shares: typeof HIGH) =>
      KINDS.find(kind => {
        const share = reading[kind]
        return share !== undefined && share.used > shares[kind] * share.limit
      })
    this.#short = isOver(was ? LOW : HIGH)
    return (was === undefined) === (this.#short === undefined) ? undefined : reading
  }
}

const kernel = new KernelMemory()

function readMemory(): MemoryReading {
  const { used_heap_size, heap_size_limit } = getHeapStatistics()
  const resident = { used: process.memoryUsage.rss(), limit: totalmem() }
  const group = kernel.cgroup()
  return {
    heap: { used: used_heap_size, limit: oldGeneration(heap_size_limit) },
    process: group && shareOf(group) > shareOf(resident) ? group : resident,
    addressSpace: kernel.addressSpace(),
    data: kernel.data(),
  }
}

function shareOf({ used, limit }: MemoryShare): number {
  return used / limit
}

const MIB = 1 << 20
/** Bytes of the young generation as V8 makes it by default, which its limit includes. */
const YOUNG = 48 * MIB
/** The least share of the limit that the old generation has then, where heaps are small. */
const OLD_SHARE = 0.73

/**
 * What of V8's limit is left for objects that live on: when that is full the
 * process ends, however empty the young generation is.
 */
function oldGeneration(limit: number): number {
  return chosen === undefined ? Math.max(limit - YOUNG, limit * OLD_SHARE) : limit - chosen
}

/** Bytes of this thread's young generation, where its maker or the options of Node.js say them. */
export function chosenYoungGeneration(
  options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''],
): number | undefined {
  if (!isMainThread) {
    const { maxYoungGenerationSizeMb } = resourceLimits
    return maxYoungGenerationSizeMb && maxYoungGenerationSizeMb * MIB
  }
  const half = /--max[-_]semi[-_]space[-_]size[= ](\d+)/.exec(options.join(' '))
  // Both halves, and as much again for objects that are too large for them.
  return half ? 3 * Number(half[1]) * MIB : undefined
}

const chosen = chosenYoungGeneration()
