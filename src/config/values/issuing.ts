import { succeeded } from '../../base/result.ts'
import type { Seconds } from '../../base/time.ts'
import { notAccepted, type Parsed } from '../fault.ts'
import { parseDuration } from './duration.ts'

/**
 * Clients look every ten minutes and renew what has ten minutes left, so what
 * lives shorter than both together is sometimes dead when a call needs it.
 */
const SHORTEST = 20 * 60
const LONGEST = 30 * 86_400

/** Reads how long handed out credentials are valid. */
export function parseIssueLifetime(text: string): Parsed<Seconds> {
  const seconds = parseDuration(text, { min: 0, max: LONGEST })
  if (!seconds.ok || seconds.value >= SHORTEST) return seconds
  return notAccepted('issue-lifetime-short', { given: text })
}

/** Reads the base of a homeserver's client API, without the slash at its end. */
export function parseHomeserverUrl(text: string): Parsed<string> {
  const fault = notAccepted('homeserver-url', { given: withoutPassword(text) })
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return fault
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return fault
  if (url.pathname.includes('/_matrix')) return notAccepted('homeserver-url-path', { given: text })
  return succeeded(url.href.replace(/\/+$/, ''))
}

/** Reads a DNS name or IP address as the Host header has it, without its port. */
export function parseHost(text: string): Parsed<string> {
  return HOST.test(text) ? succeeded(text.toLowerCase()) : notAccepted('host-header', { given: text })
}

/** Reads a Matrix server name, or `*.example.org` for all servers below that domain. */
export function parseServerPattern(text: string): Parsed<string> {
  if (/^\*(\.\*)*$/.test(text)) return notAccepted('openid-everybody', { given: text })
  const name = text.startsWith('*.') ? text.slice(2) : text
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?$/.exec(name) ?? []
  const isName = host !== undefined && HOST.test(host) && Number(port ?? 1) <= 65535
  return isName ? succeeded(text.toLowerCase()) : notAccepted('server-name', { given: text })
}

/** Reads an origin as browsers send it, or `*` for all. */
export function parseOrigin(text: string): Parsed<string> {
  if (text === '*') return succeeded(text)
  const isOrigin = URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text
  return isOrigin ? succeeded(text) : notAccepted('origin', { given: text })
}

const HOST =
  /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*)$/

function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//…@')
}
