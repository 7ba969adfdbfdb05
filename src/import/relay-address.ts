import { formatIp, ipKey, parseIp } from '../base/address.ts'
import type { ImportSurroundings } from './draft.ts'
import type { ImportNote } from './line.ts'

/** An entry of `relay.addresses`, or what is missing to write one. */
export type Mapping = { readonly entry: string; readonly guessed: boolean } | { readonly missing: ImportNote }

/**
 * Finds the local address behind a public one that the old file names alone:
 * the machine may hold it itself; else it is the one address of that family
 * that the file, or the machine, has.
 */
export function mapPublic(
  outside: Uint8Array,
  named: readonly Uint8Array[],
  { own }: ImportSurroundings,
): Mapping {
  const key = ipKey(outside)
  if ([...named, ...own].some(ip => ipKey(ip) === key)) return { entry: formatIp(outside), guessed: false }
  const ofFamily = (list: readonly Uint8Array[]) => list.filter(ip => ip.length === outside.length)
  const guessed = ofFamily(named).length === 0
  const [local, ...others] = guessed ? ofFamily(own) : ofFamily(named)
  if (local && others.length === 0) return { entry: `${formatIp(local)}=${formatIp(outside)}`, guessed }
  return { missing: { key: 'todo-local', values: { public: formatIp(outside) } } }
}

/**
 * The one local address of a family that the file or, failing that, the machine
 * has; undefined where there are several.
 */
export function localFor(
  family: 4 | 6,
  named: readonly Uint8Array[],
  { own }: ImportSurroundings,
): Uint8Array | undefined {
  const ofFamily = (list: readonly Uint8Array[]) => list.filter(ip => ip.length === (family === 4 ? 4 : 16))
  const candidates = ofFamily(named).length > 0 ? ofFamily(named) : ofFamily(own)
  return candidates.length === 1 ? candidates[0] : undefined
}

/** All addresses of the machine, in both families. */
export const ANYWHERE: readonly Uint8Array[] = [parseIp('0.0.0.0')!, parseIp('::')!]

export function unique(ips: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(ips.map(ip => [ipKey(ip), ip])).values()]
}

export function sameIp(a: Uint8Array, b: Uint8Array): boolean {
  return ipKey(a) === ipKey(b)
}
