import type { Env } from './find.ts'
import { configKeys, describedAt, everyKey, type KeyDescription } from './schema/description.ts'
import type { Path } from './source.ts'
import { nearest } from './values/nearest.ts'

/** A key that the environment sets, in place of what the file says. */
export interface SetByEnvironment {
  readonly variable: string
  readonly path: Path
  readonly value: unknown
}

const PREFIX = 'TACITURN_'
/** Variables that are read elsewhere. */
const OTHERS = ['TACITURN_CONFIG', 'TACITURN_STATE']

/** The keys that the environment sets. An empty variable is none: that is how compose files leave one out. */
export function readEnvironment(env: Env, keys: KeyDescription = configKeys()): SetByEnvironment[] {
  return [...variables(keys)].flatMap(([variable, { path, key }]) => {
    const text = env[variable]?.trim()
    if (!text) return []
    const form = (one: string) => (key.env?.form ?? '{}').replace('{}', () => one)
    const value = key.type === 'array' ? text.split(',').map(one => form(one.trim())) : form(text)
    return [{ variable, path, value }]
  })
}

/** Variables that look like a misspelt one of ours, with what was probably meant. */
export function misspelt(
  env: Env,
  keys: KeyDescription = configKeys(),
): { readonly given: string; readonly guess: string }[] {
  const known = [...variables(keys).keys(), ...OTHERS]
  return Object.keys(env).flatMap(given => {
    if (!given.startsWith(PREFIX) || known.includes(given)) return []
    // Kubernetes names the ports of a service so, and programs of ours have variables of their own.
    if (/^TACITURN_(SERVICE|PORT|DOCTOR|BENCH)(_|$)/.test(given)) return []
    const guess = nearest(
      given.slice(PREFIX.length),
      known.map(name => name.slice(PREFIX.length)),
    )
    return guess === undefined ? [] : [{ given, guess: PREFIX + guess }]
  })
}

/** `value` with what the environment sets laid over it. */
export function overlaid(value: unknown, set: readonly SetByEnvironment[]): unknown {
  const base = isObject(value) || value === undefined ? structuredClone(value ?? {}) : value
  if (!isObject(base) || set.length === 0) return value
  for (const { path, value: own } of set) put(base, path, own)
  const homeservers = base.homeservers
  // One who sets nothing but a secret need not think of a name.
  if (Array.isArray(homeservers) && isObject(homeservers[0])) homeservers[0].name ??= 'default'
  return base
}

function put(at: Record<string, unknown>, [step, ...rest]: Path, value: unknown): void {
  if (rest.length === 0) {
    at[step!] = value
    return
  }
  const next = at[step!]
  const inner = isObject(next) || Array.isArray(next) ? next : typeof rest[0] === 'number' ? [] : {}
  at[step!] = inner
  put(inner as Record<string, unknown>, rest, value)
}

/** Each variable with the key that it sets; in a list, that of the first entry. */
function variables(keys: KeyDescription): Map<string, { readonly path: Path; readonly key: KeyDescription }> {
  const found = new Map<string, { readonly path: Path; readonly key: KeyDescription }>()
  for (const [names, key] of everyKey(keys)) {
    if (!key.env) continue
    const path = names.flatMap((name, i) => {
      const isInside = i < names.length - 1
      const isList = describedAt(names.slice(0, i + 1), keys).some(({ type }) => type === 'array')
      return isInside && isList ? [name, 0] : [name]
    })
    found.set(key.env.name, { path, key })
  }
  return found
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
