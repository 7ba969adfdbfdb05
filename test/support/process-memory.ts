import { readdirSync, readFileSync } from 'node:fs'

/** Resident memory of a process, octets. */
export function residentOf(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'latin1').match(/^VmRSS:\s+(\d+) kB$/m)
  if (!line) throw new Error(`process ${pid} has no memory`)
  return Number(line[1]) * 1024
}

/** Open file descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
