export type Severity = 'ok' | 'info' | 'warn' | 'error'

/** Where a check looks: the five groups, in the order in which they are run. */
export type Group = 'machine' | 'network' | 'homeserver' | 'turn' | 'modern'

/** The checks by name, and where each of them looks. */
const CHECKS = {
  configuration: 'machine',
  files: 'machine',
  clock: 'machine',
  listeners: 'machine',
  'web-server': 'machine',
  room: 'machine',
  'relayed-addresses': 'machine',
  'same-relay-address': 'machine',
  'peer-policy': 'machine',
  surroundings: 'machine',
  names: 'network',
  reach: 'network',
  certificate: 'network',
  inbound: 'network',
  discovery: 'homeserver',
  unauthenticated: 'homeserver',
  'turn-server': 'homeserver',
  uris: 'homeserver',
  secret: 'homeserver',
  lifetime: 'homeserver',
  clocks: 'homeserver',
  authentication: 'turn',
  allocation: 'turn',
  relaying: 'turn',
  families: 'turn',
  forbidden: 'turn',
  extras: 'turn',
  ending: 'turn',
  'seen-from-outside': 'turn',
  'matrix-rtc': 'modern',
  livekit: 'modern',
  beside: 'modern',
  openid: 'modern',
} as const satisfies Readonly<Record<string, Group>>

export type CheckName = keyof typeof CHECKS

export function groupOf(check: CheckName): Group {
  return CHECKS[check]
}
