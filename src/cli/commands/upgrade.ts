import { setTimeout as wait } from 'node:timers/promises'
import type { Status, Upgraded } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import type { CliContext } from '../context.ts'
import { ControlClient } from '../control/control-client.ts'
import { CommandError, Exit } from '../io.ts'
import type { PlainOptions } from './control.ts'

/** Milliseconds that a new process may take to start and to take over, and between two looks at a busy relay. */
const PATIENCE = 60_000
const LOOK_EVERY = 1000

export interface UpgradeOptions extends PlainOptions {
  readonly whenIdle: boolean
}

/** Has a new process take over all calls; exit code 1, with the reason, where they go on as before. */
export async function upgrade(options: UpgradeOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const client = new ControlClient(options, context)
  if (options.whenIdle) await idle(client)
  const answer = await client.post<Upgraded>('/upgrade', undefined, PATIENCE)
  if (options.json) {
    io.stdout.write(`${safeJson(answer)}\n`)
    return answer.ok ? Exit.ok : Exit.failed
  }
  const { pid, version = '', allocations = 0, stays = 0, gap = 0, why = '' } = answer
  if (!answer.ok) throw new CommandError(words.say('control.notUpgraded', { why }), Exit.failed)
  const milliseconds = words.format.decimal(gap, 1)
  io.stdout.write(
    `${words.count('control.upgraded', allocations, { pid: `${pid}`, version, gap: milliseconds })}\n`,
  )
  if (stays > 0) io.stdout.write(`${words.count('control.upgradeStays', stays)}\n`)
  return Exit.ok
}

async function idle(client: ControlClient): Promise<void> {
  while ((await client.get<Status>('/status')).allocations.live > 0) await wait(LOOK_EVERY)
}
