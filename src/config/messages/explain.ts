import type { z } from 'zod'
import { type ConfigFault, configFault } from '../fault.ts'
import { describedAt, isSecret, type KeyDescription, namesAt } from '../schema/description.ts'
import { holdsPassword, type Path } from '../source.ts'
import { nearest } from '../values/nearest.ts'
import { isMessageKey } from './messages.ts'

type Issue = z.core.$ZodIssue

/** A fault, where it is, and whether the key or its value is to blame. */
export interface Explained {
  readonly path: Path
  readonly at: 'key' | 'value'
  readonly fault: ConfigFault
}

/**
 * Says in our words what zod found wrong with `value`, which is the whole file. `known` describes its keys, where that
 * is not `turnserver.json`.
 */
export function explainIssue(issue: Issue, value: unknown, known?: KeyDescription): Explained[] {
  const path = inFile(issue.path as Path, value)
  const keys = path.filter(part => typeof part === 'string')
  const here = (fault: ConfigFault): Explained[] => [{ path, at: 'value', fault }]
  const given = valueAt(value, path)
  const found = kindOf(given, isSecret(keys, known))
  switch (issue.code) {
    case 'custom':
      return here(issue.params as unknown as ConfigFault)
    case 'unrecognized_keys':
      return issue.keys.map(key => {
        const guess = nearest(key, namesAt(keys, known))
        const fault = guess
          ? configFault('unknown-key-guess', { key, guess })
          : configFault('unknown-key', { key })
        return { path: [...path, key], at: 'key', fault }
      })
    case 'invalid_union': {
      const branch = closest(issue.errors)
      if (!branch) return here(configFault(isMessageKey(issue.message) ? issue.message : 'wrong-type', found))
      return branch.flatMap(inner => explainIssue({ ...inner, path: [...path, ...inner.path] }, value, known))
    }
    case 'invalid_key':
      return issue.issues.flatMap(({ message }) =>
        isMessageKey(message)
          ? { path, at: 'key' as const, fault: configFault(message, { found: shown(path.at(-1)) }) }
          : [],
      )
    case 'invalid_type':
      if (given === undefined) {
        return [
          {
            path: issue.path as Path,
            at: 'value',
            fault: configFault('missing-key', { key: String(issue.path.at(-1) ?? '') }),
          },
        ]
      }
      if (isMessageKey(issue.message) && issue.message !== 'want-text')
        return here(configFault(issue.message, found))
      if (issue.expected === 'string' && given !== null && typeof given === 'object')
        return here(wantOneText(keys, found, known))
      return here(configFault(`want-${KINDS[issue.expected] ?? 'object'}`, found))
    case 'invalid_value':
      return here(notOneOf(given, issue.values.map(String), keys, known))
    case 'too_small':
      if (issue.origin === 'array') return here(configFault('empty-list'))
      if (issue.origin === 'string') return here(configFault('empty-text'))
      return here(configFault('too-small', { given: shown(given), min: Number(issue.minimum) }))
    case 'too_big':
      if (issue.origin === 'string') return here(configFault('long-text', { max: Number(issue.maximum) }))
      return here(configFault('too-big', { given: shown(given), max: Number(issue.maximum) }))
    default:
      return here(configFault(isMessageKey(issue.message) ? issue.message : 'want-text', found))
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

/** For a list or a section in the place of a text, where quotes around it would not do. */
function wantOneText(
  keys: readonly string[],
  found: { found: string },
  known: KeyDescription | undefined,
): ConfigFault {
  const described = describedAt(keys, known)
  const isText = (value: unknown) => typeof value === 'string'
  const example = described.flatMap(one => [one.default, ...(one.examples ?? [])]).find(isText)
  if (example === undefined || isSecret(keys, known)) return configFault('want-text', found)
  return configFault('want-one-text', { ...found, example: JSON.stringify(example) })
}

/** The value that was given, or only its kind where it is long or a secret. */
function kindOf(given: unknown, isSecret: boolean): { found: string } {
  if (Array.isArray(given)) return { found: '[…]' }
  if (typeof given === 'string') {
    return { found: isSecret || holdsPassword(given) || given.length > SHORT ? '"…"' : `"${given}"` }
  }
  return { found: given !== null && typeof given === 'object' ? '{…}' : String(given) }
}

/** Characters of a text that an error repeats. */
const SHORT = 60

/** Suggests the word that was probably meant, or else the default. */
function notOneOf(
  given: unknown,
  choices: readonly string[],
  keys: readonly string[],
  known: KeyDescription | undefined,
): ConfigFault {
  const described = describedAt(keys, known)
  const text = typeof given === 'string' ? given.toLowerCase() : ''
  const alias = described
    .flatMap(({ aliases }) => Object.entries(aliases ?? {}))
    .find(([word]) => word === text)
  const otherwise = described.find(key => key.default !== undefined)?.default ?? choices[0]
  const guess = alias?.[1] ?? nearest(text, choices) ?? String(otherwise)
  return configFault('not-one-of', { given: shown(given), choices: choices.join(', '), guess })
}

function shown(given: unknown): string {
  return kindOf(given, false).found
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

/** The part of `path` that the file has: a section may be given as a text, which zod reads as a section. */
function inFile(path: Path, value: unknown): Path {
  const end = path.findIndex((_, i) => {
    const above = valueAt(value, path.slice(0, i))
    return above === null || typeof above !== 'object'
  })
  return end < 0 ? path : path.slice(0, end)
}
