import { isDeepStrictEqual } from 'node:util'
import { restartKeys } from '../config/schema/description.ts'
import type { Settings } from '../config/settings.ts'

/** What of new settings a running relay can take on. */
export interface Merged {
  /** The new settings, with the old values where only a restart can change them. */
  readonly settings: Settings
  /** Those keys, for the operator. */
  readonly restart: readonly string[]
}

type Values = Readonly<Record<string, unknown>>

/**
 * Splits new settings into what can be applied under live allocations and what
 * has to wait: the keys that the schema marks with `restart`.
 */
export function merge(running: Settings, next: Settings, keys = restartKeys()): Merged {
  let settings: Values = next as unknown as Values
  const before: Values = running as unknown as Values
  const restart: string[] = []
  for (const [path, what] of keys) {
    const [old, now] = [valueAt(before, path), valueAt(settings, path)]
    const isSame =
      what === 'presence' ? (old === undefined) === (now === undefined) : isDeepStrictEqual(old, now)
    if (isSame) continue
    restart.push(path.join('.'))
    settings = withOld(settings, before, path)
  }
  return { settings: settings as unknown as Settings, restart }
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce((at: unknown, key) => (isValues(at) ? at[key] : undefined), values)
}

/** `values` with what `old` has at `path`. A section that only one of them has is taken from `old` as a whole. */
function withOld(values: Values, old: Values, [key, ...inner]: readonly string[]): Values {
  const { [key!]: now, ...others } = values
  const before = old[key!]
  if (inner.length > 0 && isValues(now) && isValues(before))
    return { ...others, [key!]: withOld(now, before, inner) }
  return before === undefined ? others : { ...others, [key!]: before }
}

function isValues(value: unknown): value is Values {
  return value !== null && typeof value === 'object'
}
