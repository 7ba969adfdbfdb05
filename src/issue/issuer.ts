import { password } from '../auth/shared-secret.ts'
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

/** Room for the user in USERNAME: fewer than 509 octets (RFC 8489 §14.3), less the expiry and its colon. */
const LONGEST_USER = 496

/** True for what may follow the expiry in a user name. */
export function isUser(text: string): boolean {
  return Buffer.byteLength(text) <= LONGEST_USER && !/\p{Cc}/u.test(text)
}

/**
 * Makes a time-limited credential (draft-uberti-behave-turn-rest) with the
 * newest secret of a homeserver. Undefined when there is nothing to give: the
 * homeserver is paused, or has no secret.
 */
export function issue(
  homeserver: Homeserver,
  user: string,
  options: IssuerOptions,
  now: Time,
): Issued | undefined {
  const secret = homeserver.secrets[0]
  if (homeserver.paused || !secret) return undefined
  const expiry = Math.floor(after(now, options.lifetime) / 1000)
  const username = user === '' ? `${expiry}` : `${expiry}:${user}`
  return {
    username,
    password: password(Buffer.from(secret.value, 'utf8'), username, secret.algorithm),
    ttl: options.lifetime,
    uris: homeserver.uris ?? chooseUris(user, options.relays, options.relaysPerUser),
  }
}
