import { password } from '../auth/shared-secret.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { after, type Seconds, type Time } from '../base/time.ts'
import type { Homeserver } from '../config/settings.ts'
import { chooseUris, type Weighted } from './relay-choice.ts'

/** A credential as every client of Matrix and of TURN REST reads it. */
export interface Issued {
  readonly username: string
  readonly password: string
  /** Seconds. */
  readonly ttl: number
  readonly uris: readonly string[]
}

export interface IssuerOptions {
  readonly lifetime: Seconds
  readonly relays: readonly Weighted[]
  readonly relaysPerUser: number
}

/** Why a user gets no credential. */
export type NothingWhy = 'the homeserver is paused' | 'the homeserver has no secret' | 'the user is blocked'

/** Why all users of a homeserver get nothing; undefined where they get credentials. */
export function nothingWhy({ paused, secrets }: Homeserver): NothingWhy | undefined {
  if (paused) return 'the homeserver is paused'
  return secrets.length === 0 ? 'the homeserver has no secret' : undefined
}

/** Room for the user in USERNAME: fewer than 509 octets (RFC 8489 §14.3), less the expiry and its colon. */
const LONGEST_USER = 496

/** True for what may follow the expiry in a user name. */
export function isUser(text: string): boolean {
  return Buffer.byteLength(text) <= LONGEST_USER && !/\p{Cc}/u.test(text)
}

/**
 * Makes a time-limited credential (draft-uberti-behave-turn-rest) with the
 * newest secret of a homeserver, or says why there is nothing to give.
 */
export function issue(
  homeserver: Homeserver,
  user: string,
  options: IssuerOptions,
  now: Time,
): Result<Issued, NothingWhy> {
  const why = nothingWhy(homeserver)
  if (why !== undefined) return failed(why)
  const secret = homeserver.secrets[0]!
  const expiry = Math.floor(after(now, options.lifetime) / 1000)
  const username = user === '' ? `${expiry}` : `${expiry}:${user}`
  return succeeded({
    username,
    password: password(Buffer.from(secret.value, 'utf8'), username, secret.algorithm),
    ttl: options.lifetime,
    uris: homeserver.uris ?? chooseUris(user, options.relays, options.relaysPerUser),
  })
}
