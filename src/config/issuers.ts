import { timingSafeEqual } from 'node:crypto'
import { Fault } from './fault.ts'
import { type Env, expandPath } from './find.ts'
import type { Report } from './report.ts'
import type { Written } from './schema.ts'
import { readSecretFile, secretFault } from './secrets.ts'
import type { Homeserver, Secret, User } from './settings.ts'
import type { Path } from './source.ts'
import { isExampleWord } from './weak-secret.ts'

/** Where paths of the configuration are looked up, and what was read on the way. */
export interface Place {
  readonly folder: string
  readonly env: Env
  /** Files that the settings were made from; added to here. */
  readonly files: Set<string>
}

type WrittenHomeserver = Written['homeservers'][number]

/** Reads the homeservers' secrets and checks that every one of them tells who issued a credential. */
export function readHomeservers(
  written: readonly WrittenHomeserver[],
  place: Place,
  report: Report,
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
    return assemble(
      homeserver,
      secrets.map(({ secret }) => secret),
      place,
    )
  })
}

/** Checks the users with fixed passwords. */
export function readUsers(written: Written['users'], report: Report): User[] {
  const names = new Map<string, number>()
  for (const [i, user] of written.entries()) {
    const first = names.get(user.name)
    if (first === undefined) names.set(user.name, i)
    else report.error(['users', i, 'name'], 'user-twice', { given: user.name, first })
    checkPassword(user, ['users', i], report)
  }
  return [...written]
}

function checkPassword(user: User, path: Path, report: Report): void {
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

function readSecrets(homeserver: WrittenHomeserver, path: Path, place: Place, report: Report): Found[] {
  if (!homeserver.secrets && homeserver.secretFile === undefined) {
    report.error(path, 'homeserver-secret', { given: homeserver.name })
    return []
  }
  const found: Found[] = []
  const add = (value: string | Fault, algorithm: Secret['algorithm'], path: Path) => {
    const fault = value instanceof Fault ? value : secretFault(value)
    if (fault) report.fault(path, fault)
    else found.push({ secret: { value: value as string, algorithm }, path })
  }
  if (homeserver.secretFile !== undefined) {
    add(fromFile(homeserver.secretFile, place), 'sha1', [...path, 'secretFile'])
  }
  for (const [i, secret] of (homeserver.secrets ?? []).entries()) {
    const at = [...path, 'secrets', i]
    if (typeof secret === 'string') add(secret, 'sha1', at)
    else if ((secret.value === undefined) === (secret.file === undefined)) report.error(at, 'secret-one-of')
    else if (secret.value !== undefined) add(secret.value, secret.algorithm, [...at, 'value'])
    else add(fromFile(secret.file!, place), secret.algorithm, [...at, 'file'])
  }
  return found
}

function fromFile(written: string, place: Place): string | Fault {
  const file = expandPath(written, place.folder, place.env)
  if (file instanceof Fault) return file
  place.files.add(file)
  return readSecretFile(file)
}

/** Complains when a secret stands in two places: whose credential would it be? */
function claim(owners: Map<string, Path>, secret: string, path: Path, report: Report): void {
  const owner = [...owners].find(([other]) => same(other, secret))?.[1]
  if (!owner) owners.set(secret, path)
  else if (owner[1] === path[1]) report.warn(path, 'secret-repeated')
  else report.error(path, 'secret-shared', { first: Number(owner[1]) })
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

function assemble(written: WrittenHomeserver, secrets: Secret[], place: Place): Homeserver {
  const { name, paused, uris, limits, secretFile } = written
  const file = secretFile === undefined ? undefined : expandPath(secretFile, place.folder, place.env)
  const { allocations, bitrate } = limits ?? {}
  return {
    name,
    secrets,
    paused,
    ...(typeof file === 'string' && { secretFile: file }),
    ...(uris && { uris }),
    ...(limits && {
      limits: {
        ...(allocations !== undefined && { allocations }),
        ...(bitrate !== undefined && Number.isFinite(bitrate) && { bytesPerSecond: bitrate }),
      },
    }),
  }
}
