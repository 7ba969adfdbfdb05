import { isIP } from 'node:net'
import { type Scope, scopeOf } from '../net/ports/relay-addresses.ts'

/** How far something is meant to reach, or does. */
const REACH: Readonly<Record<Scope, number>> = {
  public: 4,
  cgnat: 2,
  private: 2,
  'link-local': 1,
  loopback: 1,
  unusable: 0,
}

/** Names that exist on one machine or in one network only (RFC 6761, RFC 6762, RFC 8375 and what routers use). */
const LOCAL_NAME = /(^|\.)(localhost|local|lan|internal|intranet|home|home\.arpa|localdomain)\.?$/i

/**
 * Whom a relay of this name or address is for. Only a public DNS name or
 * address promises to serve everybody; what is named 192.168.1.5 or localhost
 * serves that network or machine, and need reach no further.
 */
export function audienceOf(host: string, addresses: readonly Uint8Array[]): Scope {
  const isPublicName = isIP(host) === 0 && host.includes('.') && !LOCAL_NAME.test(host)
  if (isPublicName) return 'public'
  const scopes = addresses.map(scopeOf)
  return scopes.reduce<Scope>((widest, scope) => (REACH[scope] > REACH[widest] ? scope : widest), 'unusable')
}

/** True where everybody of the audience reaches an address. */
export function reaches(ip: Uint8Array, audience: Scope): boolean {
  return REACH[scopeOf(ip)] >= REACH[audience]
}
