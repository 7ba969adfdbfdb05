import { createHmac } from 'node:crypto'

export interface Credential {
  readonly username: string
  readonly password: string
}

/**
 * Makes a time-limited credential as a homeserver does: the expiry in Unix
 * seconds, a colon, the user; the password is the HMAC-SHA1 of that under the shared secret.
 */
export function credential(
  secret: string,
  user: string,
  lifetime: number = 3600,
  now: number = Date.now(),
): Credential {
  const username = `${Math.floor(now / 1000) + lifetime}:${user}`
  return { username, password: createHmac('sha1', secret).update(username).digest('base64') }
}
