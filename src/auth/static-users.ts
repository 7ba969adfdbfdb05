import type { Authenticate } from '../core/candidate.ts'
import { longTermKeys, opaqueString, PasswordAlgorithm, userhash } from '../wire/integrity.ts'

/** A long-term user, by password or by the keys derived from it. */
export type StaticUser = { readonly name: string } & (
  | { readonly password: string }
  | { readonly md5: Buffer; readonly sha256?: Buffer }
)

/** Long-term users from a list. Only their keys are kept (RFC 8656 §6), and they may hide behind USERHASH. */
export function staticUsers(users: readonly StaticUser[], realm: string): Authenticate {
  // A name as it is listed comes before a name that another one is prepared to.
  const prepared = users.map(user => entryOf(user, opaqueString(user.name), realm))
  const listed = users.map(user => entryOf(user, user.name, realm))
  const byName = new Map([...prepared, ...listed].map(entry => [entry.username, entry]))
  const byHash = new Map(listed.map(entry => [userhash(entry.username, realm).toString('hex'), entry]))
  return request => {
    if (request.realm !== realm) return []
    const entry =
      request.username === undefined
        ? byHash.get(request.userhash?.toString('hex') ?? '')
        : byName.get(request.username)
    if (!entry) return []
    const { user, username } = entry
    const keys = entry.keys.get(request.algorithm) ?? []
    return keys.map(key => ({ tenant: '', user, username, key, expired: false, paused: false }))
  }
}

interface Entry {
  readonly user: string
  /** As clients write it: as it is listed, or prepared as RFC 8489 §14.3 has it (P-10). */
  readonly username: string
  readonly keys: ReadonlyMap<number, readonly Buffer[]>
}

function entryOf(user: StaticUser, username: string, realm: string): Entry {
  return { user: user.name, username, keys: keysOf({ ...user, name: username }, realm) }
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
