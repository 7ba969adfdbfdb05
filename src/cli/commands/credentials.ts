import { password } from '../../auth/shared-secret.ts'
import { fill } from '../../config/messages/messages.ts'
import { formatDuration, parseDuration } from '../../config/values/duration.ts'
import { safeJson } from '../../log/printable.ts'
import { type CliContext, type ConfigOption, loadFor } from '../context.ts'
import { CommandError, Exit } from '../io.ts'
import { accessOf } from './access.ts'

export interface CredentialsOptions extends ConfigOption {
  readonly user: string
  readonly ttl: string
  readonly homeserver?: string | undefined
  readonly host?: string | undefined
  readonly json: boolean
}

/** Room for the user in USERNAME: fewer than 509 octets (RFC 8489 §14.3), less the expiry and its colon. */
const LONGEST_USER = 496

/**
 * Issues a credential as a homeserver's `/voip/turnServer` does: the user name
 * is the expiry and the user, the password an HMAC over it.
 */
export async function credentials(
  options: CredentialsOptions,
  context: CliContext,
  now: number = Date.now(),
): Promise<number> {
  const { io, words, language } = context
  if (options.user === '') throw new CommandError(words.say('emptyUser'), Exit.usage)
  if (/\p{Cc}/u.test(options.user) || Buffer.byteLength(options.user) > LONGEST_USER) {
    throw new CommandError(words.say('userControl'), Exit.usage)
  }
  const parsed = parseDuration(options.ttl, { min: 1, max: 3650 * 86_400 })
  if (!parsed.ok) {
    const { key, values } = parsed.error
    throw new CommandError(`--ttl: ${fill(key, values, language).join('; ')}`, Exit.usage)
  }
  const ttl = parsed.value
  const loaded = await loadFor(options, context, { mayWrite: false, warn: false })
  const { maxLifetime } = loaded.settings.credentials
  if (ttl > maxLifetime) {
    throw new CommandError(words.say('ttlTooLong', { max: formatDuration(maxLifetime) }), Exit.usage)
  }
  const { secret, uris } = accessOf(loaded, options, context)
  const expiry = Math.floor(now / 1000) + ttl
  const username = `${expiry}:${options.user}`
  const issued = {
    username,
    password: password(Buffer.from(secret.value, 'utf8'), username, secret.algorithm),
    ttl,
    uris,
  }
  if (options.json) {
    io.stdout.write(`${safeJson(issued)}\n`)
    return Exit.ok
  }
  const rows = [
    ['username', issued.username],
    ['password', issued.password],
    ['ttl', `${issued.ttl}`],
    ...issued.uris.map(uri => ['uri', uri]),
  ]
  for (const [name, value] of rows) io.stdout.write(`${name!.padEnd(9)} ${value}\n`)
  io.stderr.write(`${words.say('validUntil', { time: new Date(expiry * 1000) })}\n`)
  return Exit.ok
}
