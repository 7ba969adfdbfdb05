import type { FoundView, SessionList } from '../control/view.ts'
import type { CliContext } from './context.ts'
import type { ControlClient } from './control/control-client.ts'
import { CommandError, Exit } from './io.ts'

/** As many as the relay lists at once. */
const ALL = 20_000

/**
 * The pseudonym of the user that is meant: by pseudonym or its beginning, as
 * the console shows it, or by the name in the credential. Undefined where
 * nobody is found; throws `CommandError` where several are meant.
 */
export async function pseudonymOf(
  given: string,
  client: ControlClient,
  { words }: CliContext,
): Promise<string | undefined> {
  const { sessions } = await client.get<SessionList>(`/sessions?limit=${ALL}`)
  const beginning = given.toLowerCase()
  const users = [...new Set(sessions.map(({ user }) => user))].filter(user => user.startsWith(beginning))
  if (given !== '' && users.includes(beginning)) return beginning
  if (given !== '' && users.length === 1) return users[0]
  if (given !== '' && users.length > 1)
    throw new CommandError(words.say('control.manyUsers', { given, users: users.join(', ') }), Exit.usage)
  // Looking up a name is a line of the access log, so it is not done for what can only be a pseudonym.
  if (given === '' || /^[0-9a-f]{1,16}$/.test(beginning)) return undefined
  return (await client.post<FoundView>('/users/find', { name: given })).user
}

/** The code of a test result as the relay has it: it is read out on the telephone, with or without the dash. */
export function testCode(given: string, { words }: CliContext): string {
  const parts = /^\s*([a-z]+)[\s–—-]*([0-9]{4})\s*$/i.exec(given)
  if (!parts) throw new CommandError(words.say('control.badCode', { given: given.trim() }), Exit.usage)
  return `${parts[1]}-${parts[2]}`.toUpperCase()
}

/** A whole number given to an option; throws `CommandError` where it is none, or out of bounds. */
export function wholeNumber(option: string, given: string, most: number, { words }: CliContext): number {
  const value = /^[0-9]{1,9}$/.test(given) ? Number(given) : 0
  if (value >= 1 && value <= most) return value
  throw new CommandError(words.say('bench.badNumber', { option, least: '1', most: `${most}` }), Exit.usage)
}
