import { fill } from '../../config/messages/messages.ts'
import { parseDuration } from '../../config/values/duration.ts'
import type { BannedView, BansView } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import type { CliContext } from '../context.ts'
import { ControlClient, type SocketOptions } from '../control/control-client.ts'
import { CommandError, Exit } from '../io.ts'

/** Bounds of `--for`, in seconds. */
const LENGTH = { min: 60, max: 366 * 86_400 }

export interface BanOptions extends SocketOptions {
  readonly network?: string | undefined
  readonly session?: string | undefined
  readonly for: string
  readonly reason?: string | undefined
  readonly json: boolean
}

/** Bans a network, or the client of a session, for a while. */
export async function ban(options: BanOptions, context: CliContext): Promise<number> {
  const { io, words, language } = context
  const { network, session, reason } = options
  if ((network === undefined) === (session === undefined))
    throw new CommandError(words.say('bans.whom'), Exit.usage)
  const seconds = parseDuration(options.for, LENGTH)
  if (!seconds.ok) {
    const why = fill(seconds.error.key, seconds.error.values, language).join('; ')
    throw new CommandError(words.say('bans.badFor', { why }), Exit.usage)
  }
  const asked = {
    ...(network !== undefined && { network }),
    ...(session !== undefined && { session }),
    ...(reason !== undefined && { reason }),
    seconds: seconds.value,
  }
  const answer = await new ControlClient(options, context).post<BannedView>('/bans', asked)
  const { ban, ended } = answer
  const text = words.say('bans.banned', { network: ban.network, until: new Date(ban.until) })
  const plain = ended === 0 ? text : `${text}; ${words.count('control.ended', ended)}`
  io.stdout.write(`${options.json ? safeJson(answer) : plain}\n`)
  return Exit.ok
}

export interface BansOptions extends SocketOptions {
  readonly json: boolean
}

/** Lists the bans, those that end first on top. */
export async function bans(options: BansOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const answer = await new ControlClient(options, context).get<BansView>('/bans')
  if (options.json) io.stdout.write(`${safeJson(answer)}\n`)
  else if (answer.bans.length === 0) io.stdout.write(`${words.say('bans.none')}\n`)
  const width = Math.max(0, ...answer.bans.map(({ network }) => network.length))
  for (const { network, until, by, reason } of options.json ? [] : answer.bans) {
    const line = words.say(by === 'socket' ? 'bans.lineHere' : 'bans.line', {
      network: network.padEnd(width),
      until: new Date(until),
      by,
    })
    io.stdout.write(`${reason === undefined ? line : `${line}: ${reason}`}\n`)
  }
  return Exit.ok
}

export interface UnbanOptions extends BansOptions {
  readonly network: string
}

/** Lifts a ban. */
export async function unban(options: UnbanOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const client = new ControlClient(options, context)
  const answer = await client.post<{ readonly lifted: string }>('/bans/lift', { network: options.network })
  io.stdout.write(
    `${options.json ? safeJson(answer) : words.say('bans.lifted', { network: answer.lifted })}\n`,
  )
  return Exit.ok
}
