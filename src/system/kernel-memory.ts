import { readFileSync } from 'node:fs'

/** Bytes in use, and where they end. */
export interface MemoryShare {
  readonly used: number
  readonly limit: number
}

/** The text of a file of the kernel; undefined where it cannot be read. */
type ReadText = (path: string) => string | undefined

/** From this share on it is asked how much of it the kernel would give back, which it has to add up first. */
const CLOSE = 0.8

/** The files of one version of cgroups. */
interface CgroupFiles {
  readonly root: string
  readonly limits: readonly string[]
  readonly used: string
  /** Entries of `memory.stat` that the kernel takes back before anybody goes without. */
  readonly reclaimable: readonly string[]
}

const VERSION_1: CgroupFiles = {
  root: '/sys/fs/cgroup/memory',
  limits: ['memory.limit_in_bytes'],
  used: 'memory.usage_in_bytes',
  reclaimable: ['total_active_file', 'total_inactive_file'],
}
const VERSION_2: CgroupFiles = {
  root: '/sys/fs/cgroup',
  // Above `memory.high` every allocation is delayed, which for a relay is as bad.
  limits: ['memory.max', 'memory.high'],
  used: 'memory.current',
  reclaimable: ['active_file', 'inactive_file', 'slab_reclaimable'],
}

/**
 * What Linux permits this process, beside what is resident: its cgroups (those
 * above its own too), where the memory of its sockets in the kernel counts, and
 * its resource limits. Elsewhere nothing is known, and nothing limited.
 */
export class KernelMemory {
  readonly #read: ReadText
  readonly #folders: readonly string[]
  readonly #files: CgroupFiles

  constructor(read: ReadText = readText) {
    this.#read = read
    const groups = read('/proc/self/cgroup') ?? ''
    const first = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(groups)
    this.#files = first ? VERSION_1 : VERSION_2
    this.#folders = foldersOf(this.#files.root, first?.[1] ?? /^0::(\/.*)$/m.exec(groups)?.[1] ?? '/')
  }

  /** The fullest of the cgroups that have a limit. */
  cgroup(): MemoryShare | undefined {
    let fullest: MemoryShare | undefined
    for (const folder of this.#folders) {
      const share = this.#shareOf(folder)
      if (share && (!fullest || share.used / share.limit > fullest.used / fullest.limit)) fullest = share
    }
    return fullest
  }

  /** RLIMIT_AS: addresses that are mapped, whether there is memory behind them or not. */
  addressSpace(): MemoryShare | undefined {
    return this.#ownShare('Max address space', 'VmSize')
  }

  /** RLIMIT_DATA: private memory that can be written. */
  data(): MemoryShare | undefined {
    return this.#ownShare('Max data size', 'VmData')
  }

  #ownShare(name: string, entry: string): MemoryShare | undefined {
    const limit = numberIn(
      new RegExp(`^${name} +(\\d+)`, 'm').exec(this.#read('/proc/self/limits') ?? '')?.[1],
    )
    if (limit === Number.POSITIVE_INFINITY) return undefined
    const kibibytes = new RegExp(`^${entry}:\\s*(\\d+) kB`, 'm').exec(
      this.#read('/proc/self/status') ?? '',
    )?.[1]
    return kibibytes === undefined ? undefined : { used: Number(kibibytes) * 1024, limit }
  }

  #shareOf(folder: string): MemoryShare | undefined {
    const limit = Math.min(...this.#files.limits.map(file => numberIn(this.#read(`${folder}/${file}`))))
    // Version 1 writes the largest number of pages that there is for no limit.
    if (limit >= Number.MAX_SAFE_INTEGER || limit === 0) return undefined
    const used = numberIn(this.#read(`${folder}/${this.#files.used}`))
    if (used === Number.POSITIVE_INFINITY) return undefined
    return { used: used > CLOSE * limit ? used - this.#reclaimable(folder) : used, limit }
  }

  #reclaimable(folder: string): number {
    const stat = this.#read(`${folder}/memory.stat`) ?? ''
    return this.#files.reclaimable.reduce(
      (sum, entry) => sum + Number(new RegExp(`^${entry} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0),
      0,
    )
  }
}

/**
 * The folder of a cgroup and those of the cgroups above it. In a container the
 * path may be one of the host's, and only the root be there.
 */
function foldersOf(root: string, path: string): string[] {
  const names = path.split('/').filter(name => name !== '' && name !== '..')
  return Array.from({ length: names.length + 1 }, (_, above) =>
    [root, ...names.slice(0, names.length - above)].join('/'),
  )
}

/** A number of bytes; infinite where the file is not there, or says `max`. */
function numberIn(text: string | undefined): number {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
