import { after, type Seconds, type Time } from '../base/time.ts'
import type { Authenticate } from '../core/candidate.ts'
import { longTermKey } from '../wire/integrity.ts'
import { hmac } from '../wire/mac.ts'

/** A secret that a homeserver signs time-limited user names with. */
export interface SharedSecret {
  /** Name of the homeserver. */
  readonly tenant: string
  readonly secret: Buffer
  readonly algorithm: 'sha1' | 'sha256'
  readonly paused: boolean
}

export interface SharedSecretOptions {
  /** Seconds past its expiry that a credential is still taken; homeservers' clocks and caches are not exact. */
  readonly grace: Seconds
  /**
   * The furthest ahead that an expiry may lie; Infinity, as without it, also
   * takes a leaked credential that never ends.
   */
  readonly maxLifetime?: number
}

/**
 * Time-limited credentials (draft-uberti-behave-turn-rest): the user name is
 * `expiry:user`, the password the base64 of an HMAC over it. Any of the
 * secrets may have made it, so that they can be rotated.
 */
export function sharedSecrets(secrets: readonly SharedSecret[], options: SharedSecretOptions): Authenticate {
  return ({ username, realm, algorithm, now }) => {
    const parts = username === undefined ? undefined : splitUsername(username)
    if (username === undefined || !parts) return []
    const expires = after(parts.expires, options.grace)
    const expired = expires <= now
    const tooLong =
      parts.expires > after(now, (options.maxLifetime ?? Number.POSITIVE_INFINITY) + options.grace)
    return secrets.map(({ tenant, secret, algorithm: hmac, paused }) => ({
      tenant,
      user: parts.user,
      username,
      key: longTermKey(username, realm, password(secret, username, hmac), algorithm),
      expires,
      expired,
      tooLong,
      paused,
    }))
  }
}

/** The password for a time-limited user name, as homeservers compute it. */
export function password(secret: Buffer, username: string, algorithm: 'sha1' | 'sha256' = 'sha1'): string {
  return hmac(algorithm, secret, Buffer.from(username, 'utf8'), 'base64')
}

/** More digits than the year 9999 needs. */
const LONGEST_EXPIRY = 12

/**
 * Splits `1795307477:@alice:example.org` at the first colon; the bare
 * `1795307477` of some issuers has an empty user. Undefined when the first part
 * is not whole seconds in plain digits.
 */
export function splitUsername(username: string): { expires: Time; user: string } | undefined {
  const colon = username.indexOf(':')
  const digits = colon < 0 ? username : username.slice(0, colon)
  if (digits.length === 0 || digits.length > LONGEST_EXPIRY) return undefined
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return undefined
  }
  return { expires: (Number(digits) * 1000) as Time, user: colon < 0 ? '' : username.slice(colon + 1) }
}
