import { type Address, address, formatAddress, parseIp } from '../../base/address.ts'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'

/** Reads `203.0.113.7:3478`, `[2001:db8::7]` and the like; the port may be left out. */
export function parseHostPort(text: string, defaultPort: number): Parsed<Address> {
  const [host, port] = split(text)
  if (host === '*' || host === '') return notAccepted('host-any', { given: text })
  if (port !== undefined && !isPort(port)) return notAccepted('port', { given: port })
  if (isLinkLocal(host)) return notAccepted('host-link-local', { given: host })
  const ip = parseIp(unbracketed(host))
  if (!ip)
    return host.includes('%')
      ? notAccepted('host-zone', { given: host })
      : notAccepted('host-name', { given: host })
  if (ip.length === 16 && !host.startsWith('[')) return notAccepted('host-brackets', { given: host })
  return succeeded(address(ip, port === undefined ? defaultPort : Number(port)))
}

/**
 * Whether a text is an IPv6 link-local address (RFC 4291 §2.5.6), with a zone
 * or without: either is refused, so no advice may lead from one to the other.
 */
export function isLinkLocal(text: string): boolean {
  return /^\[?fe[89ab][0-9a-f]:/i.test(text)
}

/**
 * Reads the address of a small HTTP server, `http://127.0.0.1:9641`. Port 0 means any free one.
 */
export function parseHttpAddress(text: string): Parsed<Address> {
  return parseHttp(text, 9641) ?? notAccepted('http-address', { given: text })
}

/** Reads where credentials are handed out, `http://127.0.0.1:8088`. */
export function parseIssueAddress(text: string): Parsed<Address> {
  return parseHttp(text, 8088) ?? notAccepted('issue-address', { given: text })
}

/** Reads where the console is served, `http://127.0.0.1:9642`. */
export function parseConsoleAddress(text: string): Parsed<Address> {
  return parseHttp(text, 9642) ?? notAccepted('console-address', { given: text })
}

function parseHttp(text: string, defaultPort: number): Parsed<Address> | undefined {
  const match = /^http:\/\/([^/]*)\/?$/.exec(text.trim())
  return match ? parseHostPort(match[1]!, defaultPort) : undefined
}

/** Reads where clients may turn to instead: an address of another relay. */
export function parseAlternate(text: string): Parsed<Address> {
  const found = parseHostPort(text.trim(), 3478)
  if (!found.ok) return found
  const isNowhere = found.value.port === 0 || found.value.ip.every(octet => octet === 0)
  return isNowhere ? notAccepted('alternate', { given: text }) : found
}

/** Reads where TLS is passed on to: `127.0.0.1:8443`. */
export function parseUpstream(text: string): Parsed<Address> {
  const found = parseHostPort(text.trim(), 443)
  if (!found.ok) return found
  const isNowhere = found.value.port === 0 || found.value.ip.every(octet => octet === 0)
  return isNowhere ? notAccepted('upstream', { given: text }) : found
}

export function formatHttpAddress(at: Address): string {
  return `http://${formatAddress(at)}`
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535
}

/** The host with its brackets, and the port where there is one. An unbracketed IPv6 address is all host. */
function split(text: string): [host: string, port: string | undefined] {
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1
  const colon = text.indexOf(':', bracket + 1)
  if (colon < 0 || (bracket < 0 && text.indexOf(':', colon + 1) >= 0)) return [text, undefined]
  return [text.slice(0, colon), text.slice(colon + 1)]
}

function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}
