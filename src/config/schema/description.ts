import { z } from 'zod'
import { schema } from './schema.ts'

/**
 * What is known of one key, as JSON Schema says it: zod's own words for type,
 * default and bounds, and what `.meta()` adds in the schema.
 */
export interface KeyDescription {
  readonly type?: string
  readonly properties?: Readonly<Record<string, KeyDescription>>
  readonly required?: readonly string[]
  readonly items?: KeyDescription
  readonly anyOf?: readonly KeyDescription[]
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  /** The value is a secret: never shown in errors, in the settings in force, or by the API. */
  readonly writeOnly?: boolean
  /**
   * `true`: a change waits for the next start. `presence`: it may change while
   * the relay runs, but not be added or removed.
   */
  readonly restart?: true | 'presence'
  /** Written out in the example file although it has no default. */
  readonly live?: boolean
  /** The variable of the environment that sets it; `form` is what the value becomes, with `{}` for what is given. */
  readonly env?: { readonly name: string; readonly form?: string }
  /** Words of other programs, and ours for them. */
  readonly aliases?: Readonly<Record<string, string>>
}

/** Describes a schema by zod's public way of doing so. */
export function describeSchema(of: z.ZodType): KeyDescription {
  return z.toJSONSchema(of, { io: 'input', target: 'draft-7' }) as KeyDescription
}

let described: KeyDescription | undefined

/** Every key of `turnserver.json`, described. */
export function configKeys(): KeyDescription {
  described ??= describeSchema(schema)
  return described
}

/**
 * All that `path` may lead to, in any of the forms that a value can have.
 * Positions in lists are left out of `path`.
 */
export function describedAt(path: readonly string[], from: KeyDescription = configKeys()): KeyDescription[] {
  return path.reduce(
    (nodes, key) =>
      nodes.flatMap(({ properties }) =>
        properties && Object.hasOwn(properties, key) ? forms(properties[key]!) : [],
      ),
    forms(from),
  )
}

/** Names of the keys that may stand in the object at `path`. */
export function namesAt(path: readonly string[], from?: KeyDescription): string[] {
  return describedAt(path, from).flatMap(({ properties }) => Object.keys(properties ?? {}))
}

/** True where the value at `path` must not be shown. What nobody has described may be a secret, too. */
export function isSecret(path: readonly string[], from?: KeyDescription): boolean {
  const found = describedAt(path, from)
  return found.length === 0 || found.some(({ writeOnly }) => writeOnly)
}

/** Names that are keys somewhere, and never of a secret: for a text in which places cannot be told. */
export function harmlessNames(from: KeyDescription = configKeys()): Set<string> {
  const names = new Set<string>()
  const secret = new Set<string>()
  for (const [path] of everyKey(from)) {
    names.add(path.at(-1)!)
    if (isSecret(path, from)) secret.add(path.at(-1)!)
  }
  for (const name of secret) names.delete(name)
  return names
}

/** Names of the keys that hold secrets. */
export function secretNames(from: KeyDescription = configKeys()): Set<string> {
  const paths = [...everyKey(from)].map(([path]) => path)
  return new Set(paths.filter(path => isSecret(path, from)).map(path => path.at(-1)!))
}

/** Keys that are marked with `restart`, without those inside lists. */
export function restartKeys(
  from: KeyDescription = configKeys(),
): (readonly [readonly string[], true | 'presence'])[] {
  return [...everyKey(from)].flatMap(([path, { restart }]) => (restart ? [[path, restart] as const] : []))
}

/** Every key with the way to it. A key that has several forms is there for each. */
export function* everyKey(
  of: KeyDescription,
  path: readonly string[] = [],
): Generator<readonly [path: readonly string[], KeyDescription]> {
  for (const form of forms(of)) {
    for (const [key, value] of Object.entries(form.properties ?? {})) {
      yield [[...path, key], value]
      yield* everyKey(value, [...path, key])
    }
  }
}

/** The node itself, its alternatives, and what its lists hold. */
function forms(node: KeyDescription): KeyDescription[] {
  return [node, ...(node.anyOf ?? []).flatMap(forms), ...(node.items ? forms(node.items) : [])]
}
