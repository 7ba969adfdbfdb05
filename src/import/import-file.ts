import { readCarrier } from './carrier.ts'
import { type Imported, importCoturn, importCoturnLines } from './coturn/coturn.ts'
import type { ImportSurroundings } from './draft.ts'
import { importEturnal, importEturnalLeaves } from './eturnal.ts'

export type Origin = 'coturn' | 'eturnal'

/** A file that starts no server and holds no configuration of one. */
export class ForeignFile extends Error {
  override readonly name = 'ForeignFile'
}

/**
 * Reads whatever holds the settings of coturn or eturnal: their own files, and the files that carry one or start a
 * server with options (compose files, manifests, units, environment files, scripts). Throws `UnreadableFile` for
 * what is not the YAML that it seems to be, `ForeignFile` for YAML that has nothing to do with either.
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
  if (carried && origin === 'eturnal' && from === undefined && /^(services|apiVersion|kind)\s*:/m.test(text))
    throw new ForeignFile(name)
  return {
    from: origin,
    ...(origin === 'coturn' ? importCoturn(text, around) : importEturnal(text, around)),
  }
}

/** Whose file it is: eturnal's is YAML with `eturnal:` at the top. */
function originOf(text: string, name: string): Origin {
  return /\.ya?ml$/i.test(name) || /^["']?eturnal["']?\s*:/m.test(text) ? 'eturnal' : 'coturn'
}
