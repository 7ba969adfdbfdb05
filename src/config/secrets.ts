import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { succeeded } from '../base/result.ts'
import { readOwn } from '../system/own-file.ts'
import { notAccepted, type Parsed } from './fault.ts'
import { closing, isWorldReadable, quoted, readNamed } from './find.ts'
import { SECRET_LENGTH, weakness } from './values/weak-secret.ts'

/** Reads a file that holds one secret, without the white space around it. */
export function readSecretFile(file: string): Parsed<string> {
  const text = readNamed(file)
  return text.ok ? secretIn(text.value, file) : text
}

function secretIn(text: string, file: string): Parsed<string> {
  if (isWorldReadable(file))
    return notAccepted('secret-world', { file: quoted(file), command: closing(file) })
  const secret = text.trim()
  if (secret === '') return notAccepted('secret-file-empty', { file: quoted(file) })
  return /[\r\n]/.test(secret) ? notAccepted('secret-lines', { file }) : succeeded(secret)
}

/** The secret, where nothing speaks against it. The fault does not repeat it. */
export function strongSecret(secret: string): Parsed<string> {
  const weak = weakness(secret)
  if (weak === 'short') return notAccepted('secret-short', { length: secret.length, min: SECRET_LENGTH })
  if (weak === 'repetitive') return notAccepted('secret-repetitive')
  if (weak === 'example') return notAccepted('secret-example')
  return secret.trim() === secret ? succeeded(secret) : notAccepted('secret-space')
}

/** Makes a secret that nobody can guess: 32 octets in hexadecimal, which survives every quoting. */
export function freshSecret(): string {
  return randomBytes(32).toString('hex')
}

/**
 * The file in the state folder that holds a secret which we made ourselves:
 * for `homeserver`, or for the relay that has no configuration.
 */
export function keptSecretFile(state: string, homeserver?: string): string {
  if (homeserver === undefined) return join(state, 'secret')
  // Names may hold what file names may not; the hash keeps apart what looks the same without it.
  const readable = homeserver.replaceAll(/[^A-Za-z0-9.-]/g, '_').slice(0, 64)
  const hash = createHash('sha256').update(homeserver).digest('hex').slice(0, 8)
  return join(state, `secret-${readable}-${hash}`)
}

/** Reads such a secret, and makes it first where there is none and `mayWrite`. */
export function keptSecret(file: string, mayWrite: boolean): Parsed<string | undefined> {
  const state = dirname(file)
  const kept = readOwnSecretFile(file)
  if (kept.ok) return strongSecret(kept.value)
  if (kept.error.key !== 'file-missing') return kept
  if (!mayWrite) return succeeded(undefined)
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 })
    // "wx": of two relays that start at the same moment, one writes and both read.
    writeFileSync(file, `${freshSecret()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') return notAccepted('state-unwritable', { folder: state, code: code ?? '?' })
  }
  return readOwnSecretFile(file)
}

/** The same, but a file that somebody else has put there is not taken: its owner would know the secret. */
function readOwnSecretFile(file: string): Parsed<string> {
  let uid: number | undefined
  const text = readNamed(file, () => {
    const own = readOwn(file)
    if (own.ok) return own.value
    uid = own.error
    return ''
  })
  if (uid !== undefined) return notAccepted('secret-owner', { file: quoted(file), uid })
  return text.ok ? secretIn(text.value, file) : text
}

const inMemory = new Map<string, string>()

/** A secret for `homeserver` that lives as long as the process, for a state folder that cannot be written. */
export function secretInMemory(homeserver: string): string {
  const secret = inMemory.get(homeserver) ?? freshSecret()
  inMemory.set(homeserver, secret)
  return secret
}
