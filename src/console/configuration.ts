/** A value of the configuration, and where it stands. */
export interface ConfigurationEntry {
  readonly path: string
  readonly value: string
}

/** Lays a configuration out as lines: `limits.allocations  2000`. Plain lists stay on one line. */
export function entriesOf(value: unknown, path = ''): ConfigurationEntry[] {
  if (Array.isArray(value)) {
    if (value.every(item => typeof item !== 'object' || item === null))
      return [{ path, value: value.length === 0 ? '–' : value.map(String).join(', ') }]
    return value.flatMap((item, i) => entriesOf(item, `${path}[${i}]`))
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    if (entries.length === 0) return path === '' ? [] : [{ path, value: '–' }]
    return entries.flatMap(([key, item]) => entriesOf(item, path === '' ? key : `${path}.${key}`))
  }
  return [{ path, value: String(value) }]
}
