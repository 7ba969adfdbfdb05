export type Severity = 'ok' | 'info' | 'warn' | 'error'

/** Where a check looks: the five groups, in the order in which they are run. */
export type Group = 'machine' | 'network' | 'homeserver' | 'turn' | 'modern'

const GROUPS: Readonly<Record<string, Group>> = {
  A: 'machine',
  B: 'network',
  C: 'homeserver',
  D: 'turn',
  E: 'modern',
}

/** The group of a check, by the letter of its id. */
export function groupOf(check: string): Group {
  return GROUPS[check[0] ?? ''] ?? 'machine'
}
