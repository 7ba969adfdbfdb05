import { availableParallelism, totalmem } from 'node:os'
import type { Settings } from '../config/settings.ts'
import { StartError } from '../relay/start-error.ts'
import { loadAddon } from '../system/native-addon.ts'

/** What decides how many workers a machine is good for. */
export interface MachineCores {
  /** Cores that this process may use. */
  readonly cores: number
  /** Octets of memory that this process may use. */
  readonly memory: number
  /** Why the native transport cannot be loaded; undefined where it can. */
  readonly lacksNative: string | undefined
  /** The service manager has bound a UDP listener, of which there is but one. */
  readonly inheritsUdp?: boolean
  /** How many relayed in the process that this one takes over from. */
  readonly before?: number | undefined
  /** All allocations share a few relay ports. */
  readonly sharesPorts?: boolean
}

/**
 * One thread relays more than most uplinks carry, so a small machine, a
 * Raspberry Pi with its four cores included, is better off without further
 * ones: they cost memory, and reservation tokens are a worker's own.
 */
const CORES_FOR_SEVERAL = 6
const MEMORY_FOR_SEVERAL = 1.5 * 2 ** 30
const MOST = 8

/**
 * Tells how many shards relay: 1 is the main thread itself. Throws a
 * `StartError` when several are asked for and not possible: their sockets
 * need SO_REUSEPORT, which only the native transport has.
 */
export function workersFor(
  { workers, udp }: Pick<Settings, 'workers' | 'udp'>,
  machine: MachineCores = thisMachine(),
): number {
  const { cores, memory, lacksNative, sharesPorts = false } = machine
  const obstacle = udp === 'dgram' ? udp : lacksNative
  // Which socket of a listener a client meets, the kernel decides by how many there are.
  const { before } = machine
  if (before !== undefined && !obstacle && !(sharesPorts && before > 1)) return before
  if (machine.inheritsUdp) {
    if (workers === 'auto') return 1
    if (workers > 1) {
      throw new StartError({ key: 'start.workersInherit', values: { workers } })
    }
  }
  if (workers === 'auto') {
    // Of what two threads send each other by shared ports, neither could tell whom it is for.
    if (sharesPorts || obstacle || cores < CORES_FOR_SEVERAL || memory < MEMORY_FOR_SEVERAL) return 1
    // The kernel's own work for the traffic needs the other half.
    return Math.min(MOST, Math.floor(cores / 2))
  }
  if (workers > 1 && obstacle) {
    throw new StartError(
      udp === 'dgram'
        ? { key: 'start.workersDgram', values: { workers } }
        : { key: 'start.workersNative', values: { workers, why: obstacle } },
    )
  }
  return workers
}

/** What there is here. */
export function thisMachine(): MachineCores {
  const addon = loadAddon()
  return {
    cores: availableParallelism(),
    memory: Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem()),
    lacksNative: addon.ok ? undefined : addon.error,
  }
}
