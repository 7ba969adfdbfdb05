import { readCarrier } from './carrier.ts'
import { type Imported, importCoturn, importCoturnLines } from './coturn/coturn.ts'
import type { ImportSurroundings } from './draft.ts'
import { importEturnal, importEturnalLeaves } from './eturnal.ts'

export type Origin = 'coturn' | 'eturnal'

/** What a file is that holds no setting of coturn or eturnal, as far as can be told. */
export type ForeignSort = 'yaml' | 'json' | 'nixos' | 'homeserver' | 'nothing'

/** A file that starts no server and holds no configuration of one. */
export class ForeignFile extends Error {
  override readonly name = 'ForeignFile'
  readonly sort: ForeignSort

  constructor(name: string, sort: ForeignSort) {
    super(`${name} has no setting of coturn or eturnal`)
    this.sort = sort
  }
}

/**
 * Reads whatever holds the settings of coturn or eturnal: their own files, and the files that carry one or start a
 * server with options (compose files, manifests, units, environment files, scripts). Throws `UnreadableFile` for
 * what is not the YAML that it seems to be, `ForeignFile` for what has nothing to do with either; not where `from`
 * says whose file it is.
 */
export function importFile(
  { text, name, from }: { readonly text: string; readonly name: string; readonly from?: Origin | undefined },
  around: ImportSurroundings,
): Imported & { readonly from: Origin } {
  const carried = readCarrier(text, name)
  if (carried && from !== 'coturn' && carried.eturnal.length > carried.coturn.length)
    return { from: 'eturnal', ...importEturnalLeaves(carried.eturnal, around) }
  if (carried && from !== 'eturnal' && carried.coturn.length > 0)
    return { from: 'coturn', ...importCoturnLines(carried.coturn, around) }
  const origin = from ?? originOf(text, name)
  const isSure = from !== undefined || ETURNAL.test(text)
  const sort = isSure ? undefined : foreignSort(text)
  if (sort && sort !== 'yaml') throw new ForeignFile(name, sort)
  if (carried && origin === 'eturnal' && sort) throw new ForeignFile(name, sort)
  const imported = origin === 'coturn' ? importCoturn(text, around) : importEturnal(text, around)
  const { entries } = imported
  // A misspelt option, for which there is a guess, may be all that a file of coturn has.
  const isForeign = entries.length > 0 && entries.every(({ note }) => note?.key === 'unknown')
  if (isForeign && !isSure) throw new ForeignFile(name, origin === 'eturnal' ? 'yaml' : 'nothing')
  return { from: origin, ...imported }
}

/** What a file is by a sign of it; asked where nothing of either server was found in it. */
function foreignSort(text: string): ForeignSort | undefined {
  if (/^\s*[[{]/.test(text)) return 'json'
  if (/\bservices\.coturn\b/.test(text)) return 'nixos'
  if (/^turn_(uris|shared_secret|secret)\b\s*[:=]/m.test(text)) return 'homeserver'
  if (/^(services|apiVersion|kind)\s*:/m.test(text)) return 'yaml'
  return undefined
}

/** Whose file it is: eturnal's is YAML with `eturnal:` at the top. */
function originOf(text: string, name: string): Origin {
  return /\.ya?ml$/i.test(name) || ETURNAL.test(text) ? 'eturnal' : 'coturn'
}

/** The key that holds all settings of eturnal, in YAML of either style. */
const ETURNAL = /^(\{\s*)?["']?eturnal["']?\s*:/m
