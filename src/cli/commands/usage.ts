import { writeFileSync } from 'node:fs'
import type { UsageExport, UsageList, UsageUsers } from '../../control/view.ts'
import { safeJson } from '../../log/printable.ts'
import { absolute, type CliContext } from '../context.ts'
import { ControlClient, type SocketOptions } from '../control/control-client.ts'
import { CommandError, Exit, painter } from '../io.ts'
import { csvOf, usageLines } from '../usage-format.ts'

/** Milliseconds: years of use take a while to be added up. */
const PATIENCE = 120_000
/** Rows that are asked for. */
const MOST = 20_000

export interface UsageOptions extends SocketOptions {
  readonly by: 'hour' | 'day' | 'month' | 'all'
  readonly per: readonly string[]
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly user?: string | undefined
  readonly homeserver?: string | undefined
  readonly json: boolean
  readonly csv: boolean
}

/** Shows who used how much. */
export async function usage(options: UsageOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const client = new ControlClient(options, context)
  const query = new URLSearchParams({ by: options.by, limit: `${MOST}` })
  const per = options.per.flatMap(one => one.split(','))
  if (per.length > 0) query.set('per', per.join(','))
  for (const key of ['from', 'to', 'homeserver'] as const) {
    const value = options[key]
    if (value !== undefined) query.set(key, value)
  }
  if (options.user !== undefined) query.set('user', (await usersOf(options.user, client)).join(','))
  const answer = await client.get<UsageList>(`/usage?${query}`, PATIENCE)
  if (answer.more) io.stderr.write(`${words.say('usage.more', { count: words.format.integer(MOST) })}\n`)
  if (options.json) io.stdout.write(`${safeJson(answer)}\n`)
  else if (options.csv) io.stdout.write(csvOf(answer.rows))
  else if (answer.rows.length === 0) io.stdout.write(`${words.say('usage.nothing')}\n`)
  else
    io.stdout.write(`${usageLines(answer.rows, options.by, words, painter(io.stdout, io.env)).join('\n')}\n`)
  return Exit.ok
}

export interface LedgerOptions extends SocketOptions {
  readonly action: 'export' | 'forget' | 'rotate-key'
  readonly user?: string | undefined
  readonly output?: string | undefined
  readonly dropOld: boolean
  readonly json: boolean
}

/** Gives or forgets what the ledger has of a person, or begins with new pseudonyms. */
export async function ledger(options: LedgerOptions, context: CliContext): Promise<number> {
  const { io, words } = context
  const { action, user, dropOld } = options
  const client = new ControlClient(options, context)
  const tell = (answer: unknown, text: string) => {
    io.stdout.write(`${options.json ? safeJson(answer) : text}\n`)
    return Exit.ok
  }
  if (action === 'rotate-key') {
    const rotated = await client.post<{ readonly keys: number }>('/usage/key/rotate', { only: dropOld })
    return tell(rotated, words.say(dropOld ? 'usage.rotatedOnly' : 'usage.rotated'))
  }
  if (user === undefined) throw new CommandError(words.say('usage.whom', { action }), Exit.usage)
  if (action === 'forget') {
    const answer = await client.post<{ readonly forgotten: number }>(
      '/usage/users/forget',
      { name: user },
      PATIENCE,
    )
    return tell(answer, words.count('usage.forgotten', answer.forgotten))
  }
  const answer = await client.post<UsageExport>('/usage/users/export', { name: user }, PATIENCE)
  const text = `${safeJson(answer)}\n`
  if (options.output === undefined) io.stdout.write(text)
  else {
    // Somebody's personal data: nobody else may read it, and nothing is written over.
    writeFileSync(absolute(options.output, io), text, { mode: 0o600, flag: 'wx' })
    io.stderr.write(`${words.count('usage.exported', answer.rows.length)}\n`)
  }
  return Exit.ok
}

/** A pseudonym is taken as it is; a name is looked up, which is a line of the access log. */
async function usersOf(given: string, client: ControlClient): Promise<readonly string[]> {
  if (/^[0-9a-f]{16}$/.test(given)) return [given]
  return (await client.post<UsageUsers>('/usage/users/find', { name: given })).users
}
