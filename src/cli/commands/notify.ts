import type { NotifiedView } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import type { CliContext } from '../context.ts'
import { ControlClient, type SocketOptions } from '../control/control-client.ts'
import { CommandError, Exit, painter } from '../io.ts'

/** Milliseconds: a mail server may take its time. */
const PATIENCE = 60_000

export interface NotifyOptions extends SocketOptions {
  readonly test: boolean
  readonly json: boolean
}

/** Has the relay send a test message by every way; exit code 1 where one of them does not work. */
export async function notify(options: NotifyOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  if (!options.test) throw new CommandError(words.say('notify.onlyTest'), Exit.usage)
  const client = new ControlClient(options, context)
  const { sent } = await client.post<NotifiedView>('/notifications/test', undefined, PATIENCE)
  const isDone = sent.length > 0 && sent.every(({ why }) => why === undefined)
  const code = isDone ? Exit.ok : Exit.failed
  if (options.json) {
    io.stdout.write(`${safeJson({ sent })}\n`)
    return code
  }
  if (sent.length === 0) throw new CommandError(words.say('notify.nobody'), Exit.failed)
  const paint = painter(io.stdout, io.env)
  for (const { way, why } of sent) {
    const line =
      why === undefined
        ? paint('green', words.say('notify.sent', { way }))
        : paint('red', words.say('notify.failed', { way, why }))
    io.stdout.write(`${line}\n`)
  }
  return code
}
