import type { z } from 'zod'
import { ConfigFault } from '../fault.ts'
import type { Path } from '../source.ts'
import { nearest } from '../values/nearest.ts'
import { isMessageKey } from './messages.ts'

type Issue = z.core.$ZodIssue

/** A fault, where it is, and whether the key or its value is to blame. */
export interface Explained {
  readonly path: Path
  readonly at: 'key' | 'value'
  readonly fault: ConfigFault
}

/** Says in our words what zod found wrong with `value`, which stands at `base` in the file. */
export function explainIssue(issue: Issue, value: unknown, schema: z.core.$ZodType, base: Path): Explained[] {
  const path = issue.path as Path
  const here = (fault: ConfigFault): Explained[] => [{ path: [...base, ...path], at: 'value', fault }]
  const given = valueAt(value, path)
  switch (issue.code) {
    case 'custom':
      return here(issue.params as ConfigFault)
    case 'unrecognized_keys':
      return issue.keys.map(key => {
        const guess = nearest(key, keysAt(schema, path))
        const fault = guess
          ? new ConfigFault('unknown-key-guess', { key, guess })
          : new ConfigFault('unknown-key', { key })
        return { path: [...base, ...path, key], at: 'key', fault }
      })
    case 'invalid_union': {
      const branch = closest(issue.errors)
      if (!branch)
        return here(new ConfigFault(isMessageKey(issue.message) ? issue.message : 'wrong-type', found(given)))
      return branch.flatMap(inner =>
        explainIssue({ ...inner, path: [...path, ...inner.path] }, value, schema, base),
      )
    }
    case 'invalid_type':
      if (given === undefined) {
        return here(new ConfigFault('missing-key', { key: String([...base, ...path].at(-1) ?? '') }))
      }
      if (isMessageKey(issue.message)) return here(new ConfigFault(issue.message, found(given)))
      return here(new ConfigFault(`want-${KINDS[issue.expected] ?? 'object'}`, found(given)))
    case 'invalid_value': {
      const choices = issue.values.map(String)
      const guess = typeof given === 'string' ? nearest(given, choices) : undefined
      return here(
        new ConfigFault('not-one-of', {
          given: shown(given),
          choices: choices.join(', '),
          guess: guess ?? choices[0]!,
        }),
      )
    }
    case 'too_small':
      if (issue.origin === 'array') return here(new ConfigFault('empty-list'))
      if (issue.origin === 'string') return here(new ConfigFault('empty-text'))
      return here(new ConfigFault('too-small', { given: shown(given), min: Number(issue.minimum) }))
    case 'too_big':
      if (issue.origin === 'string') return here(new ConfigFault('long-text', { max: Number(issue.maximum) }))
      return here(new ConfigFault('too-big', { given: shown(given), max: Number(issue.maximum) }))
    default:
      return here(new ConfigFault(isMessageKey(issue.message) ? issue.message : 'want-text', found(given)))
  }
}

const KINDS: Readonly<Record<string, 'text' | 'number' | 'boolean' | 'list' | 'object'>> = {
  string: 'text',
  number: 'number',
  int: 'number',
  boolean: 'boolean',
  array: 'list',
  object: 'object',
}

/** What kind of value was given. Numbers and truth values are named; a text might be a secret. */
function found(given: unknown): { found: string } {
  if (Array.isArray(given)) return { found: '[…]' }
  if (typeof given === 'string') return { found: '"…"' }
  return { found: given !== null && typeof given === 'object' ? '{…}' : String(given) }
}

function shown(given: unknown): string {
  return typeof given === 'string' ? `"${given}"` : found(given).found
}

/** The alternatives of a union that at least are of the right kind, and of them the one with the fewest faults. */
function closest(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isOther = (issue: Issue) =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')
  return branches.filter(branch => !branch.some(isOther)).toSorted((a, b) => a.length - b.length)[0]
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined)?.[key], value)
}

/** The keys that the schema knows at `path`. */
function keysAt(schema: z.core.$ZodType, path: Path): string[] {
  const def = schema._zod.def as {
    innerType?: z.core.$ZodType
    in?: z.core.$ZodType
    element?: z.core.$ZodType
    shape?: Readonly<Record<string, z.core.$ZodType>>
    options?: readonly z.core.$ZodType[]
  }
  if (def.options) return def.options.flatMap(option => keysAt(option, path))
  const inner = def.innerType ?? def.in
  if (inner) return keysAt(inner, path)
  const [first, ...rest] = path
  if (first === undefined) return Object.keys(def.shape ?? {})
  const next = typeof first === 'number' ? def.element : def.shape?.[first]
  return next ? keysAt(next, rest) : []
}
