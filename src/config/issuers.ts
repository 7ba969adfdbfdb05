import { timingSafeEqual } from 'node:crypto'
import { expandPath } from './find.ts'
import { isIssuedFor, readBackends, withHosts } from './issued-for.ts'
import type { ConfigReport } from './messages/report.ts'
import { type KeyOrFile, type Place, readSecretOrFile } from './place.ts'
import type { Written } from './schema/schema.ts'
import { keptSecret, keptSecretFile, secretInMemory } from './secrets.ts'
import type { Homeserver, Secret, User } from './settings.ts'
import type { Path } from './source.ts'
import { isExampleWord } from './values/weak-secret.ts'

type WrittenHomeserver = Written['homeservers'][number]

/** Reads the homeservers' secrets and checks that every one of them tells who issued a credential. */
export function readHomeservers(
  written: readonly WrittenHomeserver[],
  place: Place,
  report: ConfigReport,
): Homeserver[] {
  const owners = new Map<string, Path>()
  const names = new Map<string, number>()
  return written.map((homeserver, i) => {
    const path = ['homeservers', i]
    const first = names.get(homeserver.name)
    if (first === undefined) names.set(homeserver.name, i)
    else report.error([...path, 'name'], 'homeserver-twice', { given: homeserver.name, first })
    const secrets = readSecrets(homeserver, path, place, report)
    for (const { path, secret } of secrets) claim(owners, secret.value, path, report)
    const kept = needsOwnSecret(homeserver) ? ownSecret(homeserver.name, path, place, report) : undefined
    const backends = readBackends(homeserver, path, place, report)
    return assemble(
      homeserver,
      { secrets: kept?.secrets ?? secrets.map(({ secret }) => secret), backends },
      kept?.file ?? homeserver.secretFile,
      place,
    )
  })
}

/** Checks the users with fixed passwords. */
export function readUsers(written: Written['users'], report: ConfigReport): User[] {
  const names = new Map<string, number>()
  for (const [i, user] of written.entries()) {
    const first = names.get(user.name)
    if (first === undefined) names.set(user.name, i)
    else report.error(['users', i, 'name'], 'user-twice', { given: user.name, first })
    checkPassword(user, ['users', i], report)
  }
  return [...written]
}

function checkPassword(user: User, path: Path, report: ConfigReport): void {
  if (user.password === undefined && !user.keys)
    report.error(path, 'user-password-missing', { given: user.name })
  if (user.password === undefined) return
  if (user.keys) report.error([...path, 'keys'], 'user-password-twice', { given: user.name })
  const isGuessable = isExampleWord(user.password) || user.password === user.name
  if (isGuessable) report.error([...path, 'password'], 'password-guessable', { given: user.name })
  else if (user.password.length < 12)
    report.warn([...path, 'password'], 'password-short', { given: user.name })
}

interface Found {
  readonly secret: Secret
  readonly path: Path
}

function readSecrets(homeserver: WrittenHomeserver, path: Path, place: Place, report: ConfigReport): Found[] {
  if (!homeserver.secrets && homeserver.secretFile === undefined) {
    if (!needsOwnSecret(homeserver)) report.error(path, 'homeserver-secret', { given: homeserver.name })
    return []
  }
  const found: Found[] = []
  const add = (given: KeyOrFile, algorithm: Secret['algorithm'], path: Path) => {
    const secret = readSecretOrFile(given, place)
    if (secret.ok) found.push({ secret: { value: secret.value, algorithm }, path })
    else report.fault(path, secret.error)
  }
  if (homeserver.secretFile !== undefined) {
    add({ value: undefined, file: homeserver.secretFile }, 'sha1', [...path, 'secretFile'])
  }
  for (const [i, secret] of (homeserver.secrets ?? []).entries()) {
    const at = [...path, 'secrets', i]
    if (typeof secret === 'string') add({ value: secret, file: undefined }, 'sha1', at)
    else if ((secret.value === undefined) === (secret.file === undefined)) report.error(at, 'secret-one-of')
    else if (secret.value !== undefined)
      add({ value: secret.value, file: undefined }, secret.algorithm, [...at, 'value'])
    else add({ value: undefined, file: secret.file }, secret.algorithm, [...at, 'file'])
  }
  return found
}

/** True where only we issue for the homeserver, so that nobody else has to know the secret. */
function needsOwnSecret(homeserver: WrittenHomeserver): boolean {
  return !homeserver.secrets && homeserver.secretFile === undefined && isIssuedFor(homeserver)
}

/** The secret that we made for a homeserver: kept in the state folder, or for as long as we run. */
function ownSecret(
  name: string,
  path: Path,
  place: Place,
  report: ConfigReport,
): { readonly secrets: Secret[]; readonly file: string } {
  const file = keptSecretFile(place.state, name)
  const only = (value: string) => ({ secrets: [{ value, algorithm: 'sha1' as const }], file })
  const kept = keptSecret(file, place.mayWrite)
  if (kept.ok) {
    if (kept.value === undefined) return { secrets: [], file }
    place.files.add(file)
    return only(kept.value)
  }
  if (kept.error.key === 'state-unwritable') {
    report.warn(path, 'secret-in-memory', { given: name, folder: place.state })
    return only(secretInMemory(name))
  }
  report.fault(path, kept.error)
  return { secrets: [], file }
}

/** Complains when a secret stands in two places: whose credential would it be? */
function claim(owners: Map<string, Path>, secret: string, path: Path, report: ConfigReport): void {
  const owner = [...owners].find(([other]) => same(other, secret))?.[1]
  if (!owner) owners.set(secret, path)
  else if (owner[1] === path[1]) report.warn(path, 'secret-repeated')
  else report.error(path, 'secret-shared', { first: Number(owner[1]) })
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

function assemble(
  written: WrittenHomeserver,
  { secrets, backends }: Pick<Homeserver, 'secrets' | 'backends'>,
  secretFile: string | undefined,
  place: Place,
): Homeserver {
  const { secretFile: _, ...rest } = written
  const file = secretFile === undefined ? undefined : expandPath(secretFile, place.folder, place.env)
  return {
    ...withHosts(rest),
    secrets,
    backends,
    ...(file?.ok && { secretFile: file.value }),
  }
}
