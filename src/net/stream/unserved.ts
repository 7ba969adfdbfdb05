import type { Address } from '../../base/address.ts'
import { Counter, type Counters, counterEntries, UNSERVED_COUNTERS } from '../../base/counters.ts'
import type { Clock } from '../../base/time.ts'
import type { Event, UnservedReason } from '../../core/event.ts'

/** Why a connection ended before STUN began, and in words what its log line says of it. */
export interface Unserved {
  readonly why: UnservedReason
  readonly detail: string
}

export type UnservedEvent = Extract<Event, { kind: 'unserved' }>

const COUNTER_OF = Object.fromEntries(
  counterEntries(UNSERVED_COUNTERS).map(([name, why]) => [why, Counter[name]]),
) as Record<UnservedReason, number>

/** Counts connections that end before STUN begins, and tells of them. */
export class UnservedReport {
  readonly #counters: Counters
  readonly #clock: Clock
  readonly #tell: ((event: UnservedEvent) => void) | undefined

  constructor(counters: Counters, clock: Clock, tell: ((event: UnservedEvent) => void) | undefined) {
    this.#counters = counters
    this.#clock = clock
    this.#tell = tell
  }

  /** `uniqueId` is how the proxy in front names the connection. */
  report(from: Address, { why, detail }: Unserved, uniqueId?: string): void {
    this.#counters.add(COUNTER_OF[why])
    const named = uniqueId === undefined ? {} : { uniqueId }
    this.#tell?.({ kind: 'unserved', at: this.#clock.now(), from, why, detail, ...named })
  }
}

/** Names what came instead of STUN or TLS, by its first octets. */
export function nameForeign(bytes: Buffer): Unserved {
  const text = bytes.toString('latin1', 0, LONGEST_START)
  if (HTTP.test(text)) return { why: 'http', detail: 'an HTTP request came' }
  if (text.startsWith('PROXY '))
    return { why: 'proxy-header', detail: 'a PROXY protocol header, version 1, came' }
  if (text.startsWith(PROXY_2))
    return { why: 'proxy-header', detail: 'a PROXY protocol header, version 2, came' }
  if (text.startsWith('SSH-')) return { why: 'not-stun', detail: 'an SSH client came' }
  return { why: 'not-stun', detail: 'something came that is neither STUN nor TLS' }
}

/**
 * Says why a handshake failed, by OpenSSL's code for it. An alert is what the
 * client said; anything else is what this server found.
 */
export function explainHandshake(error: NodeJS.ErrnoException): Unserved {
  const code = (error.code ?? '').replace(/^ERR_SSL_/, '')
  const alert = /^(?:SSLV3|TLSV1|TLSV13)_ALERT_(.+)$/.exec(code)?.[1]?.toLowerCase()
  if (alert !== undefined) {
    const [, why, what] = ALERTS.find(([alerts]) => alerts.includes(alert)) ?? [
      [],
      'tls-other',
      'the client gave up',
    ]
    return { why, detail: `TLS handshake failed: ${what} (alert ${alert})` }
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') return BROKEN_OFF
  const found = FAULTS.find(([codes]) => codes.includes(code))
  // OpenSSL's words come from its own table; nothing a client sends is among them.
  const words = code.toLowerCase().replaceAll('_', ' ') || 'no reason is known'
  return { why: found?.[1] ?? 'tls-other', detail: `TLS handshake failed: ${found?.[2] ?? words}` }
}

export const BROKEN_OFF: Unserved = {
  why: 'tls-broken-off',
  detail: 'TLS handshake failed: the client broke it off without saying why',
}
export const TOO_SLOW: Unserved = {
  why: 'tls-timeout',
  detail: 'TLS handshake failed: it was not done in ten seconds',
}
export const MADE_ROOM: Unserved = {
  why: 'tls-other',
  detail: 'TLS handshake failed: the connection made room for newer ones',
}
export const PLAIN_ON_TLS: Unserved = {
  why: 'plain-on-tls',
  detail: 'STUN without TLS came to a port that takes TLS only',
}
export const PROXY_SOURCE: Unserved = {
  why: 'proxy-source',
  detail: 'a connection came that is not from one of the proxies of proxy.from',
}
export const PROXY_MISSING: Unserved = {
  why: 'proxy-missing',
  detail: 'a connection of a proxy began without a PROXY protocol header',
}
export const MALFORMED_HELLO: Unserved = {
  why: 'tls-other',
  detail: 'TLS handshake failed: the ClientHello is malformed, or longer than 16 KiB',
}
export const WEB_FULL: Unserved = {
  why: 'web-full',
  detail: 'a connection for the web server came, and there are as many as there may be',
}

export function proxyMalformed(what: string): Unserved {
  return { why: 'proxy-malformed', detail: `a PROXY protocol header came, but ${what}` }
}

export function webUnreachable({ code, message }: NodeJS.ErrnoException): Unserved {
  return { why: 'web-unreachable', detail: `the web server behind does not answer: ${code ?? message}` }
}

export const NO_CERTIFICATE: Unserved = {
  why: 'tls-without-certificate',
  detail: 'TLS came, and there is no certificate to serve it with',
}

/** Alerts (RFC 8446 §6) and what they mean for an operator. */
const ALERTS: readonly (readonly [alerts: readonly string[], why: UnservedReason, what: string])[] = [
  [
    [
      'unknown_ca',
      'bad_certificate',
      'certificate_unknown',
      'certificate_expired',
      'certificate_revoked',
      'unsupported_certificate',
      'bad_certificate_status_response',
      'access_denied',
    ],
    'tls-untrusted',
    'the client does not trust the certificate',
  ],
  [
    ['protocol_version', 'insufficient_security', 'inappropriate_fallback'],
    'tls-version',
    'the client wants another version of TLS',
  ],
  [['handshake_failure', 'illegal_parameter'], 'tls-cipher', 'the client accepts none of the cipher suites'],
  [['no_application_protocol'], 'tls-protocol', 'the client wants another protocol (ALPN)'],
  [['unrecognized_name'], 'tls-untrusted', 'the client expects another name'],
  [['user_canceled', 'close_notify'], 'tls-broken-off', 'the client broke it off'],
]

/** What this server finds wrong with a client's hello. */
const FAULTS: readonly (readonly [codes: readonly string[], why: UnservedReason, what: string])[] = [
  [
    [
      'UNSUPPORTED_PROTOCOL',
      'VERSION_TOO_LOW',
      'WRONG_VERSION_NUMBER',
      'WRONG_SSL_VERSION',
      'INAPPROPRIATE_FALLBACK',
    ],
    'tls-version',
    'the client offers no version of TLS from 1.2 on',
  ],
  [
    [
      'NO_SHARED_CIPHER',
      'NO_CIPHERS_AVAILABLE',
      'NO_SUITABLE_SIGNATURE_ALGORITHM',
      'NO_SHARED_SIGNATURE_ALGORITHMS',
      'NO_SUITABLE_GROUPS',
      'NO_SUITABLE_KEY_SHARE',
      'NO_SHARED_GROUPS',
    ],
    'tls-cipher',
    'the client offers no cipher suite or curve that is served here',
  ],
  [['NO_APPLICATION_PROTOCOL'], 'tls-protocol', 'the client offers no protocol (ALPN) that is served here'],
]

const HTTP = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI) /
const PROXY_2 = '\r\n\r\n\0\r\nQUIT\n'
const LONGEST_START = 16
