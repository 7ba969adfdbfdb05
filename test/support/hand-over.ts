import { join } from 'node:path'
import type { Test } from 'tap'
import { Child } from './child.ts'
import { MAIN, type RunningRelay } from './relay.ts'

/** What `taciturn upgrade --json` says. */
export interface Upgraded {
  readonly ok: boolean
  readonly pid?: number
  readonly allocations?: number
  readonly stays?: number
  readonly gap?: number
  readonly why?: string
}

/** Settings with which a relay of a test can be upgraded: one worker, and a control socket of its own. */
export function upgradable(folder: string) {
  return { workers: 1, control: join(folder, 'control.sock') }
}

/** Has the relay hand over to a new process, which ends with the test. */
export async function upgrade(t: Test, relay: RunningRelay): Promise<Upgraded> {
  const child = new Child(process.execPath, [MAIN, 'upgrade', '--json', '--config', relay.config!], {
    cwd: relay.folder,
  })
  await child.exited
  if (child.stdout === '')
    throw new Error(`the upgrade says nothing:\n${child.stderr}\n${relay.child.output}`)
  const upgraded = JSON.parse(child.stdout) as Upgraded
  const { ok, pid } = upgraded
  if (ok && pid !== undefined) t.teardown(() => end(pid))
  return upgraded
}

/** Ends a process that is no child of the test's, and waits until it has. */
export async function end(pid: number): Promise<void> {
  for (const [signal, patience] of [
    ['SIGTERM', 5000],
    ['SIGKILL', 1000],
  ] as const) {
    if (!isAlive(pid)) return
    process.kill(pid, signal)
    const until = performance.now() + patience
    while (isAlive(pid) && performance.now() < until) await new Promise(resolve => setTimeout(resolve, 20))
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
