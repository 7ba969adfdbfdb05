import { succeeded } from '../base/result.ts'
import type { Parsed } from './fault.ts'
import { type Env, expandPath } from './find.ts'
import { readSecretFile, strongSecret } from './secrets.ts'

/** Where paths of the configuration are looked up, and what was read on the way. */
export interface Place {
  readonly folder: string
  readonly env: Env
  /** Files that the settings were made from; added to here. */
  readonly files: Set<string>
  /** The folder for what must outlive the process; '' where it cannot be told. */
  readonly state: string
  /** False: makes no secret where there is none yet. */
  readonly mayWrite: boolean
}

/** A secret in the configuration itself, or the file that holds it. */
export interface KeyOrFile {
  readonly value: string | undefined
  readonly file: string | undefined
}

/** Reads a secret that stands in the configuration or in a file, and checks that nobody can guess it. */
export function readSecretOrFile(given: KeyOrFile, place: Place): Parsed<string> {
  return strong(readKeyOrFile(given, place))
}

/** The same for a key to something else, which somebody else has chosen. */
export function readKeyOrFile({ value, file }: KeyOrFile, place: Place): Parsed<string> {
  return value === undefined ? fromFile(file!, place) : succeeded(value)
}

function strong(secret: Parsed<string>): Parsed<string> {
  return secret.ok ? strongSecret(secret.value) : secret
}

function fromFile(written: string, place: Place): Parsed<string> {
  const file = expandPath(written, place.folder, place.env)
  if (!file.ok) return file
  place.files.add(file.value)
  return readSecretFile(file.value)
}
