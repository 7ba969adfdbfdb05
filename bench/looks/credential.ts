import { password } from '../../src/auth/shared-secret.ts'

/** What a client signs with. */
export interface Credential {
  readonly username: string
  readonly password: string
}

/** Of a user, for a day. */
export function credential(secret: string, user: string): Credential {
  const username = `${Math.floor(Date.now() / 1000) + 86_400}:${user}`
  return { username, password: password(Buffer.from(secret), username) }
}
