import { existsSync, readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** What figures depend on. */
export interface MachineInfo {
  /** `Raspberry Pi 5 Model B Rev 1.0`, where the system says so. */
  readonly model: string | null
  readonly processor: string
  readonly cores: number
  readonly memoryOctets: number
  readonly architecture: string
  readonly kernel: string
  readonly node: string
  /** How the clock of the first core is governed; null where it is not. */
  readonly governor: string | null
  /** Octets of receive buffer that a process without privileges may ask for. */
  readonly receiveBufferLimit: number | null
  /** Processes that wanted to run, over the last minute, when the bench began. */
  readonly load: number
}

export function describeMachine(): MachineInfo {
  const limit = text('/proc/sys/net/core/rmem_max')
  return {
    model: text('/proc/device-tree/model') ?? text('/sys/class/dmi/id/product_name'),
    processor: (cpus()[0]?.model ?? '').trim() || arch(),
    cores: availableParallelism(),
    memoryOctets: totalmem(),
    architecture: arch(),
    kernel: release(),
    node: process.versions.node,
    governor: text('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    receiveBufferLimit: limit === null ? null : Number(limit),
    load: loadavg()[0]!,
  }
}

/** Processor time of the whole machine so far, in ticks, from the first line of /proc/stat. */
export interface MachineTime {
  readonly busy: number
  /** Of `busy`: time that interrupts of the network and of timers took outside of any process. */
  readonly interrupts: number
  readonly stolen: number
  readonly total: number
}

export function machineTimeOf(stat: string): MachineTime {
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0] = stat
    .slice(0, stat.indexOf('\n'))
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const busy = user + nice + system + irq + softirq
  return { busy, interrupts: irq + softirq, stolen, total: busy + idle + wait + stolen }
}

export function machineTime(): MachineTime | undefined {
  return existsSync('/proc/stat') ? machineTimeOf(readFileSync('/proc/stat', 'latin1')) : undefined
}

function text(file: string): string | null {
  try {
    // The device tree's texts end with a NUL.
    return readFileSync(file, 'utf8').replace(/\0/g, '').trim() || null
  } catch {
    return null
  }
}
