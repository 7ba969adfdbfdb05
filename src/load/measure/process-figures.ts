import { readdirSync, readFileSync } from 'node:fs'

/**
 * Microseconds of processor time that a process has used, user and system, all
 * threads; `undefined` where it cannot be told.
 */
export function cpuMicros(pid: number): number | undefined {
  try {
    // The scheduler's own account is in nanoseconds; stat rounds to hundredths of a second.
    let nanos = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    }
    if (nanos > 0) return nanos / 1000
  } catch {
    // A kernel without it, or a thread that has just ended.
  }
  try {
    return cpuOfStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

/** Reads utime and stime of /proc/PID/stat, in microseconds. */
export function cpuOfStat(stat: string): number {
  // The name in parentheses may hold anything, so count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK
}

/** Octets of memory that a process has in use; `undefined` where it cannot be told. */
export function residentOctets(pid: number): number | undefined {
  try {
    return residentOf(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return undefined
  }
}

/** Reads VmRSS of /proc/PID/status, in octets. */
export function residentOf(status: string): number | undefined {
  const match = /^VmRSS:\s*(\d+) kB$/m.exec(status)
  return match ? Number(match[1]) * 1024 : undefined
}

/** USER_HZ is 100 on every architecture that Node.js runs on. */
const MICROS_PER_TICK = 10_000
