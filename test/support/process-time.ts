import { readdirSync, readFileSync } from 'node:fs'

/** Processor time of a process in user and kernel. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** How often the threads of a process went to sleep by themselves, each of which a wake preceded. */
export function wakesOf(pid: number): number {
  let count = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1')
    count += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)![1])
  }
  return count
}
