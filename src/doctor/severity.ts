export type Severity = 'ok' | 'info' | 'warn' | 'error'

/** Where a check looks: the five groups, in the order in which they are run. */
export type Group = 'machine' | 'network' | 'homeserver' | 'turn' | 'modern'
