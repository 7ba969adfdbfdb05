import { z } from 'zod'
import { configKeys, isSecret, type KeyDescription } from './schema/description.ts'
import { schema, type Written } from './schema/schema.ts'
import type { Settings } from './settings.ts'

/** Stands where a secret would. */
const REDACTED = '(redacted)'

/** Writes the settings as the file would have them, every default spelled out and every secret redacted. */
export function effective(settings: Settings): Record<string, unknown> {
  const { testing: _, blocked: __, costs: ___, control, console, tls, ...rest } = settings
  const written = {
    ...rest,
    control: control === false ? false : control.path,
    console: console && withoutLenient(console),
    // The files of ACME are not named in the file.
    ...(tls && { tls: tls.acme ? { acme: tls.acme } : tls }),
  }
  return redacted(z.encode(schema, written as Written), configKeys()) as Record<string, unknown>
}

function withoutLenient<T extends { readonly lenient: boolean }>({
  lenient: _,
  ...keys
}: T): Omit<T, 'lenient'> {
  return keys
}

/** Replaces every secret of a value, and what nobody has described. */
export function redacted(value: unknown, keys: KeyDescription, path: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map(one => redacted(one, keys, path))
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).map(([key, member]) => [
      key,
      redacted(member, keys, [...path, key]),
    ])
    return Object.fromEntries(members)
  }
  return typeof value === 'string' && isSecret(path, keys) ? REDACTED : value
}
