import type { Authenticate } from '../core/candidate.ts'
import { longTermKeys, PasswordAlgorithm, userhash } from '../wire/integrity.ts'

/** A long-term user, by password or by the keys derived from it. */
export type StaticUser = { readonly name: string } & (
  | { readonly password: string }
  | { readonly md5: Buffer; readonly sha256?: Buffer }
)

/** Long-term users from a list. Only their keys are kept (RFC 8656 §6), and they may hide behind USERHASH. */
export function staticUsers(users: readonly StaticUser[], realm: string): Authenticate {
  const entries = users.map(user => ({ name: user.name, keys: keysOf(user, realm) }))
  const byName = new Map(entries.map(entry => [entry.name, entry]))
  const byHash = new Map(entries.map(entry => [userhash(entry.name, realm).toString('hex'), entry]))
  return request => {
    if (request.realm !== realm) return []
    const entry =
      request.username === undefined
        ? byHash.get(request.userhash?.toString('hex') ?? '')
        : byName.get(request.username)
    if (!entry) return []
    const { name } = entry
    const keys = entry.keys.get(request.algorithm) ?? []
    return keys.map(key => ({ tenant: '', user: name, username: name, key, expired: false, paused: false }))
  }
}

function keysOf(user: StaticUser, realm: string): ReadonlyMap<number, readonly Buffer[]> {
  if ('password' in user) {
    const algorithms = [PasswordAlgorithm.MD5, PasswordAlgorithm.SHA256]
    return new Map(algorithms.map(one => [one, longTermKeys(user.name, realm, user.password, one)]))
  }
  const keys = new Map([[PasswordAlgorithm.MD5 as number, [user.md5]]])
  if (user.sha256) keys.set(PasswordAlgorithm.SHA256, [user.sha256])
  return keys
}
