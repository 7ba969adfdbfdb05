import type { ConsoleWords, TextKey } from './words.ts'

/**
 * What a reason means for the operator. `normal`: part of every day. `setup`:
 * somebody's configuration is wrong, ours or a homeserver's. `limit`: a limit
 * of the configuration did its work. `hostile`: somebody tries what is not
 * allowed. `fault`: the relay or the network is in trouble.
 */
export type ReasonKind = 'normal' | 'setup' | 'limit' | 'hostile' | 'fault'

const REJECTED: Readonly<Record<string, ReasonKind>> = {
  'first-401': 'normal',
  expired: 'normal',
  'wrong-secret': 'setup',
  'unknown-user': 'setup',
  'wrong-realm': 'setup',
  'stale-nonce': 'normal',
  paused: 'setup',
  blocked: 'normal',
  'bad-request': 'hostile',
  'unknown-attribute': 'normal',
  mismatch: 'normal',
  'wrong-user': 'hostile',
  unsupported: 'normal',
  'denied-peer': 'normal',
  quota: 'limit',
  capacity: 'limit',
  draining: 'normal',
  internal: 'fault',
  'allocation-rate': 'limit',
  guessing: 'hostile',
  scan: 'hostile',
}

const DROPPED: Readonly<Record<string, ReasonKind>> = {
  malformed: 'hostile',
  'not-stun': 'normal',
  'unknown-method': 'hostile',
  'no-allocation': 'normal',
  'no-permission': 'normal',
  'no-channel': 'normal',
  'peer-taken': 'limit',
  unattributed: 'normal',
  'denied-peer': 'normal',
  family: 'normal',
  rate: 'limit',
  'unknown-attribute': 'normal',
  expired: 'normal',
  'too-long': 'hostile',
  'send-queue': 'fault',
  'slow-stream': 'limit',
  'denied-client': 'limit',
  unverified: 'hostile',
  guessing: 'hostile',
  requests: 'hostile',
  backlog: 'limit',
  scan: 'hostile',
  away: 'normal',
}

const CLOSED: Readonly<Record<string, ReasonKind>> = {
  released: 'normal',
  expired: 'normal',
  hangup: 'normal',
  revoked: 'normal',
  stopped: 'normal',
  lost: 'fault',
  moved: 'normal',
}

const KINDS = { rejected: REJECTED, dropped: DROPPED, closed: CLOSED } as const
export type ReasonTable = keyof typeof KINDS

export interface Reason {
  readonly title: string
  /** What is behind it, or empty for a word that this console does not know. */
  readonly meaning: string
  readonly kind: ReasonKind
}

/** Explains a word of the relay. A word that is new to this console is shown as it is. */
export function explainReason(table: ReasonTable, word: string, words: ConsoleWords): Reason {
  const name = reasonName(word)
  const kind = KINDS[table][name]
  const key = `${table}.${name}`
  if (kind === undefined || !words.knows(key)) return { title: word, meaning: '', kind: 'normal' }
  return { title: words.say(key), meaning: words.say(`${key}.why` as TextKey), kind }
}

/** `dropNotStun`, `not_stun` and `notStun` are all `not-stun`. */
export function reasonName(word: string): string {
  return word
    .replace(/^drop(?=[A-Z])/, '')
    .replace(/(?!^)[A-Z]/g, '-$&')
    .replaceAll('_', '-')
    .toLowerCase()
}
