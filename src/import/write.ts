import { formatRange } from '../base/range.ts'
import { formatListener } from '../config/values/listener.ts'
import { type Draft, homeserverOf } from './draft.ts'

/** The comments of the file that is written, by section. */
export type Comments = Readonly<Record<(typeof SECTIONS)[number], string>>

export const SECTIONS = [
  'head',
  'realm',
  'listen',
  'tls',
  'relay',
  'homeservers',
  'users',
  'clients',
  'peers',
  'limits',
  'credentials',
  'protocol',
  'metrics',
  'log',
] as const

export interface WriteOptions {
  readonly comments: Comments
  /** Where an editor finds the description of the file; absent where there is none. */
  readonly schema: string | undefined
  /** What the homeserver is called; without it, it is guessed from the realm. */
  readonly homeserver?: string | undefined
}

/** Stands where a secret is to be filled in; no configuration with it is valid. */
const PLACEHOLDER = 'replace-with-the-secret-of-the-homeserver'

/** Writes the draft as a turnserver.json with a comment at each section. */
export function writeDraft(draft: Draft, { comments, schema, homeserver }: WriteOptions): string {
  const name = homeserver ?? (draft.realm === undefined ? 'default' : homeserverOf(draft.realm))
  const relay = {
    addresses: draft.relayAddresses.length > 0 ? draft.relayAddresses : ['auto'],
    ports: draft.ports ?? '49152-65535',
    ...(draft.defaultFamily && { defaultFamily: draft.defaultFamily }),
  }
  const secrets =
    draft.secrets.length > 0 ? draft.secrets : draft.users.length > 0 ? undefined : [PLACEHOLDER]
  const sections: [keyof Comments | undefined, string, unknown][] = [
    [undefined, '$schema', schema],
    ['realm', 'realm', draft.realm],
    ['listen', 'listen', draft.listen.length > 0 ? draft.listen.map(formatListener) : undefined],
    ['tls', 'tls', draft.tls],
    ['relay', 'relay', relay],
    ['homeservers', 'homeservers', secrets && [{ name, secrets }]],
    ['users', 'users', draft.users.length > 0 ? draft.users : undefined],
    [
      'clients',
      'clients',
      draft.deniedClients.length > 0 ? { deny: draft.deniedClients.map(formatRange) } : undefined,
    ],
    [
      'peers',
      'peers',
      { deny: ['recommended', ...draft.deny.map(formatRange)], allow: draft.allow.map(formatRange) },
    ],
    ['limits', 'limits', filled(draft.limits)],
    ['credentials', 'credentials', filled(draft.credentials)],
    ['protocol', 'protocol', filled(draft.protocol)],
    ['metrics', 'metrics', draft.metrics ?? 'http://127.0.0.1:9641'],
    ['log', 'log', { level: draft.logLevel ?? 'info', privacy: 'pseudonym' }],
  ]
  const written = sections
    .filter(([, , value]) => value !== undefined)
    .map(([comment, key, value]) => {
      const above = comment === undefined ? '' : `${commented(comments[comment])}\n`
      return `${above}  ${JSON.stringify(key)}: ${indented(value)}`
    })
  return `{\n${commented(comments.head)}\n\n${written.join(',\n\n')}\n}\n`
}

function filled<T extends object>(section: T): T | undefined {
  return Object.keys(section).length > 0 ? section : undefined
}

function commented(text: string): string {
  return text.replaceAll(/^/gm, '  // ')
}

/** JSON on one line where that is short, else indented as the file is. */
function indented(value: unknown): string {
  const line = flat(value)
  return line.length <= SHORT ? line : JSON.stringify(value, undefined, 2).replaceAll('\n', '\n  ')
}

function flat(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flat).join(', ')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${flat(member)}`)
  return `{ ${members.join(', ')} }`
}

const SHORT = 100
